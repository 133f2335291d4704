# SPDX-License-Identifier: Apache-2.0
"""Power actions on nodes, and their log."""

import functools

from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import nodes as node_types
from cloudmanager.api.types import power as power_forms
from cloudmanager.common import exception
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_actions as db_power_actions
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import power_types
from cloudmanager.policies import nodes as policies

PowerAction = node_types.PowerAction
_ONE = '/v1/nodes/{node_id}'
_action = functools.partial(routing.route, 'POST', answers={202: None},
                            errors=(409, 501))


def manner(call: routing.Call) -> models.Row:
    """Return how a body wants nodes to be switched off.

    :raises Invalid: what it says does not go together
    """
    found: models.Row = {
        name: call.values[name] for name in ('type', 'soft_timeout')
        if name in call.values}
    if found.get('type') == 'hard' and 'soft_timeout' in found:
        raise exception.Invalid(
            reason='Field soft_timeout is not for type hard.')
    return found


def _switch(call: routing.Call, node_id: str, action: str) -> None:
    wanted = manner(call)
    key = nodes.node_key(call, node_id)
    devices = db_power_controls.devices_of(call.context, key)
    node = db_nodes.get_columns(call.context, key)
    if not devices:
        raise exception.NoPowerControl(node=node_id)
    for _, control in devices:
        power_types.require_driver(control['control_type'])
    db_tasks.check_may_stop(call.context, node['name'],
                            {**wanted, 'action': action})
    work.accepted(work.start(
        call, 'node.power', targets=[f'node:{key}'],
        params={'node_id': key, 'action': action, **wanted}))


@_action(f'{_ONE}/actions/power-on', policies.POWER)
def power_on(call: routing.Call, node_id: str) -> None:
    """Switch a node on."""
    _switch(call, node_id, 'power-on')


@_action(f'{_ONE}/actions/power-off', policies.POWER, body=power_forms.Off)
def power_off(call: routing.Call, node_id: str) -> None:
    """Switch a node off, softly first if not told otherwise."""
    _switch(call, node_id, 'power-off')


@_action(f'{_ONE}/actions/reset', policies.POWER, body=power_forms.Reset)
def reset(call: routing.Call, node_id: str) -> None:
    """Restart a node, at once if not told otherwise."""
    _switch(call, node_id, 'reset')


@routing.route('GET', f'{_ONE}/power-actions', policies.POWER_ACTIONS,
               query=Parameters(PowerAction, paged=True,
                                order=(('id', 'desc'),)),
               answers={200: answers.page(PowerAction)})
def list_actions(call: routing.Call, node_id: str) -> routing.Document:
    """List the power actions on a node, the newest first."""
    key = nodes.node_key(call, node_id)
    return listing.page(
        call,
        lambda context, query: db_power_actions.list_actions(
            context, key, query),
        lambda rows: [PowerAction.render(row) for row in rows])


@routing.route('GET', _ONE + '/power-actions/{power_action_id}',
               policies.POWER_ACTIONS, answers={200: answers.one(PowerAction)})
def show_action(call: routing.Call, node_id: str,
                power_action_id: str) -> routing.Document:
    """Show a power action on a node."""
    key = routing.integer(power_action_id, exception.PowerActionNotFound(
        power_action=power_action_id))
    row = db_power_actions.get_action(call.context,
                                      nodes.node_key(call, node_id), key)
    return {'power_action': PowerAction.render(row)}
