# SPDX-License-Identifier: Apache-2.0
"""Modes and settings of nodes; the agent on the node carries them out."""

from collections.abc import Callable
import dataclasses

import pecan

from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import fields
from cloudmanager.api.types import node_modes as mode_types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.domain import node_modes
from cloudmanager.policies import node_modes as policies

#: Makes the change of modes that a body asks for.
Change = Callable[[models.Row], node_modes.Settings]


@dataclasses.dataclass(frozen=True)
class _Action:
    """An action that sets a mode of a node.

    :ivar name: in its path
    :ivar summary: what it does, in the documentation
    """

    name: str
    rule: str
    summary: str
    change: Change
    body: type[fields.Resource] = mode_types.DryRun

    @property
    def title(self) -> str:
        """Name of the operation, for programs."""
        return self.name.replace('-', '_')


def _fixed(mode: str, value: bool | None) -> Change:
    """Return a change that is the same whatever a body says."""
    return lambda values: {mode: value}


def _cpu_mode(values: models.Row) -> node_modes.Settings:
    mode = values['cpu_emulation_mode']
    if (mode == node_modes.CUSTOM) != ('cpu_model' in values):
        raise exception.Invalid(
            reason='Field cpu_model is required for custom, and for no '
                   'other mode.')
    return {node_modes.CPU_MODE: {'mode': mode,
                                  'model': values.get('cpu_model')}}


def _redirection(values: models.Row) -> node_modes.Settings:
    return {node_modes.LOG_REDIRECTION: values['log_redirection_hostname']}


_ACTIONS = (
    _Action('enable-snmp', policies.SNMP,
            'Start the SNMP agent of a node, now and at boot.',
            _fixed(node_modes.SNMP, True)),
    _Action('disable-snmp', policies.SNMP,
            'Stop the SNMP agent of a node, now and at boot.',
            _fixed(node_modes.SNMP, False)),
    _Action('enable-ssh', policies.SSH,
            'Start the SSH server of a node, now and at boot.',
            _fixed(node_modes.SSH, True)),
    _Action('disable-ssh', policies.SSH,
            'Stop the SSH server of a node, now and at boot.',
            _fixed(node_modes.SSH, False), mode_types.Force),
    _Action('enable-nodesafe', policies.NODESAFE,
            'Let a node fence itself when it is cut off.',
            _fixed(node_modes.NODESAFE, True)),
    _Action('disable-nodesafe', policies.NODESAFE,
            'Keep a node from fencing itself.',
            _fixed(node_modes.NODESAFE, False)),
    _Action('enable-dcc', policies.DCC,
            'Let the agent of a node configure its components.',
            _fixed(node_modes.DCC, True)),
    _Action('disable-dcc', policies.DCC,
            'Keep the agent of a node from configuring its components.',
            _fixed(node_modes.DCC, False)),
    _Action('set-cpu-mode', policies.CPU_MODE,
            'Set what processors the servers on a node see.', _cpu_mode,
            mode_types.CPUMode),
    _Action('setup-log-redirection', policies.LOG_REDIRECTION,
            'Send the logs of a node to a host.', _redirection,
            mode_types.LogRedirection),
    _Action('disable-log-redirection', policies.LOG_REDIRECTION,
            'Send the logs of a node nowhere any more.',
            _fixed(node_modes.LOG_REDIRECTION, None)),
)
_PATH = '/v1/nodes/{node_id}/actions'


def begin(call: routing.Call, node_id: str, action: str,
           params: models.Row, *, with_host: bool = False
           ) -> routing.Document | None:
    """Check an action of a node's agent, and begin it.

    :param action: as in the names of tasks
    :param with_host: whether tasks on the compute host have to wait
    :returns: the plan of a dry run
    """
    key = nodes.node_key(call, node_id)
    node = db_nodes.get_columns(call.context, key)
    checked = rpcapi.ConductorAPI().check_node_action(
        call.context, action, key, params)
    if call.values.get('dry_run'):
        pecan.response.status_int = 200
        return {'plan': checked['plan']}
    targets = [f'node:{key}', *checked.get('targets', ())]
    if with_host and node['compute_host']:
        targets.append(f'host:{node["compute_host"]}')
    work.accepted(work.start(call, f'node.{action}', targets=targets,
                             params={'node_id': key, **params}))
    return None


def set_mode(call: routing.Call, node_id: str) -> routing.Document | None:
    """Set the mode that the route of a request stands for."""
    changes = _BY_TITLE[call.route.title].change(call.values)
    return begin(call, node_id, 'set_mode', {
        'changes': changes, 'force': call.values.get('force', False)})


_BY_TITLE = {action.title: action for action in _ACTIONS}
for _action in _ACTIONS:
    routing.route('POST', f'{_PATH}/{_action.name}', _action.rule,
                  body=_action.body, answers=mode_types.ANSWERS,
                  errors=(409, 503), title=_action.title,
                  text=_action.summary)(set_mode)


@routing.route('POST', f'{_PATH}/update-system', policies.UPDATE_SYSTEM,
               body=mode_types.Force, answers=mode_types.ANSWERS,
               errors=(409, 503))
def update_system(call: routing.Call,
                  node_id: str) -> routing.Document | None:
    """Upgrade the packages of a node that is disabled and empty."""
    return begin(call, node_id, 'update_system',
                  {'force': call.values.get('force', False)}, with_host=True)
