# SPDX-License-Identifier: Apache-2.0
"""Services of Nova: disabling them, and remembering what they are."""

from collections.abc import Callable
from concurrent import futures
import re
import threading

from taskflow.types import failure

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import conditions as db_conditions

# Characters of Nova's disabled_reason.
MAX_REASON = 255
# How reasons begin that tasks leave which have failed.
_LEFT = re.compile(r'cloudmanager: \S+, task \S+ failed: ')
# After this long look whether Nova has disabled a host already.
DISABLE_SECONDS = 2


def disable(nova: protocols.Nova, service: nova_records.Service, reason: str,
            proceed: Callable[[], object] = lambda: None) -> None:
    """Disable a service, without waiting for a host that is dead.

    Nova stores the new status first and then calls the host, for a minute
    when the host has died a moment ago.

    :param nova: ``cloudmanager.clients.nova.Nova`` or its like
    :param proceed: called while it is waited for; ends that by raising
    :raises HostNotFound: the service was removed meanwhile
    """
    call: futures.Future[None] = futures.Future()

    def ask() -> None:
        try:
            nova.disable_service(service.id, reason)
            call.set_result(None)
        except Exception as exc:
            # Boundary of the thread: who waits for it gets whatever it was,
            # and does not wait for ever.
            call.set_exception(exc)

    threading.Thread(target=ask, daemon=True, name='disable').start()
    while True:
        try:
            return call.result(DISABLE_SECONDS)
        except futures.TimeoutError:
            proceed()
            found = nova.service(service.host)
            if found is None:
                raise exception.HostNotFound(host=service.host) from None
            if found.status == 'disabled':
                return


def note(context: RequestContext, service: nova_records.Service) -> None:
    """Let the condition of a host's node follow its nova-compute.

    :param service: as Nova has just shown it
    """
    db_conditions.note_compute(
        context, service.host, service.status,
        'forced_down' if service.forced_down else service.state)


def after_task(run: engine_run.Run, tools: Callable[[], Tools]) -> None:
    """Let conditions follow what a task has made of its host or nodes.

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

    :raises HostNotFound: there is none
    """
    service = nova.service(host)
    if service is None:
        raise exception.HostNotFound(host=host)
    return service


def is_left(reason: str | None) -> bool:
    """Tell whether a reason is what a task that failed has left."""
    return bool(_LEFT.match(reason or ''))


def failure_reason(reason: str, causes: list[failure.Failure],
                   fenced: bool) -> str:
    """Return why a host stays disabled when its task has failed.

    It says what failed and what to do, in as many characters as Nova takes.

    :param reason: by which the task had disabled it
    :param fenced: whether the host was cut off
    """
    what = '; '.join(' '.join(cause.exception_str.split())
                     for cause in causes).rstrip('.') or 'it failed'
    advice = ('. Repeat it, or take the host back.' if fenced
              else '. Repeat it, or enable the host.')
    room = MAX_REASON - len(reason) - len(' failed: ') - len(advice)
    if len(what) > room:
        what = what[:room - 3].rstrip() + '...'
    return f'{reason} failed: {what}{advice}'
