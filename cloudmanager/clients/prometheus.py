# SPDX-License-Identifier: Apache-2.0
"""Queries to Prometheus, or to what speaks its HTTP API.

TLS and credentials are keystoneauth options of ``[prometheus]``: none,
HTTP Basic, or Keystone's where a proxy asks for its tokens.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses

from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import loading
from keystoneauth1.session import Session
import orjson
from oslo_config import cfg
import requests
from urllib3 import exceptions as urllib3_exc

from cloudmanager.clients import retry
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF
GROUP = 'prometheus'
SERVICE = 'Prometheus'
RANGE = '/api/v1/query_range'
CHUNK = 1 << 16
# Prometheus answers no more points of a series.
MOST_POINTS = 11000


@dataclasses.dataclass(frozen=True, slots=True)
class Series:
    """What a query found under one set of labels.

    :ivar points: pairs of seconds since 1970 and values, in order of time
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """The server that ``[prometheus] url`` names."""

    def __init__(self) -> None:
        self._session = _session()

    def range(self, query: str, start: float, end: float,
              step: float) -> list[Series]:
        """Return what an expression was worth over a while.

        :param query: in PromQL
        :param start: seconds since 1970, as is ``end``; both included
        :param step: seconds between two points, at least; it is made longer
            if there were too many of them
        :raises Misconfigured: no URL is set
        :raises CloudRequestRefused: the query is none
        :raises CloudUnreachable: no answer in time, or not one of Prometheus
        """
        step = max(step, (end - start) / MOST_POINTS)
        document = retry.call(
            retry.Kind.READ, SERVICE, f'POST {RANGE}', self._post, RANGE,
            {'query': query, 'start': f'{start:.3f}', 'end': f'{end:.3f}',
             'step': f'{step:.3f}',
             'timeout': f'{CONF.prometheus.timeout * 1000:.0f}ms'})
        try:
            data = document['data']
            if data['resultType'] != 'matrix':
                raise ValueError
            return [_series(found) for found in data['result']]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise exception.CloudUnreachable(
                service=SERVICE, reason='its answer is not understood'
            ) from None

    def _post(self, path: str, form: Mapping[str, str]) -> JsonObject:
        """Send a form, and return the document of the answer."""
        if not CONF.prometheus.url:
            raise exception.Misconfigured(
                setting='[prometheus] url', reason='it is not set')
        with self._session.request(
                CONF.prometheus.url.rstrip('/') + path, 'POST', data=form,
                authenticated=self._session.auth is not None, stream=True,
                redirect=False, log=False, connect_retries=0,
                raise_exc=False) as answer:
            body = b''.join(_read(answer))
        try:
            document = orjson.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            document = {}
        if answer.status_code != 200:
            raise _error(answer.status_code, document)
        return document


def _session() -> Session:
    """Return a session with the options of the group."""
    try:
        found: Session = loading.load_session_from_conf_options(
            CONF, GROUP, auth=loading.load_auth_from_conf_options(
                CONF, GROUP))
    except ks_exc.ClientException as exc:
        raise exception.Misconfigured(
            setting='[prometheus] auth_type', reason=exc) from exc
    return found


def _read(answer: requests.Response) -> Iterator[bytes]:
    """Give the bytes of an answer, as long as it is neither slow nor long.

    :raises ConnectFailure: it broke off, or is one of these
    """
    deadline = clock.monotonic() + CONF.prometheus.timeout
    left = CONF.prometheus.max_answer * (1 << 20)
    try:
        while chunk := answer.raw.read1(CHUNK, decode_content=True):
            left -= len(chunk)
            if left < 0:
                raise ks_exc.ConnectFailure(
                    'its answer is longer than [prometheus] max_answer')
            if clock.monotonic() > deadline:
                raise ks_exc.ConnectFailure('its answer did not end in time')
            yield chunk
    except (OSError, urllib3_exc.HTTPError) as exc:
        raise ks_exc.ConnectFailure('its answer broke off') from exc


def _error(status: int, document: JsonObject) -> ks_exc.HttpError:
    """Return the error that an answer tells of."""
    reason = document.get('error')
    return ks_exc.HttpError(
        reason[:200] if isinstance(reason, str) else 'no reason is told',
        http_status=status)


def _series(found: JsonObject) -> Series:
    """Read one series.

    :raises KeyError: it is none, as may AttributeError, TypeError, ValueError
    """
    return Series(
        {str(key): str(value) for key, value in found['metric'].items()},
        tuple((float(time), float(value))
              for time, value in found['values']))
