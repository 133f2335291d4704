# SPDX-License-Identifier: Apache-2.0
"""Services of Nova: disabling them, and remembering what they are."""

from collections.abc import Callable
from concurrent import futures
import threading
from typing import Any

from cloudmanager.common import exception
from cloudmanager.db import conditions as db_conditions

# After this long look whether Nova has disabled a host already.
DISABLE_SECONDS = 2


def disable(nova: Any, service: Any, reason: str,
            proceed: Callable[[], Any] = lambda: None) -> None:
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


def note(context: Any, service: Any) -> None:
    """Let the condition of a host's node follow its nova-compute.

    :param service: as Nova has just shown it
    """
    db_conditions.note_compute(
        context, service.host, service.status,
        'forced_down' if service.forced_down else service.state)


def after_task(run: Any, tools: Callable[[], Any]) -> None:
    """Let conditions follow what a task has made of its host or nodes.

    :param run: of the task that has ended
    :param tools: returns ``cloudmanager.conductor.tasks.base.Tools``
    """
    if run.host:
        service = tools().nova.service(run.host)
        if service is not None:
            note(run.context, service)
    ids = [run.params['node_id']] if 'node_id' in run.params else []
    ids += run.params.get('node_ids', ())
    if ids:
        db_conditions.refresh(run.context, ids)
