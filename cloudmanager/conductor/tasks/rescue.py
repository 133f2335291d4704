# SPDX-License-Identifier: Apache-2.0
"""Brings one server off a dead host; the host itself is left alone.

Here nothing is switched off: others may still run on the host. It must be
off already, by the same proof that the evacuation of a whole host needs.
"""

from typing import Any

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.tasks import host as host_steps
from cloudmanager.conductor.tasks import moves
from cloudmanager.conductor.tasks import observe
from cloudmanager.conductor.tasks import plans
from cloudmanager.conductor.tasks.base import Step
from cloudmanager.conductor.tasks.base import Tools
from cloudmanager.db import tasks as db_tasks

CONF = cfg.CONF
_ACTIONS = frozenset((observe.EVACUATE,))


def check(context: Any, tools: Tools, host: str,
          params: dict[str, Any]) -> None:
    """Check what can be checked before a task: may it, can it be proven.

    :param host: that is down
    :raises Conflict: the configuration forbids it
    :raises HostNotFenced: nothing could prove that the host is off
    """
    host_steps.check_allowed(host)
    if not params.get('fenced') and tools.power.node_of_host(
            context, host) is None:
        raise exception.HostNotFenced(
            host=host, reason='no power control is assigned to it')


def _prove_off(step: Step, host: str) -> None:
    """Prove that a host is off, without switching it.

    :raises HostNotFenced: it is not proven
    """
    check(step.run.context, step.tools, host, step.run.params)
    if step.run.params.get('fenced'):
        host_steps.believe(step)
        return
    node = step.tools.power.node_of_host(step.run.context, host)
    if not step.tools.power.is_off(node, step.run):
        raise exception.HostNotFenced(
            host=host, reason='its node is not seen to be off')


def evacuate(step: Step, item: dict[str, Any]) -> str:
    """Rebuild the server of an item on another host.

    :returns: why it failed; empty when it did not
    :raises HostNotFenced: the host is not proven to be off
    """
    # The server may have moved since the request.
    step.run.host = item['source']
    if 'ladder' not in item['memory']:
        _prove_off(step, item['source'])
        _plan(step, item)
    moves.Mover(step.run, step.tools, _ACTIONS).drive()
    item.update(next(found for found in step.run.items()
                     if found['id'] == item['id']))
    if item['state'] == db_tasks.ITEM_DONE:
        return ''
    release(step, item)
    return item['error'] or 'no allowed action is left'


def _plan(step: Step, item: dict[str, Any]) -> None:
    """Write down where the server shall go."""
    # Whoever asks for one server wants it, whatever its priority says.
    plan = plans.make_plan(
        step.tools, 'evacuate', item['source'], step.run.params,
        only=frozenset((item['object_id'],)), priority_key='')
    entry = next((entry for entry in plan.servers
                  if entry.id == item['object_id']), None)
    if entry is None:
        raise exception.TaskFailed(
            reason=f'Server {item["object_id"]} left its host '
                   f'{item["source"]} meanwhile.')
    planned = plans.item_of(entry, step.run.params)
    step.run.update_item(
        item, **{key: planned[key] for key in
                 ('state', 'error', 'destination')},
        memory={**item['memory'], **planned['memory'],
                'waiting_since': clock.utcnow().isoformat()})


def release(step: Step, item: dict[str, Any]) -> None:
    """Take our own lock off the server of an item."""
    if item['memory'].get('lock'):
        host_steps.unlock(step, step.tools.nova.server(item['object_id']))
