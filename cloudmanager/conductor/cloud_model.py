# SPDX-License-Identifier: Apache-2.0
"""Fills the planner's picture of the cloud from its services."""

from collections.abc import Iterable
from concurrent import futures
import dataclasses

from oslo_utils import strutils

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.clients.placement import Provider
from cloudmanager.common.json_types import JsonObject
from cloudmanager.planning import storage as shared_storage
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action

_INVENTORY = ('total', 'reserved', 'allocation_ratio', 'min_unit',
              'max_unit', 'step_size')
WORKERS = 8
#: Providers by the id of the one at their root, which is a host.
Trees = dict[str, list[Provider]]
#: Groups by the id of each member.
Groups = dict[str, nova_records.Group]


def load(nova: protocols.Nova, placement: protocols.Placement,
         sources: Iterable[str],
         reserved: Iterable[str] = (),
         shared: Iterable[str] = (),
         in_work: Iterable[str] = ()) -> model.Cloud:
    """Read hosts, groups, and the servers of the source hosts.

    :param sources: exact names of the hosts that are to be emptied
    :param reserved: names of hosts that must take no servers
    :param shared: aggregates whose hosts share the storage of disks, or
        ``all``
    :param in_work: names of hosts that tasks take out of use
    """
    with futures.ThreadPoolExecutor(
            WORKERS, thread_name_prefix='cloud-model') as pool:
        snapshot = pool.submit(placement.snapshot)
        listed = (pool.submit(nova.hypervisors), pool.submit(nova.services))
        sets = (pool.submit(nova.aggregates), pool.submit(nova.groups))
        found = {source: pool.submit(_read_source, nova, source)
                 for source in sources}
        providers = snapshot.result()
        hypervisors, services = listed[0].result(), listed[1].result()
        aggregates, groups = sets[0].result(), sets[1].result()
        residents, halves = (
            {source: part.result()[number] for source, part in found.items()}
            for number in (0, 1))
        trees = _by_root(providers.values())
        hosts = _hosts(hypervisors, services, aggregates, trees,
                       set(reserved), set(in_work), shared_storage.Storages(
                           aggregates, providers.values(), tuple(shared)))
        group_of = {member: group for group in groups
                    for member in group.members}
        servers = _residents(placement, residents, hosts, trees, group_of)
        concerned = {group.id: group for group in
                     (group_of.get(server.id) for server in servers)
                     if group is not None}
        here = {server.id for server in servers}
        elsewhere = [(member, group.id) for group in concerned.values()
                     for member in group.members if member not in here]
        others = pool.map(nova.server, [member for member, _ in elsewhere])
        servers.extend(
            to_model(other, {}, group_id)
            for other, (_, group_id) in zip(others, elsewhere, strict=True)
            if other is not None)
        servers.extend(_halves(halves, group_of))
    return model.Cloud.of(hosts, servers, [
        model.Group(id=item.id, policy=item.policy, name=item.name,
                    members=frozenset(item.members), rules=item.rules)
        for item in concerned.values()])


def _read_source(nova: protocols.Nova, host: str
                 ) -> tuple[list[nova_records.Server],
                            list[nova_records.Server]]:
    """Return the servers of a host, and those with an old half there.

    A server that is resized meanwhile goes from the first list to the second
    one, so it is missed by neither in this order.
    """
    return nova.servers_on(host), nova.halves_on(host)


def _by_root(providers: Iterable[Provider]) -> Trees:
    found: Trees = {}
    for provider in providers:
        found.setdefault(provider.root, []).append(provider)
    return found


def _hosts(hypervisors: list[nova_records.Hypervisor],
           services: list[nova_records.Service],
           aggregates: list[nova_records.Aggregate], trees: Trees,
           reserved: set[str], in_work: set[str],
           storages: shared_storage.Storages) -> list[model.Host]:
    by_host = {service.host: service for service in services}
    return [
        dataclasses.replace(
            _host(hypervisor, by_host[hypervisor.host], aggregates,
                  trees.get(hypervisor.id, [])),
            reserved=hypervisor.host in reserved,
            maintenance=hypervisor.host in in_work,
            storage=storages.of(hypervisor.host,
                                trees.get(hypervisor.id, [])))
        for hypervisor in hypervisors if hypervisor.host in by_host]


def _host(hypervisor: nova_records.Hypervisor, service: nova_records.Service,
          aggregates: list[nova_records.Aggregate],
          providers: list[Provider]) -> model.Host:
    inventory: dict[str, model.Inventory] = {}
    used: dict[str, int] = {}
    traits: set[str] = set()
    members: set[str] = set()
    for provider in providers:
        for name, entry in provider.inventories.items():
            inventory[name] = _inventory(inventory.get(name), entry)
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


