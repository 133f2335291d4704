# SPDX-License-Identifier: Apache-2.0
"""What hosts carry once the moves planned so far are done.

A host that is emptied takes no servers, so the others only gain. If the end
of a plan fits, then so does every stage of it, in whatever order its moves
run.
"""

import collections
from collections.abc import Set

from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import model

_Shortage = tuple[float, dict[str, float]]


class Bin:
    """The room of one host, by resource class.

    :ivar limit: capacity less the headroom that is to stay free
    """

    __slots__ = ('host', 'name', 'used', 'limit', 'per_unit', 'avoid')

    def __init__(self, host: model.Host, flags: opts.Options) -> None:
        self.host = host
        self.name = host.name
        self.avoid = host.name in flags.avoid_hosts
        self.used: dict[str, int] = {}
        self.limit: dict[str, float] = {}
        #: Load that one unit of a class adds, as a fraction of capacity.
        self.per_unit: dict[str, float] = {}
        for name, inventory in host.inventory.items():
            capacity = inventory.capacity
            self.used[name] = host.used.get(name, 0)
            self.limit[name] = capacity
            if name in flags.load_classes and capacity > 0:
                self.limit[name] = capacity * min(
                    1.0, flags.max_projected_usage)
                self.per_unit[name] = 1.0 / capacity

    def fits(self, resources: model.Resources) -> bool:
        """Whether the resources fit beside what the host will carry."""
        used, limit = self.used, self.limit
        for name, amount in resources.items():
            if amount and (name not in limit
                           or used[name] + amount > limit[name]):
                return False
        return True

    def load_with(self, resources: model.Resources) -> float:
        """The load of the host with these resources added.

        That is the largest usage of a class that counts as load. A small
        part of the sum is added to it, to tell hosts apart whose largest
        usages are equal.
        """
        used, most, total = self.used, 0.0, 0.0
        for name, unit in self.per_unit.items():
            usage = (used[name] + resources.get(name, 0)) * unit
            total += usage
            if usage > most:
                most = usage
        return most + 0.01 * total

    def add(self, resources: model.Resources, sign: int = 1) -> None:
        """Add resources to the host, or remove them with a sign of -1."""
        for name, amount in resources.items():
            if name in self.used:
                self.used[name] += sign * amount

    def shortage(self, resources: model.Resources) -> _Shortage:
        """How much the host lacks for these resources.

        :returns: the largest lack as a fraction of its limit, and the amount
            that is lacking of each class
        """
        worst, short = 0.0, {}
        for name, amount in resources.items():
            limit = self.limit.get(name, 0.0)
            lack = self.used.get(name, 0) + amount - limit
            if amount and lack > 0:
                short[name] = round(lack, 3)
                worst = max(worst, lack / limit if limit > 0 else 1e9)
        return worst, short

    def usage(self, *, before: bool = False) -> dict[str, float]:
        """Fraction of the capacity that is used, by resource class.

        :param before: without the planned moves
        """
        used = self.host.used if before else self.used
        return {
            name: round(used.get(name, 0) / inventory.capacity, 4)
            for name, inventory in sorted(self.host.inventory.items())
            if inventory.capacity > 0}


class Ledger:
    """The hosts that stay in use, and where the members of groups will be.

    :param sources: names of the hosts to be emptied
    """

    def __init__(self, cloud: model.Cloud, sources: Set[str],
                 flags: opts.Options) -> None:
        self.cloud = cloud
        self.sources = sources
        self.soft_weight = flags.soft_weight
        self.bins = {
            name: Bin(host, flags)
            for name, host in cloud.hosts.items()
            if name not in sources}
        self._members: dict[str, collections.Counter[str]] = {}
        for group_id, members in cloud.members_of.items():
            counts = self._members[group_id] = collections.Counter()
            for server in members:
                place = flags.in_flight.get(server.id, server.host)
                if place and place not in sources:
                    counts[place] += 1

    def members(self, group: model.Group) -> collections.Counter[str]:
        """Host to the number of the group's members that will be there."""
        return self._members[group.id]

    def group_allows(self, group: model.Group | None, host: str) -> bool:
        """Whether the group's hard policy allows one more member there."""
        if group is None:
            return True
        if group.policy == model.ANTI_AFFINITY:
            return self._members[group.id][host] < group.max_per_host
        if group.policy == model.AFFINITY:
            counts = self._members[group.id]
            return not counts or counts[host] > 0
        return True

    def soft_cost(self, group: model.Group | None, host: str) -> float:
        """Load to add to the host for breaking the group's soft policy."""
        if group is None:
            return 0.0
        if group.policy == model.SOFT_ANTI_AFFINITY:
            return self.soft_weight * self._members[group.id][host]
        if group.policy == model.SOFT_AFFINITY:
            counts = self._members[group.id]
            if counts and not counts[host]:
                return self.soft_weight
        return 0.0

    def place(self, server: model.Server, host: str, sign: int = 1) -> None:
        """Place a server on a host, or take it off with a sign of -1."""
        self.bins[host].add(server.resources, sign)
        group = self.cloud.group_of.get(server.id)
        if group is not None:
            counts = self._members[group.id]
            counts[host] += sign
            if not counts[host]:
                del counts[host]
