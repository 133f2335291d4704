# SPDX-License-Identifier: Apache-2.0
"""Locks of shared volume groups: who holds them, and if the holder is dead.

An agent reports what sanlock on its node sees. That cannot prove that a silent
owner is dead: its power controls have to report that it is off.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses

from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor import tools as conductor_tools
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.db.models import Row
from cloudmanager.domain import locks

#: Tasks that never switch a node on while they act on it.
_KEEPS_OFF = 'host.evacuate'


@dataclasses.dataclass(frozen=True)
class Finding:
    """A lock that other nodes hold, or that has an error.

    :ivar key: group and lock, as shown to users
    :ivar owners: names of its holders
    :ivar is_free: whether a node that requests the lock would get it
    :ivar reasons: why that is so
    """

    key: str
    about: str
    owners: tuple[str, ...]
    is_free: bool
    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """Why it is free, or not."""
        return '; '.join(self.reasons)


def read(context: RequestContext, agents: conductor_tools.Agents, host: str,
         group: str | None = None,
         volume: str | None = None) -> list[locks.Lockspace]:
    """Return the locks of shared volume groups as a host sees them.

    :param group: the volume group; all groups when ``None``
    :param volume: the logical volume; all volumes when ``None``
    :raises Unavailable: its agent cannot be reached, or cannot read them
    """
    answer = agents.call(context, host, 'locks.report',
                         {'group': group, 'volume': volume})
    try:
        return locks.load(answer)
    except ValueError as exc:
        raise exception.Unavailable(
            reason=f'The agent on host {host} did not answer with a valid '
                                        'report on locks.') from exc


def owners(space: locks.Lockspace) -> list[locks.Member]:
    """Return the other hosts that hold locks, silent or not.

    There are none for a lockspace whose view of other hosts is not reliable.
    """
    if space.trouble:
        return []
    ids = {holder.host_id for lock in space.locks for holder in lock.holders
           if space.judge(holder)[0] != locks.Verdict.FREE
           and holder.host_id != space.own_id}
    return [member for member in space.members if member.host_id in ids]


def silent(space: locks.Lockspace) -> list[locks.Member]:
    """Return those of the owners that do not renew their leases."""
    return [member for member in owners(space) if space.is_silent(member)]


def find_node(context: RequestContext, member: locks.Member) -> Row | None:
    """Return the node of a holder of locks.

    :returns: ``None`` when no node, or more than one, has its name
    """
    found = {node['id']: node for name in member.host_names
             if (node := db_nodes.find_by_name(context, name)) is not None}
    return next(iter(found.values())) if len(found) == 1 else None


def host_name(context: RequestContext, member: locks.Member) -> str:
    """Return the name of the host of a holder."""
    node = find_node(context, member)
    return str(node['name']) if node else member.host_names[0]


def why_alive(run: engine_run.Run, tools: Tools,
              member: locks.Member) -> str:
    """Return why a silent holder is not proven to be off.

    :returns: empty when it is off, and no other task can switch it on
    """
    node = find_node(run.context, member)
    if node is None:
        return ('cannot tell whether it is off: there is not exactly '
                f'one node {member.host_names[0]}')
    name = node['name']
    if tools.power.node_of_host(run.context, name) is None:
        return (f'cannot tell whether node {name} is off: no power '
                'control is assigned to it')
    task = db_tasks.find_running(run.context, f'node:{node["id"]}')
    if task is None:
        return (f'node {name} stopped renewing its lease after the request; '
        'send the request again')
    if task['id'] != run.task_id and task['name'] != _KEEPS_OFF:
        return f'task {task["id"]} ({task["name"]}) acts on node {name}'
    if not tools.power.is_off(node, run):
        return f'node {name} is not seen to be off; fence it first'
    return ''


def findings(spaces: Iterable[locks.Lockspace],
             doubts: Mapping[tuple[str, int], str]) -> list[Finding]:
    """Return the locks that others hold, or that have an error.

    :param doubts: why silent holders are not proven to be dead, by group
        and id
    """
    return [found for space in spaces for lock in space.locks
            if (found := _finding(space, lock, doubts)) is not None]


def _finding(space: locks.Lockspace, lock: locks.Lock,
             doubts: Mapping[tuple[str, int], str]) -> Finding | None:
    owners, free, kept = [], [], []
    for holder in lock.holders:
        verdict, why = space.judge(holder)
        if holder.host_id == space.own_id and verdict == locks.Verdict.HELD:
            continue
        member = space.member(holder.host_id)
        owners.append(member.name if member else str(holder.host_id))
        if verdict == locks.Verdict.FREE:
            free.append(why)
            continue
        doubt = doubts.get((space.group, holder.host_id))
        kept.append(f'{why}; {doubt}' if doubt else why)
    if lock.is_orphan:
        kept.append('lvmlockd of this node was killed and left the lock '
                    'behind; ' + (
                        'repair-locks has it take the lock over'
                        if lock.is_active else
                        'the volume is not active, so it does not take it '
                        'over'))
    exposed = space.why_unprotected(lock)
    if exposed:
        kept.append(f'the volume is active on this node, unprotected: '
                    f'{exposed}; {_users(space, lock)}')
    if not free and not kept:
        return None
    return Finding(f'{space.group}/{lock.volume or lock.name}',
                   f'{lock.about} in group {space.group}', tuple(owners),
                   not kept, tuple(kept or free))


def _users(space: locks.Lockspace, lock: locks.Lock) -> str:
    """Return who uses an unprotected volume, in words."""
    if space.guests_trouble:
        return ('which servers of this node use it is not known: '
                f'{space.guests_trouble}')
    if not lock.guests:
        return 'no server of this node uses it'
    return ('shut down or move away what uses it: '
            f'{", ".join(lock.guests)}')


def unprotected(spaces: Iterable[locks.Lockspace]) -> list[JsonObject]:
    """Return the unprotected volumes of a node, as shown to users."""
    return [{'lock': f'{space.group}/{lock.volume or lock.name}',
             'reason': why, 'guests': list(lock.guests),
             'guests_reason': space.guests_trouble or None}
            for space in spaces for lock, why in space.unprotected]


def check_any(host: str, spaces: list[locks.Lockspace]) -> None:
    """Check that there is something to do or to tell about a host's locks.

    :raises Conflict: it has no shared volume group, or can judge the locks of
        none, no volume is unprotected, and no daemon is in disorder
    """
    if not spaces:
        raise exception.Conflict(
            reason=f'Host {host} has no shared volume group.')
    if all(space.trouble for space in spaces) and not any(
            space.unprotected or space.disorder for space in spaces):
        raise exception.Conflict(reason='; '.join(
            f'Volume group {space.group} of host {host}: {space.trouble}'
            for space in spaces) + '.')


def is_evacuated(context: RequestContext, node: Row) -> bool:
    """Tell whether an evacuation acts on a node; it keeps the node off."""
    task = db_tasks.find_running(context, f'node:{node["id"]}')
    return task is not None and task['name'] == _KEEPS_OFF
