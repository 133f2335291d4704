# SPDX-License-Identifier: Apache-2.0
"""Fills the planner's picture of the cloud from its services."""

from collections.abc import Iterable
from typing import Any

from cloudmanager.planning import model

_INVENTORY = ('total', 'reserved', 'allocation_ratio', 'min_unit',
              'max_unit', 'step_size')


def load(nova: Any, placement: Any, sources: Iterable[str]) -> model.Cloud:
    """Read hosts, groups, and the servers of the source hosts.

    :param sources: exact names of the hosts that are to be emptied
    """
    hypervisors = nova.hypervisors()
    providers = _by_root(placement.providers())
    groups = nova.groups()
    aggregates = nova.aggregates()
    services = {service.host: service for service in nova.services()}
    hosts = []
    for hypervisor in hypervisors:
        service = services.get(hypervisor.host)
        if service is not None:
            hosts.append(_host(hypervisor, service, aggregates,
                               providers.get(hypervisor.id, [])))
    group_of = {member: group.id for group in groups
                for member in group.members}
    servers = _members(nova, groups, set(sources))
    for source in sources:
        root = next((item.provider_uuid for item in hosts
                     if item.name == source), '')
        taken = placement.allocations_of(root) if root else {}
        servers.extend(
            _server(item, taken.get(item.id, {}), group_of.get(item.id))
            for item in nova.servers_on(source))
    return model.Cloud.of(hosts, servers, [
        model.Group(id=item.id, policy=item.policy, name=item.name,
                    members=frozenset(item.members), rules=item.rules)
        for item in groups])


def _by_root(providers: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for provider in providers:
        found.setdefault(provider.root, []).append(provider)
    return found


def _host(hypervisor: Any, service: Any, aggregates: list[Any],
          providers: list[Any]) -> model.Host:
    inventory: dict[str, model.Inventory] = {}
    used: dict[str, int] = {}
    traits: set[str] = set()
    members: set[str] = set()
    for provider in providers:
        for name, entry in provider.inventories.items():
            inventory[name] = model.Inventory(
                **{key: entry[key] for key in _INVENTORY if key in entry})
        for name, amount in provider.usages.items():
            used[name] = used.get(name, 0) + amount
        traits |= provider.traits
        members |= provider.aggregates
    members |= {str(item.id) for item in aggregates
                if service.host in item.hosts}
    return model.Host(
        name=service.host, provider_uuid=hypervisor.id,
        enabled=service.status == 'enabled',
        up=service.state == 'up' and not service.forced_down,
        inventory=inventory, used=used, traits=frozenset(traits),
        aggregates=frozenset(members), zone=service.zone,
        hypervisor_type=hypervisor.kind,
        hypervisor_version=hypervisor.version)


def _server(found: Any, resources: dict[str, int],
            group_id: str | None) -> model.Server:
    return model.Server(
        id=found.id, name=found.name, host=found.host or '',
        status=found.status, task_state=found.task_state,
        vm_state=found.vm_state, power_state=found.power_state,
        locked=found.locked, resources=resources or {
            model.VCPU: found.flavor.get('vcpus', 0),
            model.MEMORY_MB: found.flavor.get('ram', 0)},
        group_id=group_id, metadata=found.metadata,
        boot_from_volume=not found.image,
        memory_mb=found.flavor.get('ram', 0))


def _members(nova: Any, groups: list[Any],
             sources: set[str]) -> list[model.Server]:
    """Read where the members of server groups are that stay."""
    found = []
    for group in groups:
        for member in group.members:
            server = nova.server(member)
            if server is not None and server.host not in sources:
                found.append(_server(server, {}, group.id))
    return found
