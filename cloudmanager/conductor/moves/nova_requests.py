# SPDX-License-Identifier: Apache-2.0
"""Asks Nova to move a server. Runs in threads, touches no database."""

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action


def lock_reason(run: engine_run.Run) -> str:
    """Return the reason by which we recognize our own locks."""
    return f'cloudmanager task {run.task_id}'


def send(nova: protocols.Nova, item: MoveItem, source: str, reason: str,
         known: bool) -> bool:
    """Send the request of a move.

    :param nova: ``cloudmanager.clients.nova.Nova`` or its like
    :param source: the host on which the server must still be
    :param reason: of the lock that keeps tenants off an evacuated server
    :param known: whether the server was seen there a moment ago, unchanged
    :returns: whether our lock is on the server now
    :raises NotFound: the server is no longer there
    :raises CloudRequestRefused: the destination may not reach its disks
    """
    _check_disks(item)
    server_id, target, action = (
        item.object_id, item.destination, item.under_way)
    server = None
    if not known:
        server = nova.server(server_id)
        if server is None or server.host != source:
            # Somebody else took it away while it waited for its turn.
            raise exception.NotFound('The server is no longer there.')
    # An earlier request may have left it there.
    locked = server is not None and server.locked_reason == reason
    if action == Action.LIVE:
        nova.live_migrate(server_id, target, item.force)
    elif action == Action.COLD:
        nova.cold_migrate(server_id, target)
    elif action == Action.OFFLOAD:
        nova.shelve_offload(server_id)
    elif action == Action.EVACUATE:
        locked |= _prepare(nova, item, server, reason)
        nova.evacuate(server_id, target, item.force)
    return locked


def delete_again(nova: protocols.Nova, server_id: str) -> None:
    """Ask again for a deletion that hangs.

    The state is reset first: Nova ignores the request while the server has
    the task of the first one.

    :raises NotFound: the server is gone
    :raises CloudRequestRefused: Nova refuses to delete it
    """
    nova.reset_state(server_id, 'error')
    nova.request_deletion(server_id)


def _check_disks(item: MoveItem) -> None:
    """Check that the destination of an evacuation reaches the disks.

    If it does not, Nova rebuilds the server from its image, silently.
    """
    if (item.action != Action.EVACUATE or not item.disks or not item.storage
            or model.EVERYWHERE in item.storage):
        return
    if not item.destination or item.chosen_for != Action.EVACUATE:
        raise exception.CloudRequestRefused(
            service='cloudmanager', request=item.action,
            reason='no host with the shared storage of its disks can take '
                   'it')


def _prepare(nova: protocols.Nova, item: MoveItem,
             server: nova_records.Server | None, reason: str) -> bool:
    """Bring a server into a state from which Nova rebuilds it.

    :returns: whether we have locked it
    """
    locked = item.locked if server is None else server.locked
    lock = item.lock and not locked
    if lock:
        nova.lock(item.object_id, reason)
    # Nova does not rebuild servers in other states. If the server was not
    # read, the item says whether a reset is needed.
    if server is None:
        reset = bool(item.reset_state)
    else:
        reset = server.vm_state not in verdicts.EVACUATED_STATES
    if reset:
        nova.reset_state(item.object_id, 'error')
    return lock


def unlock(run: engine_run.Run, nova: protocols.Nova,
           server: nova_records.Server | None) -> None:
    """Take our own lock off a server, never somebody else's."""
    if (server is not None
            and server.locked_reason == lock_reason(run)):
        run.guard()
        nova.unlock(server.id)
