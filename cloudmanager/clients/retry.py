# SPDX-License-Identifier: Apache-2.0
"""Bounded repetition of requests, and one set of errors for all clients.

A request that may be asked twice is repeated after every passing trouble.
One that must not be is repeated only when it surely did nothing: the
connection was never made, or the service said 429 or 503. When its outcome
is not known, ``CloudOutcomeUnknown`` sends the caller to the cloud's
records.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextvars
import enum
import random
import threading
from typing import ParamSpec
from typing import TypeVar

from keystoneauth1 import exceptions as ks_exc
from oslo_config import cfg
from oslo_log import log as logging
import requests
import urllib3.exceptions as urllib3_exc

from cloudmanager.clients import session as cm_session
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import patience

CONF = cfg.CONF
P = ParamSpec('P')
T = TypeVar('T')
LOG = logging.getLogger(__name__)

NOTHING_DONE = frozenset((429, 503))
AMBIGUOUS = frozenset((408, 500, 502, 504))
PASSING = NOTHING_DONE | AMBIGUOUS

#: Set by a process that must end: pauses end at once, nothing is repeated.
stopping = threading.Event()


#: Tells whether the caller may still act: see ``only_while``.
_allowed: contextvars.ContextVar[Callable[[], bool]] = (
    contextvars.ContextVar('allowed', default=lambda: True))


def only_while(allowed: Callable[[], bool], function: Callable[P, T],
               *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function whose requests are repeated only while allowed.

    A conductor that lost its task must not repeat a request of it: its
    successor sends it.
    """
    token = _allowed.set(allowed)
    try:
        return function(*args, **kwargs)
    finally:
        _allowed.reset(token)


class Kind(enum.Enum):
    """Whether a request may be sent twice."""

    READ = 'read'               # nothing is changed
    IDEMPOTENT = 'idempotent'   # twice is as good as once
    ONCE = 'once'               # a second request is another request


def _status(exc: Exception) -> int | None:
    """Return the HTTP status of any client's error."""
    found = getattr(exc, 'http_status', None) or getattr(exc, 'code', None)
    return found if isinstance(found, int) else None


def _is_a_clients(exc: Exception) -> bool:
    """Tell errors of clients, which have no common base, from others.

    Our own have a code too, but that is for the answers of our API.
    """
    if isinstance(exc, exception.CloudManagerException):
        return False
    return (isinstance(exc, ks_exc.ClientException)
            or _status(exc) is not None)


def _never_sent(exc: Exception) -> bool:
    """Tell whether no connection was made at all.

    keystoneauth has one class for a refused connection and for one that
    broke after the request was sent; what it was made of tells them apart.
    """
    cause = exc.__context__
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(cause, requests.exceptions.ConnectionError):
        return False
    inner = cause.args[0] if cause.args else None
    return (isinstance(inner, urllib3_exc.MaxRetryError)
            and isinstance(inner.reason, urllib3_exc.NewConnectionError))


def _lost(exc: Exception) -> bool:
    return isinstance(exc, ks_exc.ConnectionError)


def _ambiguous(exc: Exception) -> bool:
    """Tell whether the service may have carried out the request."""
    if _lost(exc):
        return not _never_sent(exc)
    return _status(exc) in AMBIGUOUS


def _repeatable(exc: Exception, kind: Kind) -> bool:
    passing = (_lost(exc) or isinstance(exc, ks_exc.DiscoveryFailure)
               or _status(exc) in PASSING)
    return passing and (kind is not Kind.ONCE or not _ambiguous(exc))


def _translate(exc: Exception, kind: Kind, service: str,
               request: str) -> exception.CloudManagerException:
    status = _status(exc)
    reason = str(getattr(exc, 'message', None) or exc)
    if status == 404:
        return exception.NotFound(f'{service}: {reason}')
    if status == 401:
        reason = 'authentication failed'
    elif status is not None and status not in PASSING:
        refused = exception.CloudRequestRefused(
            service=service, request=request, reason=reason)
        refused.http_status = status
        return refused
    if isinstance(exc, ks_exc.EmptyCatalog):
        # Not the same as a cloud without this service.
        cm_session.forget_token()
        return exception.CloudNotConfigured(
            'The catalogue that the user of [cloud] gets is empty: check '
            'its project (project_name) and its roles there.')
    if isinstance(exc, ks_exc.EndpointNotFound):
        return exception.CloudServiceMissing(service=service, reason=reason)
    unknown = kind is not Kind.READ and _ambiguous(exc)
    made = (exception.CloudOutcomeUnknown if unknown
            else exception.CloudUnreachable)(service=service, reason=reason)
    made.http_status = status
    return made


def _pauses() -> Iterator[float]:
    """Give the length of each pause; ends when it is time to give up."""
    delay = min(CONF.cloud.retry_delay, CONF.cloud.retry_max_delay)
    for _ in range(CONF.cloud.retries):
        # Jitter keeps many clients from coming back at one moment.
        yield delay * random.uniform(0.75, 1.25)  # noqa: S311
        delay = min(delay * 2, CONF.cloud.retry_max_delay)


def call(kind: Kind, service: str, request: str,
         function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a client's function with repetition and our errors.

    :param kind: what it does to ask twice
    :param service: name for messages
    :param request: what is asked, for messages
    :raises NotFound: 404
    :raises CloudRequestRefused: the service said no
    :raises CloudNotConfigured: the catalogue of the cloud is empty
    :raises CloudUnreachable: no answer after all repetitions
    :raises CloudOutcomeUnknown: it may have been carried out
    """
    deadline = clock.monotonic() + (
        CONF.cloud.awaited_retry_total if patience.is_awaited()
        else CONF.cloud.retry_total)
    pauses = _pauses()
    while True:
        try:
            return function(*args, **kwargs)
        except Exception as exc:
            # Clients raise families of errors that have no common base.
            if not _is_a_clients(exc):
                raise
            pause = next(pauses, None)
            if pause is not None:
                asked = getattr(exc, 'retry_after', None)
                pause = max(pause, float(asked or 0))
            if (pause is None or not _repeatable(exc, kind)
                    or clock.monotonic() + pause > deadline
                    or clock.wait(stopping, pause)
                    or not _allowed.get()()):
                raise _translate(exc, kind, service, request) from exc
            LOG.info('%(service)s: %(request)s is repeated after: %(why)s',
                     {'service': service, 'request': request, 'why': exc})
