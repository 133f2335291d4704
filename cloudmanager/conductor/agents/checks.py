# SPDX-License-Identifier: Apache-2.0
"""Check that an action of a node's agent can begin.

The API calls these functions before the task is created. They return the
steps of the action under ``plan``, and raise a CloudManagerException when it
cannot begin.
"""

from collections.abc import Mapping
import types
from typing import Any

from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import answers
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.hosts import occupancy
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db.models import Row
from cloudmanager.domain import conditions
from cloudmanager.domain import node_modes

_UNUSED = (conditions.OUT_OF_SERVICE, conditions.DISABLED)
#: How many servers an error names.
_MAX_NAMED = 10


def host_of(node: Row) -> str:
    """Return the host on which the agent of a node runs.

    :raises AgentUnreachable: the node has no name
    """
    if not node['name']:
        raise exception.AgentUnreachable(
            host=f'of node {node["id"]}',
            reason='the node has no name, by which its agent is known',
            last_contact='never')
    return str(node['name'])


def check_dcc(context: RequestContext, node: Row,
              changes: Mapping[str, Any]) -> None:
    """Check that the agent may configure the modes to be changed.

    :raises Conflict: dynamic component configuration is off
    """
    modes = [mode for mode in node_modes.COMPONENTS if mode in changes]
    if modes:
        check_components(context, node, f'change {", ".join(modes)}',
                         changes)


def check_components(
        context: RequestContext, node: Row, what: str,
        changes: Mapping[str, object] = types.MappingProxyType({})) -> None:
    """Check that the agent may configure components of a node.

    :param what: what is to be done, for the error
    :param changes: changes of settings in the same request
    :raises Conflict: dynamic component configuration is off
    """
    settings = db_settings.get(context, node['id'])['settings']
    if not node_modes.dcc_is_on({**settings, **changes}):
        raise exception.Conflict(
            reason='Dynamic component configuration of the node is off; '
                   f'enable it (enable-dcc) to {what}.')


def _check_last_way(context: RequestContext, node: Row) -> None:
    """Check that a node can be reached without SSH.

    :raises Conflict: none of its power controls works
    """
    if not any(control['failures'] == 0
               and control['last_success_at'] is not None
               for _, control in db_power_controls.devices_of(
                   context, node['id'])):
        raise exception.Conflict(
            reason='No power control of the node works, so SSH is the last '
                   'way in. Send "force": true to disable it all the same.')


def set_mode(context: RequestContext, tools: Tools, node_id: int,
             params: Mapping[str, Any]) -> JsonObject:
    """Check that modes of a node can be set.

    :param params: ``changes`` by mode, and ``force``
    """
    node = db_nodes.get_columns(context, node_id)
    host = host_of(node)
    changes = node_modes.check(params['changes'])
    # First the agent, so that one that is away is told of as that.
    plan = answers.lists(host, tools.agents.call(
        context, host, 'modes.plan', {'settings': changes}))
    check_dcc(context, node, changes)
    if changes.get(node_modes.SSH) is False and not params.get('force'):
        _check_last_way(context, node)
    return {'plan': {'host': host, 'changes': changes, 'steps': [
        step for steps in plan.values() for step in steps]}}


def check_unused(context: RequestContext, tools: Tools, node: Row) -> None:
    """Check that a node is not in use.

    :raises Conflict: it is not disabled, or has servers
    """
    if node['condition'] not in _UNUSED:
        raise exception.Conflict(
            reason=f'Node {node["name"]} is not disabled. Disable and empty '
                   'it first, or send "force": true.')
    host = node['compute_host']
    if not host:
        return
    if compute_services.of_host(tools.nova, host).status == 'enabled':
        raise exception.Conflict(
            reason=f'The compute service on {host} is enabled. Disable it '
                   'and empty the host first, or send "force": true.')
    check_empty(tools, host, 'Empty it first, or send "force": true.')


def check_empty(tools: Tools, host: str, advice: str) -> None:
    """Check that there are no servers on a host or on their way to it.

    :param advice: what to do about them, for the error
    :raises Conflict: the host has servers
    """
    servers = [server.id for server in occupancy.servers_of(tools, host)
               if server.task_state not in verdicts.DELETING]
    if servers:
        more = ', ...' if len(servers) > _MAX_NAMED else ''
        raise exception.Conflict(
            reason=f'{len(servers)} server(s) are on {host}: '
                   f'{", ".join(servers[:_MAX_NAMED])}{more}. {advice}')


def update_system(context: RequestContext, tools: Tools, node_id: int,
                  params: Mapping[str, Any]) -> JsonObject:
    """Check that the packages of a node can be upgraded.

    :param params: ``force``
    """
    node = db_nodes.get_columns(context, node_id)
    host = host_of(node)
    plan = answers.lists(host, tools.agents.call(
        context, host, 'packages.plan', {}), ('commands', 'packages'))
    if not params.get('force'):
        check_unused(context, tools, node)
    return {'plan': {**plan, 'host': host,
                     'steps': [f'run: {words}'
                               for words in plan['commands']]}}


def attach_targets(context: RequestContext, tools: Tools, node_id: int,
                   params: JsonObject) -> JsonObject:
    """Check that targets can be attached to a node.

    :param params: ``targets``, and perhaps ``vendor`` and ``product``
    """
    node = db_nodes.get_columns(context, node_id)
    host = host_of(node)
    # First the agent, so that one that is away is told of as that.
    plan = answers.lists(host, tools.agents.call(
        context, host, 'nas.plan', dict(params)))
    if params.get('vendor') is not None:
        check_components(context, node, 'name vendor and product')
    return {'plan': {**plan, 'host': host}}
