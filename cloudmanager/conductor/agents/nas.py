# SPDX-License-Identifier: Apache-2.0
"""Targets of storages, as the agents of nodes see them."""

from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import answers
from cloudmanager.conductor.agents import checks
from cloudmanager.conductor.tools import Agents
from cloudmanager.db import node_addresses
from cloudmanager.db import nodes as db_nodes
from cloudmanager.domain import iscsi


def discover(context: RequestContext, agents: Agents, node_id: int,
             storage_id: int) -> JsonObject:
    """Ask a storage for its targets, from a node; see rpcapi."""
    host = checks.host_of(db_nodes.get_columns(context, node_id))
    storage = db_nodes.get_columns(context, storage_id)
    portals = storage['ip_addresses']
    if not portals:
        raise exception.Conflict(
            reason=f'Storage {storage["name"] or storage_id} has no IP '
                   'address.')
    found = answers.objects(host, agents.call(
        context, host, 'nas.discover', {'portals': portals}),
        ('targets', 'errors'))
    warnings = [f'{portal}: {why}'
                for portal, why in sorted(found['errors'].items())]
    if len(warnings) == len(portals):
        raise exception.Unavailable(
            reason=f'The storage does not answer. {" ".join(warnings)}')
    return {'targets': answers.lists(host, found['targets']),
            'warnings': warnings}


def attached(context: RequestContext, agents: Agents,
             host: str) -> dict[str, list[str]]:
    """Return the targets that are attached on a host; see rpcapi."""
    answer = answers.objects(host, agents.call(
        context, host, 'nas.sessions', {}), ('targets',))
    portals = answers.lists(host, answer['targets'])
    try:
        addresses = {portal: iscsi.portal(portal).host for portal in portals}
    except ValueError as exc:
        raise answers.malformed(host) from exc
    names = node_addresses.names(context, list(addresses.values()))
    found: dict[str, set[str]] = {}
    for portal, address in addresses.items():
        found.setdefault(names.get(address, address),
                         set()).update(portals[portal])
    return {name: sorted(targets) for name, targets in sorted(found.items())}
