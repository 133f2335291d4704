# SPDX-License-Identifier: Apache-2.0
"""An independent check of plans, by walking through them move by move.

It knows the model and the shape of plans and nothing of how they are made.
"""

import collections
import random

from cloudmanager.planning import options
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model

MOVES = ('live-migrate', 'cold-migrate', 'evacuate')


def move_of(entry: plan.Entry) -> str:
    """The action that moves the server, after any wait."""
    return next(step for step in entry.ladder if step in MOVES)


def legal(
    cloud: model.Cloud, sources: set[str], entry: plan.Entry, name: str
) -> list[str]:
    """What speaks against the host as a target; nothing when legal."""
    server, host = cloud.servers[entry.id], cloud.hosts[name]
    source = cloud.hosts[server.host]
    faults = []
    if name in sources:
        faults.append('a source')
    faults.extend(unusable(host))
    faults.extend(unwanted(server, host))
    if host.cell != source.cell:
        faults.append('cell')
    if move_of(entry) == 'live-migrate':
        if host.hypervisor_version < source.hypervisor_version:
            faults.append('older hypervisor')
    return faults


def unusable(host: model.Host) -> list[str]:
    """What keeps the host from being a target of any server."""
    faults = []
    if not (host.enabled and host.up):
        faults.append('not in service')
    if host.reserved or host.maintenance:
        faults.append('kept back')
    return faults


def unwanted(server: model.Server, host: model.Host) -> list[str]:
    """What the server asks that the host does not have."""
    faults = []
    if server.availability_zone not in ('', host.zone):
        faults.append('zone')
    if server.required_traits - host.traits:
        faults.append('trait missing')
    if server.forbidden_traits & host.traits:
        faults.append('trait forbidden')
    for wanted in server.required_aggregates:
        if not wanted & host.aggregates:
            faults.append('aggregate')
    for resource, amount in server.resources.items():
        if amount:
            inventory = host.inventory.get(resource)
            if inventory is None or not (
                inventory.min_unit <= amount <= inventory.max_unit
            ):
                faults.append(f'unit of {resource}')
    return faults


class Walk:
    """Carries out a plan on paper and notes all that goes wrong."""

    def __init__(
        self,
        cloud: model.Cloud,
        sources: set[str],
        flags: options.Options = options.DEFAULT,
    ) -> None:
        self.cloud, self.sources, self.flags = cloud, sources, flags
        self.faults: list[str] = []
        self.used = {
            name: collections.Counter(host.used)
            for name, host in cloud.hosts.items()
        }
        self.place = {
            server.id: server.host for server in cloud.servers.values()
        }

    def capacity(self, name: str, resource: str) -> float:
        """Placement's capacity of a class, less the headroom."""
        inventory = self.cloud.hosts[name].inventory[resource]
        whole = (
            inventory.total - inventory.reserved
        ) * inventory.allocation_ratio
        if resource in self.flags.load_classes:
            whole *= self.flags.max_projected_usage
        return whole

    def step(self, entry: plan.Entry) -> None:
        """One move, its resources on both hosts until the end."""
        target = entry.destination
        assert target is not None  # noqa: S101
        for fault in legal(self.cloud, self.sources, entry, target):
            self.faults.append(f'{entry.id} to {target}: {fault}')
        server = self.cloud.servers[entry.id]
        self.used[target].update(server.resources)
        for resource, amount in server.resources.items():
            if amount and self.used[target][resource] > self.capacity(
                target, resource
            ):
                self.faults.append(f'{target} over {resource}')
        self._check_group(entry.id, target)
        if entry.force and move_of(entry) == 'cold-migrate':
            self.faults.append(f'{entry.id} is forced cold')
        self.place[entry.id] = target

    def _check_group(self, server_id: str, target: str) -> None:
        for group in self.cloud.groups.values():
            if server_id not in group.members:
                continue
            there = [
                item
                for item in group.members
                if item != server_id and self.place.get(item) == target
            ]
            limit = group.rules.get('max_server_per_host', 1)
            if group.policy == 'anti-affinity' and len(there) >= limit:
                self.faults.append(f'{group.id} broken on {target}')
            outside = {
                self.place[item]
                for item in group.members
                if item in self.place
                and item != server_id
                and self.place[item] not in self.sources
            }
            if group.policy == 'affinity' and outside - {target}:
                self.faults.append(f'{group.id} spread to {target}')

    def finish(self, *, dead: bool) -> None:
        """What must hold when all is done; the shelved are on no host."""
        for group in self.cloud.groups.values():
            hosts = {
                self.place[item]
                for item in group.members
                if self.cloud.servers[item].status != 'SHELVED'
            }
            if group.policy == 'affinity' and len(hosts) > 1 and not dead:
                self.faults.append(f'{group.id} split over {sorted(hosts)}')


def check(
    cloud: model.Cloud,
    made: plan.Plan,
    flags: options.Options = options.DEFAULT,
    *,
    shuffles: int = 3,
) -> list[str]:
    """All faults of a plan, whatever the order in which its moves run."""
    sources = set(made.hosts)
    expected = sorted(
        server.id
        for server in cloud.servers.values()
        if server.host in sources
    )
    faults = []
    if sorted(entry.id for entry in made.servers) != expected:
        faults.append('the plan does not name each server once')
    moved = [entry for entry in made.servers if entry.destination]
    rng = random.Random(len(moved))  # noqa: S311
    for _ in range(shuffles):
        walk = Walk(cloud, sources, flags)
        for entry in moved:
            walk.step(entry)
        walk.finish(dead=made.action == 'evacuate')
        faults.extend(walk.faults)
        rng.shuffle(moved)
    for entry in made.servers:
        if not entry.fits and not entry.blockers:
            faults.append(f'{entry.id} does not fit and nothing says why')
        if entry.fits and entry.blockers:
            faults.append(f'{entry.id} fits and is blocked')
        if not entry.reason:
            faults.append(f'{entry.id} has no reason')
    if made.feasible != all(entry.fits for entry in made.servers):
        faults.append('feasible is wrong')
    return faults
