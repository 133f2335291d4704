# SPDX-License-Identifier: Apache-2.0
"""Modes and settings of nodes; the agent on the node carries them out."""

from collections.abc import Callable
import dataclasses

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import node_agents
from cloudmanager.api.types import fields
from cloudmanager.api.types import node_modes as mode_types
from cloudmanager.common import exception
from cloudmanager.policies import node_modes as policies

Check = Callable[[routing.Call], None]


@dataclasses.dataclass(frozen=True)
class _Action:
    """An action that every node has.

    :ivar name: in its path
    :ivar summary: what it does, in the documentation
    :ivar what: the same in the error that says that it cannot be done
    :ivar check: raises Invalid for a body whose fields do not go together
    """

    name: str
    rule: str
    summary: str
    what: str
    body: type[fields.Resource] | None = None
    check: Check | None = None

    @property
    def title(self) -> str:
        """Name of the operation, for programs."""
        return self.name.replace('-', '_')


def _check_cpu_mode(call: routing.Call) -> None:
    custom = call.values['cpu_emulation_mode'] == mode_types.CUSTOM
    if custom != ('cpu_model' in call.values):
        raise exception.Invalid(
            reason='Field cpu_model is required for custom, and for no '
                   'other mode.')


_ACTIONS = (
    _Action('enable-snmp', policies.SNMP,
            'Start the SNMP agent of a node, now and at boot.',
            'enable SNMP on a node'),
    _Action('disable-snmp', policies.SNMP,
            'Stop the SNMP agent of a node, now and at boot.',
            'disable SNMP on a node'),
    _Action('enable-ssh', policies.SSH,
            'Start the SSH server of a node, now and at boot.',
            'enable SSH on a node'),
    _Action('disable-ssh', policies.SSH,
            'Stop the SSH server of a node, now and at boot.',
            'disable SSH on a node', mode_types.Force),
    _Action('enable-nodesafe', policies.NODESAFE,
            'Let a node fence itself when it is cut off.',
            'enable NodeSafe on a node'),
    _Action('disable-nodesafe', policies.NODESAFE,
            'Keep a node from fencing itself.',
            'disable NodeSafe on a node'),
    _Action('enable-dcc', policies.DCC,
            'Let the agent of a node configure its components.',
            'enable the configuration of a node'),
    _Action('disable-dcc', policies.DCC,
            'Keep the agent of a node from configuring its components.',
            'disable the configuration of a node'),
    _Action('set-cpu-mode', policies.CPU_MODE,
            'Set what processors the servers on a node see.',
            'set the processors of a node', mode_types.CPUMode,
            _check_cpu_mode),
    _Action('setup-log-redirection', policies.LOG_REDIRECTION,
            'Send the logs of a node to a host.',
            'redirect the logs of a node', mode_types.LogRedirection),
    _Action('disable-log-redirection', policies.LOG_REDIRECTION,
            'Send the logs of a node nowhere any more.',
            'redirect the logs of a node'),
    _Action('update-system', policies.UPDATE_SYSTEM,
            'Upgrade the packages of a node that is disabled and empty.',
            'update the system of a node', mode_types.Force),
)


def act(call: routing.Call, node_id: str) -> None:
    """Do what the route of a request stands for."""
    action = _BY_TITLE[call.route.title]
    if action.check is not None:
        action.check(call)
    node_agents.refuse(call, node_id, action.what)


_BY_TITLE = {action.title: action for action in _ACTIONS}
for _action in _ACTIONS:
    routing.route('POST', f'/v1/nodes/{{node_id}}/actions/{_action.name}',
                  _action.rule, body=_action.body, answers={202: None},
                  errors=(409, 501, 503), title=_action.title,
                  text=_action.summary)(act)
