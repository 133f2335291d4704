# SPDX-License-Identifier: Apache-2.0
"""Modes and settings of nodes; the agent on the node carries them out."""

from typing import Any

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import node_modes as mode_types
from cloudmanager.common import exception
from cloudmanager.db import nodes as db_nodes
from cloudmanager.policies import node_modes as policies

_PATH = '/v1/nodes/{node_id}/actions'
_DECLARED: dict[str, Any] = {'answers': {202: None},
                             'errors': (409, 501, 503)}


def _refuse(call: routing.Call, node_id: str, what: str) -> None:
    """Say that this version has no agent to do it.

    :raises NodeNotFound: there is no such node
    :raises OperationNotImplemented: otherwise
    """
    db_nodes.get_node(call.context, nodes.node_key(call, node_id))
    raise exception.OperationNotImplemented(what=what)


@routing.route('POST', f'{_PATH}/enable-snmp', policies.SNMP, **_DECLARED)
def enable_snmp(call: routing.Call, node_id: str) -> Any:
    """Start the SNMP agent of a node, now and at boot."""
    _refuse(call, node_id, 'enable SNMP on a node')


@routing.route('POST', f'{_PATH}/disable-snmp', policies.SNMP, **_DECLARED)
def disable_snmp(call: routing.Call, node_id: str) -> Any:
    """Stop the SNMP agent of a node, now and at boot."""
    _refuse(call, node_id, 'disable SNMP on a node')


@routing.route('POST', f'{_PATH}/enable-ssh', policies.SSH, **_DECLARED)
def enable_ssh(call: routing.Call, node_id: str) -> Any:
    """Start the SSH server of a node, now and at boot."""
    _refuse(call, node_id, 'enable SSH on a node')


@routing.route('POST', f'{_PATH}/disable-ssh', policies.SSH,
               body=mode_types.Force, **_DECLARED)
def disable_ssh(call: routing.Call, node_id: str) -> Any:
    """Stop the SSH server of a node, now and at boot."""
    _refuse(call, node_id, 'disable SSH on a node')


@routing.route('POST', f'{_PATH}/enable-nodesafe', policies.NODESAFE,
               **_DECLARED)
def enable_nodesafe(call: routing.Call, node_id: str) -> Any:
    """Let a node fence itself when it is cut off."""
    _refuse(call, node_id, 'enable NodeSafe on a node')


@routing.route('POST', f'{_PATH}/disable-nodesafe', policies.NODESAFE,
               **_DECLARED)
def disable_nodesafe(call: routing.Call, node_id: str) -> Any:
    """Keep a node from fencing itself."""
    _refuse(call, node_id, 'disable NodeSafe on a node')


@routing.route('POST', f'{_PATH}/enable-dcc', policies.DCC, **_DECLARED)
def enable_dcc(call: routing.Call, node_id: str) -> Any:
    """Let the agent of a node configure its components."""
    _refuse(call, node_id, 'enable the configuration of a node')


@routing.route('POST', f'{_PATH}/disable-dcc', policies.DCC, **_DECLARED)
def disable_dcc(call: routing.Call, node_id: str) -> Any:
    """Keep the agent of a node from configuring its components."""
    _refuse(call, node_id, 'disable the configuration of a node')


@routing.route('POST', f'{_PATH}/set-cpu-mode', policies.CPU_MODE,
               body=mode_types.CPUMode, **_DECLARED)
def set_cpu_mode(call: routing.Call, node_id: str) -> Any:
    """Set what processors the servers on a node see."""
    custom = call.values['cpu_emulation_mode'] == mode_types.CUSTOM
    if custom != ('cpu_model' in call.values):
        raise exception.Invalid(
            reason='Field cpu_model is required for custom, and for no '
                   'other mode.')
    _refuse(call, node_id, 'set the processors of a node')


@routing.route('POST', f'{_PATH}/setup-log-redirection',
               policies.LOG_REDIRECTION, body=mode_types.LogRedirection,
               **_DECLARED)
def setup_log_redirection(call: routing.Call, node_id: str) -> Any:
    """Send the logs of a node to a host."""
    _refuse(call, node_id, 'redirect the logs of a node')


@routing.route('POST', f'{_PATH}/disable-log-redirection',
               policies.LOG_REDIRECTION, **_DECLARED)
def disable_log_redirection(call: routing.Call, node_id: str) -> Any:
    """Send the logs of a node nowhere any more."""
    _refuse(call, node_id, 'redirect the logs of a node')


@routing.route('POST', f'{_PATH}/update-system', policies.UPDATE_SYSTEM,
               body=mode_types.Force, **_DECLARED)
def update_system(call: routing.Call, node_id: str) -> Any:
    """Upgrade the packages of a node that is disabled and empty."""
    _refuse(call, node_id, 'update the system of a node')
