# SPDX-License-Identifier: Apache-2.0
"""A picture of the cloud at one moment, as plain values.

Nothing here changes once it was read. Plans are worked out on a
:class:`~cloudmanager.planning.cloud.ledger.Ledger` above it.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import functools

VCPU = 'VCPU'
MEMORY_MB = 'MEMORY_MB'
DISK_GB = 'DISK_GB'

#: Resource classes whose usage counts as load when destinations are chosen.
LOAD_CLASSES = (VCPU, MEMORY_MB, DISK_GB)

AFFINITY = 'affinity'
ANTI_AFFINITY = 'anti-affinity'
SOFT_AFFINITY = 'soft-affinity'
SOFT_ANTI_AFFINITY = 'soft-anti-affinity'

#: Disks of a server that Nova keeps on the host unless they are volumes. Swap
#: is not among them: its content is useless without the memory.
ROOT = 'root disk'
EPHEMERAL = 'ephemeral disk'
#: The storage that all hosts reach.
EVERYWHERE = 'all'

Resources = Mapping[str, int]


class UnknownHost(LookupError):
    """There is no host of exactly this name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """One resource class of one provider, as Placement keeps it.

    Amounts are in the unit of the class (MiB for MEMORY_MB, GiB for
    DISK_GB, pieces otherwise).
    """

    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    min_unit: int = 1
    max_unit: int = 2147483647
    step_size: int = 1

    @property
    def capacity(self) -> float:
        """What may be allocated in all."""
        return (self.total - self.reserved) * self.allocation_ratio

    def takes(self, amount: int) -> bool:
        """Whether a single consumer may ask for the amount."""
        return (self.min_unit <= amount <= self.max_unit
                and amount % self.step_size == 0)


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """One instance.

    :ivar resources: its allocations in Placement; the root disk of a
        volume-backed server is not among them
    :ivar required_aggregates: as Placement's ``member_of`` has it: the host
        must be in one aggregate of each set
    :ivar refuses: action to the reason why Nova is known to refuse it (vTPM,
        encrypted memory, shares, accelerators ...)
    """

    id: str
    name: str = ''
    host: str = ''
    status: str = 'ACTIVE'
    task_state: str | None = None
    vm_state: str = ''
    power_state: int | None = None
    locked: bool = False
    resources: Resources = dataclasses.field(default_factory=dict)
    availability_zone: str = ''
    required_traits: frozenset[str] = frozenset()
    forbidden_traits: frozenset[str] = frozenset()
    required_aggregates: tuple[frozenset[str], ...] = ()
    group_id: str | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    project_id: str = ''
    #: Name of its flavor.
    flavor: str = ''
    #: Id of the image that it was booted from; empty without one.
    image: str = ''
    tags: frozenset[str] = frozenset()
    #: Which of its disks are on the storage of its host, not on volumes:
    #: ROOT, EPHEMERAL.
    disks: tuple[str, ...] = ()
    #: The storages of its host that other hosts reach too; see
    #: ``Host.storage``. Empty when its disks are known to no other host.
    storage: frozenset[str] = frozenset()
    memory_mb: int = 0
    #: Has a passed-through device that its resources do not show.
    passthrough: bool = False
    #: Host with the other half of a resize that waits for confirmation.
    resize_source: str = ''
    refuses: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def size_mb(self) -> int:
        """Memory to move, in MiB."""
        return self.memory_mb or self.resources.get(MEMORY_MB, 0)

    @property
    def local_disk(self) -> bool:
        """Whether a rebuild loses disks, since no other host has them."""
        return bool(self.disks) and not self.storage

    @property
    def bound(self) -> bool:
        """Whether only some hosts have its disks."""
        return bool(self.disks) and EVERYWHERE not in self.storage


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """One compute host.

    :ivar inventory: by resource class, nested providers (PCI, VGPU) included
    :ivar used: Placement's usage, which counts allocations of migrations as
        well as those of servers
    """

    name: str
    provider_uuid: str = ''
    enabled: bool = True
    up: bool = True
    reserved: bool = False
    #: A task acts on it and is about to take it out of use.
    maintenance: bool = False
    inventory: Mapping[str, Inventory] = dataclasses.field(
        default_factory=dict)
    used: Resources = dataclasses.field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()
    #: Names of the storages that the disks of its servers are on and that
    #: other hosts reach too: hosts with a name in common see the same disks.
    storage: frozenset[str] = frozenset()
    zone: str = ''
    cell: str = ''
    hypervisor_type: str = ''
    hypervisor_version: int = 0

    @property
    def out_of_use(self) -> str:
        """Why the host takes no servers at all; empty when it does."""
        if not self.up:
            return 'down'
        if self.maintenance:
            return 'in maintenance'
        if not self.enabled:
            return 'disabled'
        if self.reserved:
            return 'reserved'
        return ''


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """One server group."""

    id: str
    policy: str
    members: frozenset[str] = frozenset()
    rules: Mapping[str, int] = dataclasses.field(default_factory=dict)
    name: str = ''

    @property
    def max_per_host(self) -> int:
        """Members that one host may carry under hard anti-affinity."""
        return int(self.rules.get('max_server_per_host', 1))


@dataclasses.dataclass(frozen=True)
class Cloud:
    """Hosts by name, servers by id, groups by id.

    Build it with :meth:`of`. Groups follow ``Server.group_id`` and
    ``Group.members`` alike: either is enough.
    """

    hosts: Mapping[str, Host]
    servers: Mapping[str, Server]
    groups: Mapping[str, Group]

    @classmethod
    def of(
        cls,
        hosts: Iterable[Host], servers: Iterable[Server] = (),
        groups: Iterable[Group] = ()
    ) -> 'Cloud':
        """Index what was read."""
        return cls(hosts={host.name: host for host in hosts},
                   servers={server.id: server for server in servers},
                   groups={group.id: group for group in groups})

    def host(self, name: str) -> Host:
        """The host of exactly this name.

        :raises UnknownHost: when there is none
        """
        try:
            return self.hosts[name]
        except KeyError:
            raise UnknownHost(name) from None

    @functools.cached_property
    def _servers_by_host(self) -> dict[str, list[Server]]:
        found: dict[str, list[Server]] = {}
        for server in self.servers.values():
            if server.host:
                found.setdefault(server.host, []).append(server)
        return found

    def servers_on(self, host: str) -> list[Server]:
        """The servers whose host has exactly this name, any state."""
        return list(self._servers_by_host.get(host, ()))

    @functools.cached_property
    def group_of(self) -> dict[str, Group]:
        """Server id to its group."""
        found = {
            member: group
            for group in self.groups.values()
            for member in group.members}
        for server in self.servers.values():
            if server.group_id and server.group_id in self.groups:
                found[server.id] = self.groups[server.group_id]
        return found

    @functools.cached_property
    def members_of(self) -> dict[str, list[Server]]:
        """Group id to its servers."""
        found: dict[str, list[Server]] = {key: [] for key in self.groups}
        for server_id, group in self.group_of.items():
            if server_id in self.servers:
                found[group.id].append(self.servers[server_id])
        return found
