# SPDX-License-Identifier: Apache-2.0
"""Check that nodes can be bound to a virtual controller, or released.

A virtual controller is a server that runs the control services of a nested
cloud. A node that is bound to it has no servers of this cloud: its compute
service is disabled here, and its nova-compute serves the nested cloud.
"""

import dataclasses

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import answers
from cloudmanager.conductor.agents import checks
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db.models import Row
from cloudmanager.domain import node_modes

#: ``controller_type`` of nodes that are bound by a task.
TYPE = 'virtual'
_ACTIVE = 'ACTIVE'


@dataclasses.dataclass(frozen=True)
class Bound:
    """A node that is to be bound or released.

    :ivar service: its nova-compute in this cloud
    """

    node: Row
    service: nova_records.Service

    @property
    def name(self) -> str:
        return str(self.node['name'])


def reason(controller: str) -> str:
    """Return why the compute service of a bound node is disabled."""
    return f'cloudmanager: bound to controller {controller}'


def find(context: RequestContext, tools: Tools, name: str) -> Bound:
    """Return a node by its name.

    :raises NodeNotFound: there is no such node
    :raises HostNotFound: it is not a compute host of this cloud
    """
    node = db_nodes.find_by_name(context, name)
    if node is None:
        raise exception.NodeNotFound(node=name)
    return Bound(node, compute_services.of_host(
        tools.nova, node['compute_host'] or name))


def check_controller(tools: Tools, controller: str) -> None:
    """Check that a server can be a virtual controller.

    :raises ServerNotFound: there is no such server
    :raises Conflict: it is not active
    """
    server = tools.nova.server(controller)
    if server is None:
        raise exception.ServerNotFound(server=controller)
    if server.status != _ACTIVE:
        raise exception.Conflict(
            reason=f'Controller {controller} is {server.status}, not ACTIVE.')


def check_free(context: RequestContext, tools: Tools, found: Bound,
               controller: str) -> None:
    """Check that a node can be bound to a controller.

    :raises Conflict: the node is bound to another controller, is reserved,
        has servers, or its components may not be configured
    """
    other = found.node['controller_id']
    if other not in (None, controller):
        raise exception.Conflict(
            reason=f'Node {found.name} is bound to controller {other}.')
    if found.node['is_reserved']:
        raise exception.Conflict(
            reason=f'Node {found.name} is a reserve for others.')
    checks.check_components(context, found.node, 'bind the node')
    checks.check_empty(tools, found.service.host, 'Empty it first.')


def check_bound(context: RequestContext, found: Bound,
                controller: str) -> None:
    """Check that a node can be released from a controller.

    :raises Conflict: the node is not bound to this controller, or its
        components may not be configured
    """
    if found.node['controller_id'] != controller:
        raise exception.Conflict(
            reason=f'Node {found.name} is not bound to controller '
                   f'{controller}.')
    checks.check_components(context, found.node, 'release the node')


def attach(context: RequestContext, tools: Tools, host: None,
           params: JsonObject) -> JsonObject:
    """Check that nodes can be bound.

    :param params: ``controller_uuid`` and ``hostnames``
    """
    controller = params['controller_uuid']
    check_controller(tools, controller)
    nodes = [find(context, tools, name) for name in params['hostnames']]
    for found in nodes:
        check_free(context, tools, found, controller)
    return _plan(context, tools, nodes, controller)


def detach(context: RequestContext, tools: Tools, host: None,
           params: JsonObject) -> JsonObject:
    """Check that nodes can be released.

    The controller may have been deleted.

    :param params: ``controller_uuid`` and ``hostnames``
    """
    nodes = [find(context, tools, name) for name in params['hostnames']]
    for found in nodes:
        check_bound(context, found, params['controller_uuid'])
    return _plan(context, tools, nodes, None)


def _plan(context: RequestContext, tools: Tools, nodes: list[Bound],
          wanted: str | None) -> JsonObject:
    """Ask the agents what they would do.

    :param wanted: the controller that the nodes are to serve
    """
    plans = {}
    for found in nodes:
        host = checks.host_of(found.node)
        steps = answers.lists(host, tools.agents.call(
            context, host, 'modes.plan',
            {'settings': {node_modes.CONTROLLER: wanted}}),
            (node_modes.CONTROLLER,))
        plans[found.name] = steps[node_modes.CONTROLLER]
    return {'params': {'node_ids': [found.node['id'] for found in nodes]},
            'plan': {'controller': wanted, 'hosts': plans}}
