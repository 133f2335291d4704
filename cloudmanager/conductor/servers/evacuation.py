# SPDX-License-Identifier: Apache-2.0
"""Evacuates one server from a dead host; the host itself is left alone.

The host is not switched off here, since other servers may still run on it. It
must be off already, and the proof must be the same that the evacuation of a
whole host needs.
"""

import dataclasses

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import fencing
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import nova_requests
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
_ACTIONS = frozenset((Action.EVACUATE,))


def check(context: RequestContext, tools: Tools, host: str,
          params: JsonObject) -> None:
    """Check that evacuation is allowed and that proof can be had.

    :param host: the host that is down
    :raises Conflict: the configuration forbids it
    :raises HostNotFenced: nothing could prove that the host is off
    """
    fencing.check_allowed(host)
    if not params.get('fenced') and tools.power.node_of_host(
            context, host) is None:
        raise exception.HostNotFenced(
            host=host, reason='no power control is assigned to it')


def _prove_off(run: engine_run.Run, tools: Tools, host: str) -> None:
    """Prove that a host is off, without switching it.

    :raises HostNotFenced: nothing proves it
    """
    check(run.context, tools, host, run.params)
    if run.params.get('fenced'):
        fencing.believe(run, tools, host)
        return
    node = tools.power.node_of_host(run.context, host)
    if node is None or not tools.power.is_off(node, run):
        raise exception.HostNotFenced(
            host=host, reason='its node is not seen to be off')


def evacuate(run: engine_run.Run, tools: Tools) -> str:
    """Rebuild the server of a task on another host.

    :returns: why it failed; empty when it did not
    :raises HostNotFenced: the host is not proven to be off
    """
    move = _item(run)
    # The server may have moved since the request.
    source = move.source or ''
    if not move.is_planned:
        _prove_off(run, tools, source)
        _plan(run, tools, move, source)
    mover.Mover(run, tools, _ACTIONS, source=source).drive()
    move = _item(run)
    if move.state == ItemState.DONE:
        return ''
    release(run, tools, move)
    return move.error or 'no allowed action is left'


def _item(run: engine_run.Run) -> MoveItem:
    """Return the one item of a task as it is now."""
    return run.items(MoveItem)[0]


def _plan(run: engine_run.Run, tools: Tools, move: MoveItem,
          source: str) -> None:
    """Record where the server is to go."""
    # A user who names one server wants it moved, whatever its priority.
    plan = plans.make_plan(
        tools, 'evacuate', source, run.params,
        only=frozenset((move.object_id,)), priority_key='')
    entry = next((entry for entry in plan.servers
                  if entry.id == move.object_id), None)
    if entry is None:
        raise exception.TaskFailed(
            reason=f'Server {move.object_id} left its host {source} '
                   'meanwhile.')
    run.save(dataclasses.replace(
        plans.item_of(entry, run.params), id=move.id, action=move.action,
        priority=move.priority, attempts=move.attempts,
        created_at=move.created_at, waiting_since=clock.utcnow(),
        unknown=move.unknown))


def release(run: engine_run.Run, tools: Tools, move: MoveItem) -> None:
    """Take our own lock off the server of an item."""
    if move.lock:
        nova_requests.unlock(run, tools.nova,
                             tools.nova.server(move.object_id))
