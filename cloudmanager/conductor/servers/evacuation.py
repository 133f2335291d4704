# SPDX-License-Identifier: Apache-2.0
"""Brings one server off a dead host; the host itself is left alone.

Here nothing is switched off: others may still run on the host. It must be
off already, by the same proof that the evacuation of a whole host needs.
"""

from typing import Any

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import fencing
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.moves import requests
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
_ACTIONS = frozenset((Action.EVACUATE,))


def check(context: RequestContext, tools: Tools, host: str,
          params: dict[str, Any]) -> None:
    """Check what can be checked before a task: may it, can it be proven.

    :param host: that is down
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

    :raises HostNotFenced: it is not proven
    """
    check(run.context, tools, host, run.params)
    if run.params.get('fenced'):
        fencing.believe(run, tools, host)
        return
    node = tools.power.node_of_host(run.context, host)
    if node is None or not tools.power.is_off(node, run):
        raise exception.HostNotFenced(
            host=host, reason='its node is not seen to be off')


def evacuate(run: engine_run.Run, tools: Tools, item: dict[str, Any]) -> str:
    """Rebuild the server of an item on another host.

    :returns: why it failed; empty when it did not
    :raises HostNotFenced: the host is not proven to be off
    """
    if 'ladder' not in item['memory']:
        _prove_off(run, tools, item['source'])
        _plan(run, tools, item)
    # The server may have moved since the request.
    mover.Mover(run, tools, _ACTIONS, source=item['source']).drive()
    item.update(next(found for found in run.items()
                     if found['id'] == item['id']))
    if item['state'] == ItemState.DONE:
        return ''
    release(run, tools, item)
    return item['error'] or 'no allowed action is left'


def _plan(run: engine_run.Run, tools: Tools, item: dict[str, Any]) -> None:
    """Write down where the server shall go."""
    # Whoever asks for one server wants it, whatever its priority says.
    plan = plans.make_plan(
        tools, 'evacuate', item['source'], run.params,
        only=frozenset((item['object_id'],)), priority_key='')
    entry = next((entry for entry in plan.servers
                  if entry.id == item['object_id']), None)
    if entry is None:
        raise exception.TaskFailed(
            reason=f'Server {item["object_id"]} left its host '
                   f'{item["source"]} meanwhile.')
    planned = plans.item_of(entry, run.params)
    run.update_item(
        item, **{key: planned[key] for key in
                 ('state', 'error', 'destination')},
        memory={**item['memory'], **planned['memory'],
                'waiting_since': clock.utcnow().isoformat()})


def release(run: engine_run.Run, tools: Tools, item: dict[str, Any]) -> None:
    """Take our own lock off the server of an item."""
    if item['memory'].get('lock'):
        requests.unlock(run, tools.nova, tools.nova.server(item['object_id']))
