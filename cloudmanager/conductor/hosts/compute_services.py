# SPDX-License-Identifier: Apache-2.0
"""Disabling Nova's services, and recording their state."""

from collections.abc import Callable
from concurrent import futures
import re
import threading

from taskflow.types import failure

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.clients import retry
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import conditions as db_conditions

# Nova stores at most this many characters of a disabled_reason.
MAX_REASON = 255
# How the reason begins that a failed task leaves on a service.
_LEFT = re.compile(r'cloudmanager: \S+, task \S+ failed: ')
# Seconds to wait for Nova's answer before looking whether it has stored the
# status already.
LOOK_SECONDS = 2


def disable(nova: protocols.Nova, service: nova_records.Service, reason: str,
            proceed: Callable[[], object] = lambda: None) -> None:
    """Disable a service, without waiting for a host that is dead.

    :param nova: ``cloudmanager.clients.nova.Nova`` or its like
    :param proceed: called again and again while Nova has not answered; may
        raise to end the wait
    :raises HostNotFound: the service was removed in the meantime
    """
    _switch(nova, service.host, 'disabled', proceed,
            lambda: nova.disable_service(service.id, reason))


def enable(nova: protocols.Nova, service: nova_records.Service,
           proceed: Callable[[], object] = lambda: None) -> None:
    """Enable a service, without waiting for a host that is dead.

    The parameters and errors are those of ``disable``.
    """
    _switch(nova, service.host, 'enabled', proceed,
            lambda: nova.enable_service(service.id))


def _switch(nova: protocols.Nova, host: str, status: str,
            proceed: Callable[[], object],
            request: Callable[[], None]) -> None:
    """Have Nova change the status of the nova-compute of a host.

    Nova stores the new status first and then calls the host. If the host has
    just died, that call takes a minute to time out. By then somebody may have
    changed the status again, so the request is not repeated any more.

    :param status: what it will be
    """
    call: futures.Future[None] = futures.Future()
    over = threading.Event()

    def ask() -> None:
        try:
            retry.only_while(lambda: not over.is_set(), request)
            call.set_result(None)
        except Exception as exc:
            # Boundary of the thread: the waiting caller must get any error,
            # or it would wait for ever.
            call.set_exception(exc)

    threading.Thread(target=ask, daemon=True, name=status).start()
    try:
        while True:
            try:
                return call.result(LOOK_SECONDS)
            except futures.TimeoutError:
                proceed()
                found = nova.service(host)
                if found is None:
                    raise exception.HostNotFound(host=host) from None
                if found.status == status:
                    return
    finally:
        over.set()


def note(context: RequestContext, service: nova_records.Service) -> None:
    """Update the condition of a host's node from its nova-compute.

    :param service: as Nova has just shown it
    """
    db_conditions.note_compute(
        context, service.host, service.status,
        'forced_down' if service.forced_down else service.state)


def after_task(run: engine_run.Run, tools: Callable[[], Tools]) -> None:
    """Update the conditions of the host or nodes that a task acted on.

    :param run: of the task that has ended
    :param tools: returns ``cloudmanager.conductor.tools.Tools``
    """
    if run.host:
        service = tools().nova.service(run.host)
        if service is not None:
            note(run.context, service)
    ids = [run.params['node_id']] if 'node_id' in run.params else []
    ids += run.params.get('node_ids', ())
    if ids:
        db_conditions.refresh(run.context, ids)


def of_host(nova: protocols.Nova, host: str) -> nova_records.Service:
    """Return the nova-compute of a host, as Nova's service record.

    :raises HostNotFound: the host has none
    """
    service = nova.service(host)
    if service is None:
        raise exception.HostNotFound(host=host)
    return service


def is_left(reason: str | None) -> bool:
    """Tell whether a reason was left by a task that failed."""
    return bool(_LEFT.match(reason or ''))


def failure_reason(reason: str, causes: list[failure.Failure],
                   fenced: bool) -> str:
    """Return the reason for leaving a host disabled after its task failed.

    It says what failed and what to do, cut to the length that Nova accepts.

    :param reason: the reason that the task gave when it disabled the host
    :param fenced: whether the host was fenced
    """
    what = '; '.join(' '.join(cause.exception_str.split())
                     for cause in causes).rstrip('.') or 'it failed'
    advice = ('. Repeat it, or take the host back.' if fenced
              else '. Repeat it, or enable the host.')
    room = MAX_REASON - len(reason) - len(' failed: ') - len(advice)
    if len(what) > room:
        what = what[:room - 3].rstrip() + '...'
    return f'{reason} failed: {what}{advice}'
