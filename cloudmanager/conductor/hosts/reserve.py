# SPDX-License-Identifier: Apache-2.0
"""Nodes in reserve: kept free of servers until they are needed."""

from collections.abc import Callable

from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.hosts import occupancy
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.db.models import Row
from cloudmanager.domain import conditions

LOG = logging.getLogger(__name__)
#: The reason that marks a nova-compute as disabled by us.
REASON = 'cloudmanager: reserved'
# How many servers an error names.
MAX_NAMED = 10


def set_reserved(context: RequestContext, tools: Callable[[], Tools],
                 node_id: int,
                 reserved: bool) -> None:
    """Put a node into reserve, or take it out of reserve.

    Putting a host into reserve disables its nova-compute. Taking it out
    enables the service again if the reserve was why it was disabled.

    :param tools: returns the clients; raises when no cloud is configured
    :raises NodeNotFound: there is no node with this id
    :raises TaskConflict: a task acts on the node
    :raises Conflict: there are servers on the host
    :raises Unavailable: Nova does not answer
    """
    node = db_nodes.get_node(context, node_id)
    host = node['compute_host'] or node['name']
    _check_tasks(context, node_id, host)
    found = _service(tools, node, host)
    if found is not None:
        cloud, service = found
        if reserved:
            _close(cloud, service)
        elif service.disabled_reason == REASON:
            compute_services.enable(cloud.nova, service)
    db_nodes.update_node(context, node_id, {'is_reserved': reserved})
    if found is not None:
        changed = cloud.nova.service(service.host)
        if changed is not None:
            compute_services.note(context, changed)
    LOG.info('Node %(id)d (%(name)s) is %(what)s reserve.', {
        'id': node_id, 'name': node['name'],
        'what': 'in' if reserved else 'out of'})


def _check_tasks(context: RequestContext, node_id: int,
                 host: str | None) -> None:
    for target in (f'node:{node_id}', f'host:{host}'):
        running = db_tasks.find_running(context, target)
        if running is not None:
            raise exception.TaskConflict(
                task=running['id'], name=running['name'], target=target,
                user=running['user_name'] or running['user_id'])


def _service(tools: Callable[[], Tools], node: Row,
             host: str | None) -> tuple[Tools,
                                        nova_records.Service] | None:
    """Return the cloud and the nova-compute of a node, if it has one."""
    kind = node['node_class']['name']
    if kind != conditions.HYPERVISOR or not host:
        return None
    try:
        made = tools()
    except exception.CloudNotConfigured:
        if node['hypervisor_id'] is None:
            return None
        raise
    service = made.nova.service(host)
    return None if service is None else (made, service)


def _close(tools: Tools, service: nova_records.Service) -> None:
    """Disable the service of a host that has no servers.

    The old half of an unconfirmed resize counts as a server, and so does a
    server that is on its way to the host. The service is disabled first, so
    that no more are sent there during the count.

    :raises Conflict: the host has servers; the service is as it was before
    """
    nova = tools.nova
    disabled = service.status == 'enabled'
    if disabled:
        compute_services.disable(nova, service, REASON)
    try:
        present = [item.id for item in
                   occupancy.servers_of(tools, service.host)]
    except exception.CloudManagerException:
        if disabled:
            compute_services.enable(nova, service)
        raise
    if not present:
        return
    if disabled:
        compute_services.enable(nova, service)
    named = ', '.join(present[:MAX_NAMED])
    more = ', ...' if len(present) > MAX_NAMED else ''
    raise exception.Conflict(
        reason=f'Host {service.host} has {len(present)} server(s) and '
               f'cannot be reserved: {named}{more}')
