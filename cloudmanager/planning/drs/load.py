# SPDX-License-Identifier: Apache-2.0
"""Loads of hosts, and how moves change them.

The load of a host in a resource is what is allocated of its capacity, or a
weighted mean of that and what is used of it by measurement. Both are sums
over its servers, so a move takes a share of one host and adds one to another.
"""

import collections
import collections.abc
import dataclasses
import math

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import settings as drs_settings

#: Loads, or shares of them, in the order of ``Loads.resources``.
Vector = tuple[float, ...]
#: Amounts by resource class.
Amounts = collections.abc.Mapping[str, float]
NAMES = {model.VCPU: 'CPU', model.MEMORY_MB: 'memory',
         model.DISK_GB: 'disk'}


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What is used, as it was measured, in the units of the classes.

    :ivar hosts: by host and resource: CPUs that are busy, MiB, GiB
    :ivar servers: the same by server
    :ivar dirty: MiB of memory that a server writes in a second, by server
    :ivar host_peaks: what hosts use at times; the average where not known
    :ivar server_peaks: the same by server
    :ivar pressure: fractions of the time in which something on a host waits
        for a resource, by host and resource
    :ivar ages: seconds since what is told of a host was measured
    :ivar missing: what is not known of hosts, in words
    """

    hosts: dict[str, Amounts] = dataclasses.field(default_factory=dict)
    servers: dict[str, Amounts] = dataclasses.field(default_factory=dict)
    dirty: dict[str, float] = dataclasses.field(default_factory=dict)
    host_peaks: dict[str, Amounts] = dataclasses.field(default_factory=dict)
    server_peaks: dict[str, Amounts] = dataclasses.field(
        default_factory=dict)
    pressure: dict[str, Amounts] = dataclasses.field(default_factory=dict)
    ages: dict[str, float] = dataclasses.field(default_factory=dict)
    missing: dict[str, str] = dataclasses.field(default_factory=dict)

    def peak_of(self, host: str) -> Amounts:
        """What a host uses at times."""
        return {**self.hosts.get(host, {}), **self.host_peaks.get(host, {})}

    def peak_by(self, server: model.Server,
                resources: collections.abc.Iterable[str]) -> Amounts:
        """What a server uses at times, of some resources.

        Of one that nobody has measured yet it is what is allocated: less
        would let hosts be filled by what is not known.
        """
        peak = self.server_peaks.get(server.id, {})
        found = self.servers.get(server.id, {})
        return {
            name: peak.get(name, found.get(
                name, float(server.resources.get(name, 0))))
            for name in resources}


NOTHING = Use()


@dataclasses.dataclass(frozen=True, slots=True)
class Shares:
    """By how much one unit raises the load of hosts that are alike."""

    allocated: Vector
    used: Vector


class Loads:
    """Loads of some hosts, changed by moves.

    :ivar resources: what is balanced
    :ivar weights: of the resources; they add up to 1
    :ivar values: the loads of each host, by its name
    :ivar sums: of all hosts, by resource
    :ivar measured: resources whose use is known of every host
    :ivar estimated: what servers use that are not measured, by id
    """

    def __init__(
        self,
        cloud: model.Cloud,
        names: collections.abc.Sequence[str],
        use: Use = NOTHING,
        settings: drs_settings.Settings = drs_settings.DEFAULT,
    ) -> None:
        hosts = [cloud.hosts[name] for name in names]
        self.resources = tuple(
            name
            for name in drs_settings.RESOURCES
            if settings.weights.get(name, 0.0) > 0
            and all(_has(host, name) for host in hosts)
        )
        total = sum(settings.weights[name] for name in self.resources)
        self.weights = tuple(
            settings.weights[name] / total for name in self.resources
        )
        self.measured = measured(use, names, self.resources)
        self._use = use
        self.estimated = estimates(cloud, use, names, self.measured)
        self._shares: dict[str, Shares] = {}
        self.values: dict[str, Vector] = {}
        known: dict[Shares, Shares] = {}
        for host in hosts:
            made = self._shares_of(host, settings.use_weight)
            # Hosts that are alike share one object, which is quick to know.
            self._shares[host.name] = known.setdefault(made, made)
            self.values[host.name] = tuple(
                made.allocated[index] * host.used.get(name, 0)
                # No more than there is, whatever somebody says.
                + made.used[index] * min(
                    use.hosts.get(host.name, {}).get(name, 0.0),
                    host.inventory[name].total)
                for index, name in enumerate(self.resources)
            )
        self.sums = [
            sum(values[index] for values in self.values.values())
            for index in range(len(self.resources))
        ]
        self._squares = [
            sum(values[index] ** 2 for values in self.values.values())
            for index in range(len(self.resources))
        ]
        self._known: dict[tuple[int, str], Vector] = {}
        alike: dict[int, list[str]] = {}
        for name, made in self._shares.items():
            alike.setdefault(id(made), []).append(name)
        self._alike = tuple(alike.values())
        self._lowest: list[Vector] = []

    def _shares_of(self, host: model.Host, use_weight: float) -> Shares:
        allocated, used = [], []
        for name in self.resources:
            inventory = host.inventory[name]
            weight = use_weight if name in self.measured else 0.0
            allocated.append((1.0 - weight) / inventory.capacity)
            used.append(weight / inventory.total)
        return Shares(tuple(allocated), tuple(used))

    def share(self, server: model.Server, host: str) -> Vector:
        """What a server adds to the load of a host."""
        made = self._shares[host]
        key = (id(made), server.id)
        found = self._known.get(key)
        if found is None:
            used = {**self.estimated.get(server.id, {}),
                    **self._use.servers.get(server.id, {})}
            found = self._known[key] = tuple(
                made.allocated[index] * server.resources.get(name, 0)
                + made.used[index] * used.get(name, 0.0)
                for index, name in enumerate(self.resources)
            )
        return found

    @property
    def kinds(self) -> tuple[str, ...]:
        """One of the hosts of each kind: servers add as much to those alike.
        """
        return tuple(names[0] for names in self._alike)

    def lowest(self) -> list[Vector]:
        """The lowest loads of the hosts of each kind, in their order.

        The lowest loads of two resources may be those of two hosts.
        """
        if not self._lowest:
            self._lowest = [
                tuple(map(min, zip(*map(self.values.__getitem__, names),
                                   strict=True)))
                for names in self._alike]
        return self._lowest

    def move(self, server: model.Server, source: str, target: str) -> None:
        """Take the load of a server from one host to another."""
        self._lowest = []
        for host, sign in ((source, -1), (target, 1)):
            before = self.values[host]
            after = tuple(
                value + sign * part
                for value, part in zip(
                    before, self.share(server, host), strict=True
                )
            )
            self.values[host] = after
            for index, (old, new) in enumerate(
                zip(before, after, strict=True)
            ):
                self.sums[index] += new - old
                self._squares[index] += new * new - old * old

    def means(self) -> Vector:
        """The mean load of the hosts, by resource."""
        return tuple(value / max(1, len(self.values)) for value in self.sums)

    def deviations(self) -> Vector:
        """The standard deviation of the hosts' loads, by resource."""
        size = max(1, len(self.values))
        return tuple(
            math.sqrt(max(0.0, squares / size - (total / size) ** 2))
            for total, squares in zip(self.sums, self._squares, strict=True)
        )

    def difference(self, one: Vector, other: Vector) -> float:
        """How far apart two loads are: a weighted root mean square."""
        return math.sqrt(
            sum(
                weight * (a - b) ** 2
                for weight, a, b in zip(self.weights, one, other, strict=True)
            )
        )


