# SPDX-License-Identifier: Apache-2.0
"""Switching outputs of power controls, whatever hangs on them."""

import functools

from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import power as power_forms
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.domain import power_types
from cloudmanager.policies import power_controls as policies

_ACTIONS = '/v1/power-controls/{power_control_id}/actions'
_action = functools.partial(routing.route, 'POST', body=power_forms.Output,
                            answers={202: None}, errors=(409, 501))


def _switch(call: routing.Call, control_id: str, action: str) -> None:
    control = db_power_controls.get_control(
        call.context, nodes.control_key(control_id))
    power_types.require_driver(control['control_type'])
    output = call.values['coil']
    nodes.require_output(control['control_type'], 'coil', output)
    fed = [used['node_id'] for used in control['outputs']
           if used['power_control_port'] == output]
    # The node behind it must not be switched by others at the same time.
    work.accepted(work.start(
        call, 'output.power', params={
            'power_control_id': control['id'], 'output': output,
            'action': action, 'node_ids': fed},
        targets=[f'output:{control["id"]}:{output}',
                 *(f'node:{node_id}' for node_id in fed)]))


@_action(f'{_ACTIONS}/power-on', policies.POWER)
def power_on(call: routing.Call, power_control_id: str) -> None:
    """Switch an output on."""
    _switch(call, power_control_id, 'power-on')


@_action(f'{_ACTIONS}/power-off', policies.POWER)
def power_off(call: routing.Call, power_control_id: str) -> None:
    """Switch an output off, whatever hangs on it."""
    _switch(call, power_control_id, 'power-off')
