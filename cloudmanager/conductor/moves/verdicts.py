# SPDX-License-Identifier: Apache-2.0
"""What Nova's records say about a move; no I/O."""

from collections.abc import Iterable
import dataclasses
import datetime
import enum
from typing import TypeGuard

from cloudmanager.clients import nova_records
from cloudmanager.planning.terms import Action

#: Nova's name for our actions in its instance actions.
NOVA_ACTION = {
    Action.LIVE: 'live-migration', Action.COLD: 'migrate',
    Action.EVACUATE: 'evacuate', Action.OFFLOAD: 'shelveOffload'}
NOVA_TYPE = {
    Action.LIVE: 'live-migration', Action.COLD: 'migration',
    Action.EVACUATE: 'evacuation'}

_FAILED = frozenset(('error', 'failed', 'cancelled', 'reverted'))
_ENDED = {Action.LIVE: frozenset(('completed',)),
          Action.COLD: frozenset(('confirmed',)),
          Action.EVACUATE: frozenset(('done', 'completed'))}
#: vm_states from which Nova evacuates servers.
EVACUATED_STATES = frozenset(('active', 'stopped', 'error'))
#: Statuses of live migrations that Nova can abort.
ABORTABLE = frozenset(('running', 'queued'))
GONE = frozenset(('DELETED', 'SOFT_DELETED'))
#: Nova's name of a deletion among its instance actions.
DELETE = 'delete'
#: Tasks of servers that their owner has deleted.
DELETING = frozenset(('deleting', 'soft-deleting'))


class Verdict(enum.Enum):
    """The state of a move."""

    RUNNING = 'running'
    FINISHED = 'finished'
    CONFIRM = 'confirm'
    FAILED = 'failed'


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, the destination, and the reason for a failure."""

    verdict: Verdict
    destination: str | None = None
    reason: str = ''


def latest(migrations: Iterable[nova_records.Migration], server_id: str,
           action: Action, after: int) -> nova_records.Migration | None:
    """Return the newest migration of a server by an action.

    :param after: only migrations with a higher id count
    """
    found = [item for item in migrations
             if item.server_id == server_id and item.id > after
             and item.type == NOVA_TYPE.get(action)]
    return max(found, key=lambda item: item.id, default=None)


def by_migration(action: Action,
                 migration: nova_records.Migration) -> Finding:
    """Judge a move by its migration record."""
    status = migration.status
    if status in _FAILED:
        return Finding(Verdict.FAILED, migration.destination,
                       f'Nova ended the migration with status {status}')
    if status in _ENDED[action]:
        return Finding(Verdict.FINISHED, migration.destination)
    if action == Action.COLD and status == 'finished':
        return Finding(Verdict.CONFIRM, migration.destination)
    return Finding(Verdict.RUNNING, migration.destination)


def newer(actions: Iterable[nova_records.Action],
          known: str | None) -> list[nova_records.Action]:
    """Return the actions that are newer than a known request.

    :param actions: newest first
    :param known: id of the request; ``None`` if none is known
    """
    found = []
    for item in actions:
        if item.request_id == known:
            break
        found.append(item)
    return found


def asked(actions: list[nova_records.Action], action: Action,
          since: datetime.datetime) -> bool:
    """Tell whether Nova got a request for an action since a time.

    :param actions: the server's instance actions
    :param since: when we were about to ask, minus the skew of clocks
    """
    name = NOVA_ACTION[action]
    return any(item.action == name and item.start_time >= since
               for item in actions)


def action_failed(actions: list[nova_records.Action], action: Action,
                  since: datetime.datetime) -> bool:
    """Tell whether the newest request for an action ended in an error."""
    name = NOVA_ACTION[action]
    for item in actions:
        if item.action == name and item.start_time >= since:
            return bool(item.message)
    return False


def exists(server: nova_records.Server | None
           ) -> TypeGuard[nova_records.Server]:
    """Tell whether a server still exists."""
    return server is not None and server.status not in GONE


def left(server: nova_records.Server, source: str) -> bool:
    """Tell whether a server has no task and is on another host, or on none."""
    return server.task_state is None and server.host != source


def arrived(server: nova_records.Server, source: str) -> bool:
    """Tell whether a server has no task and is on another host."""
    return left(server, source) and server.host is not None


def half_left(server: nova_records.Server, source: str) -> bool:
    """Tell whether a server has left a host but its old half is still there.
    """
    return left(server, source) and server.status == 'VERIFY_RESIZE'


def moved_away(server: nova_records.Server, source: str) -> bool:
    """Tell whether a server has left a host and nothing of it is left there.
    """
    return (left(server, source) and server.status != 'ERROR'
            and not half_left(server, source))