def measured(
    use: Use,
    hosts: collections.abc.Collection[str],
    resources: collections.abc.Iterable[str],
) -> frozenset[str]:
    """The resources whose use is known of every host.

    Where it is known of some only, comparing them would mislead.
    """
    return frozenset(
        name
        for name in resources
        if all(name in use.hosts.get(host, {}) for host in hosts)
    )


def unmeasured(
    use: Use, hosts: collections.abc.Collection[str]
) -> dict[str, str]:
    """Why the use of hosts is not known, by name.

    A resource that is measured of few hosts only is missed of none.
    """
    known = [use.hosts[host] for host in hosts if use.hosts.get(host)]
    if not known and not use.missing:
        return {}
    counts = collections.Counter(name for found in known for name in found)
    names = sorted(name for name, count in counts.items()
                   if 2 * count > len(known))
    found = {}
    for host in hosts:
        lacking = [NAMES.get(name, name) for name in names
                   if name not in use.hosts.get(host, {})]
        if lacking or not use.hosts.get(host):
            what = f' of {" and ".join(lacking)}' if lacking else ''
            found[host] = (use.missing.get(host)
                           or f'its use{what} is not known')
    return found


def estimates(
    cloud: model.Cloud,
    use: Use,
    hosts: collections.abc.Iterable[str],
    resources: collections.abc.Collection[str],
) -> dict[str, dict[str, float]]:
    """What servers that nobody has measured use, by id.

    It is their part, by what is allocated to them, of what their host uses
    and no other server of it does; at most what is allocated.

    :param resources: whose use is known of all these hosts
    """
    found: dict[str, dict[str, float]] = {}
    for host in hosts:
        servers = cloud.servers_on(host)
        for name in resources:
            unknown = [server for server in servers
                       if name not in use.servers.get(server.id, {})]
            allocated = sum(server.resources.get(name, 0)
                            for server in unknown)
            if not allocated:
                continue
            rest = use.hosts[host][name] - sum(
                use.servers.get(server.id, {}).get(name, 0.0)
                for server in servers)
            part = min(1.0, max(0.0, rest) / allocated)
            for server in unknown:
                found.setdefault(server.id, {})[name] = (
                    part * server.resources.get(name, 0))
    return found


def _has(host: model.Host, name: str) -> bool:
    inventory = host.inventory.get(name)
    return inventory is not None and min(
        inventory.capacity, inventory.total
    ) > 0