def _inventory(present: model.Inventory | None,
               entry: JsonObject) -> model.Inventory:
    """Add what one provider of a host has to what others have."""
    values = {key: entry[key] for key in _INVENTORY if key in entry}
    if present is not None:
        values['total'] += present.total
        values['reserved'] = (values.get('reserved', 0) + present.reserved)
    return model.Inventory(**values)


def _residents(placement: protocols.Placement,
               residents: dict[str, list[nova_records.Server]],
               hosts: list[model.Host], trees: Trees,
               group_of: Groups) -> list[model.Server]:
    """Return the servers of the source hosts with what they take."""
    uuids = {host.name: host.provider_uuid for host in hosts}
    storage = {host.name: host.storage for host in hosts}
    servers = []
    for source, present in residents.items():
        taken: dict[str, dict[str, int]] = {}
        for provider in trees.get(uuids.get(source, ''), []):
            found = placement.allocations_of_provider(provider.uuid)
            for consumer, resources in found.items():
                total = taken.setdefault(consumer, {})
                for name, amount in resources.items():
                    total[name] = total.get(name, 0) + amount
        for server in present:
            group = group_of.get(server.id)
            servers.append(to_model(server, taken.get(server.id),
                                    group.id if group else None,
                                    storage.get(source, ())))
    return servers


def _halves(halves: dict[str, list[nova_records.Server]],
            group_of: Groups) -> list[model.Server]:
    """Return the servers whose old half is on a source host.

    A member of a group may have been read as such; this says more.
    """
    found = []
    for source, theirs in halves.items():
        for server in theirs:
            group = group_of.get(server.id)
            found.append(dataclasses.replace(
                to_model(server, {}, group.id if group else None),
                resize_source=source))
    return found


def to_model(found: nova_records.Server,
             resources: dict[str, int] | None = None,
             group_id: str | None = None,
             storage: Iterable[str] = ()) -> model.Server:
    """Return a server of Nova as the planner sees it.

    :param resources: what it takes in Placement, by its flavor if unknown
    :param storage: by which other hosts reach the disks on its host
    """
    return model.Server(
        id=found.id, name=found.name, host=found.host or '',
        status=found.status, task_state=found.task_state,
        vm_state=found.vm_state, power_state=found.power_state,
        locked=found.locked, resources=resources or {
            model.VCPU: found.flavor.get('vcpus', 0),
            model.MEMORY_MB: found.flavor.get('ram', 0)},
        availability_zone=found.pinned_zone,
        group_id=group_id, metadata=found.metadata,
        project_id=found.project_id, image=found.image or '',
        flavor=found.flavor.get('original_name') or '',
        tags=frozenset(found.tags), disks=_disks(found),
        storage=frozenset(storage),
        memory_mb=found.flavor.get('ram', 0),
        **_demands(found.flavor.get('extra_specs') or {}))


def _disks(found: nova_records.Server) -> tuple[str, ...]:
    """Return which disks of a server are no volumes.

    Where it is not certain that a disk is none, it is one.
    """
    disks = []
    if found.image or not found.volumes:
        disks.append(model.ROOT)
    if found.flavor.get('ephemeral', 0):
        disks.append(model.EPHEMERAL)
    return tuple(disks)


def _demands(specs: dict[str, str]) -> JsonObject:
    """Return what the extra specs of a flavor say of where it can go.

    Nova's documentation of extra specs names them.
    """
    def traits(wanted: str) -> frozenset[str]:
        return frozenset(key.removeprefix('trait:') for key, value
                         in specs.items()
                         if key.startswith('trait:') and value == wanted)

    refuses = {}
    if strutils.bool_from_string(specs.get('hw:mem_encryption', '')):
        refuses[Action.LIVE] = ('its memory is encrypted, so it cannot be '
                                'moved live')
    if specs.get('hw:tpm_version'):
        refuses[Action.EVACUATE] = ('Nova does not rebuild servers with a '
                                    'virtual TPM')
    if specs.get('accel:device_profile'):
        for step in (Action.LIVE, Action.COLD):
            refuses[step] = 'Nova does not migrate servers with accelerators'
    return {'required_traits': traits('required'),
            'forbidden_traits': traits('forbidden'),
            'passthrough': bool(specs.get('pci_passthrough:alias')),
            'refuses': refuses}
