# SPDX-License-Identifier: Apache-2.0
"""Check that an action on a volume can begin, before its task is created.

Each function returns the ``host`` whose agent carries out the action, the
``targets`` of the task, and its ``plan``.
"""

from collections.abc import Mapping
from typing import Any

from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import checks as agent_checks
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import locks
from cloudmanager.conductor.volumes import places
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import lvm
from cloudmanager.domain import lvm_rules
from cloudmanager.domain import power_states

#: Statuses in which Cinder itself is changing the data of a volume.
_BUSY = frozenset((
    'attaching', 'backing-up', 'creating', 'deleting', 'detaching',
    'downloading', 'error_deleting', 'extending', 'managing',
    'restoring-backup', 'retyping', 'uploading'))
Params = Mapping[str, Any]


def mirror(context: RequestContext, tools: Tools, volume_id: str,
           params: Params) -> JsonObject:
    """Check that the number of copies of a volume can be changed."""
    place = find(context, tools, volume_id)
    copies = params['mirror_count'] + 1
    change = lvm_rules.mirror(place.group, place.logical.name, copies)
    return _answer(context, place, change, [], {
        'copies': copies, 'copies_before': place.logical.copies})


def pv_migrate(context: RequestContext, tools: Tools, volume_id: str,
               params: Params) -> JsonObject:
    """Check that the data of a volume can leave a physical volume."""
    place = find(context, tools, volume_id)
    change = lvm_rules.move(place.group, place.logical.name,
                            params['source_pv'], params.get('dest_pv'))
    # LVM can carry out several moves at the same time, but together they
    # would put too much load on the devices of a group.
    return _answer(context, place, change, [f'vg:{place.group.uuid}'], {
        'source_pv': params['source_pv'], 'dest_pv': params.get('dest_pv')})


def find(context: RequestContext, tools: Tools,
         volume_id: str) -> places.Place:
    """Find a volume that may be changed.

    :raises LogicalVolumeState: Cinder is changing it
    :raises: the errors of ``places.find``
    """
    place = places.find(context, tools, volume_id)
    if place.volume.status in _BUSY:
        raise exception.LogicalVolumeState(
            volume=place.logical.name,
            reason=f'Cinder says that it is {place.volume.status}')
    return place


def _answer(context: RequestContext, place: places.Place,
            change: lvm_rules.Change, targets: list[str],
            plan: JsonObject) -> JsonObject:
    check_host(context, place.host)
    return {
        'host': place.host,
        'targets': [f'volume:{place.volume.id}', *targets],
        'plan': {'host': place.host, 'vg_name': place.group.name,
                 'lv_name': place.logical.name,
                 'size': lvm.size_text(change.size),
                 'command': list(change.command), **plan}}


def check_host(context: RequestContext, host: str,
               task_id: str | None = None) -> None:
    """Check that no task takes a host out of use, or switches it.

    :raises TaskConflict: a task does
    """
    target = f'host:{host}'
    holder = db_tasks.find_running(context, target)
    node = db_nodes.find_by_name(context, host)
    if holder is None and node is not None:
        target = f'node:{node["id"]}'
        holder = db_tasks.find_running(context, target)
        if holder is not None and holder['name'] not in db_tasks.POWER_WORK:
            return
    if holder is not None and holder['id'] != task_id:
        raise exception.TaskConflict(task=holder['id'], name=holder['name'],
                                     target=target)


def check_no_volume_work(context: RequestContext, host: str) -> None:
    """Check that no volume of a host is being mirrored or moved.

    :raises TaskConflict: a volume is
    """
    db_tasks.check_may_stop(context, host, {})


def repair_locks(context: RequestContext, tools: Tools, node_id: int,
           params: Params) -> JsonObject:
    """Check that locks can be repaired for a node.

    :returns: the ``plan``, and as ``targets`` the nodes of silent holders, so
        that no other task switches them on
    """
    node = db_nodes.get_columns(context, node_id)
    host = agent_checks.host_of(node)
    spaces = locks.read(context, tools.agents, host)
    locks.check_any(host, spaces)
    targets, steps = [], []
    for space in spaces:
        if space.adoptable:
            steps.append(
                'have lvmlockd of this node take over, in group '
                f'{space.group}: '
                f'{", ".join(lock.volume for lock in space.adoptable)}')
        if space.disorder:
            steps.append(
                'when no volume of a shared group is active on this node, '
                'and no server runs: stop lvmlockd, sanlock and wdmd, start '
                f'them, and join group {space.group} if it was joined: '
                f'{space.disorder}')
        for member in locks.owners(space):
            owner = locks.find_node(context, member)
            # A node that was switched off a moment ago is not silent yet.
            was_off = (owner is not None and owner['power_state']
                       == power_states.POWER_OFF)
            if not was_off and not space.is_silent(member):
                continue
            name = locks.host_name(context, member)
            steps.append(
                f'when node {name} is seen to be off: free what '
                f'{member.name} (id {member.host_id}, generation '
                f'{member.generation}) holds in group {space.group}')
            if owner is not None and not locks.is_evacuated(context, owner):
                targets.append(f'node:{owner["id"]}')
    return {'targets': targets, 'plan': {
        'host': host, 'steps': steps, 'locks': [
            {'lock': found.key, 'about': found.about,
             'owners': list(found.owners), 'free': found.is_free,
             'reason': found.text} for found in locks.findings(spaces, {})],
        'unprotected': locks.unprotected(spaces)}}
