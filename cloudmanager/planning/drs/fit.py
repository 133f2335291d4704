# SPDX-License-Identifier: Apache-2.0
"""Whether hosts can take servers: by what is allocated, and by what is used.

One picture serves the search for moves, their order, and the check of each
again before it is made.
"""

import collections.abc
import typing

from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import reach
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import settings as drs_settings
from cloudmanager.planning.terms import Action

PRESSED = {model.VCPU: 'CPU', model.MEMORY_MB: 'memory', 'IO': 'disks'}
_SOFT = frozenset((model.SOFT_AFFINITY, model.SOFT_ANTI_AFFINITY))


class Kind(typing.NamedTuple):
    """All that decides about legal hosts besides reach."""

    targets: int
    source: frozenset[str]


class Fit:
    """Room on the hosts of a scope, and who is legal where.

    :param scope: names of the hosts that servers are moved between
    :ivar pressed: what hosts wait for that get no servers, by name
    """

    def __init__(
        self,
        cloud: model.Cloud,
        scope: collections.abc.Collection[str],
        use: load.Use = load.NOTHING,
        settings: drs_settings.Settings = drs_settings.DEFAULT,
        options: opts.Options = opts.DEFAULT,
    ) -> None:
        self.cloud = cloud
        self.books = ledger.Ledger(cloud, frozenset(), options)
        self.reach = reach.Reach(self.books, options)
        self._scope = frozenset(scope)
        self._use = use
        self._legal: dict[Kind, frozenset[str]] = {}
        self._lists: list[list[ledger.Bin]] = []
        hosts = [cloud.hosts[name] for name in scope]
        measured = load.measured(use, scope, drs_settings.RESOURCES)
        self._measured = measured
        self._used = {host.name: dict(use.peak_of(host.name))
                      for host in hosts}
        self._peaks: dict[str, load.Amounts] = {}
        self.pressed = {
            host.name: text for host in hosts
            if (text := _pressed(use, host.name, settings.max_pressure))
        }
        self._most = {
            host.name: {
                name: host.inventory[name].total * settings.max_load
                for name in measured
                if name in host.inventory
            }
            for host in hosts
        }

    def legal(self, server: model.Server, action: Action) -> frozenset[str]:
        """Names of the hosts that may take a server, whatever their room.

        They are in use, in all aggregates that its present host is in, and
        have all that it asks for.
        """
        found = self.reach.targets(server, action)
        source = self.cloud.hosts[server.host].aggregates
        key = Kind(id(found), source)
        if key not in self._legal:
            # Kept, so that no other list gets its identity.
            self._lists.append(found)
            self._legal[key] = frozenset(
                bin_.name
                for bin_ in found
                if bin_.name in self._scope
                and bin_.name not in self.pressed
                and source <= bin_.host.aggregates
            )
        return self._legal[key]

    def has_room(self, server: model.Server, host: str) -> bool:
        """Whether a server fits beside what is on a host."""
        if not self.books.bins[host].fits(server.resources):
            return False
        if not self._measured:
            return True
        used, most = self._used[host], self._most[host]
        return all(
            used[name] + amount <= most.get(name, 0.0)
            for name, amount in self._peak(server).items()
        )

    def _peak(self, server: model.Server) -> load.Amounts:
        """What a server adds to what its host uses at times."""
        found = self._peaks.get(server.id)
        if found is None:
            found = self._peaks[server.id] = self._use.peak_by(
                server, self._measured)
        return found

    def allows(self, server: model.Server, host: str) -> bool:
        """Whether a server on a host keeps the hard policy of its group.

        The server itself is elsewhere.
        """
        return self.books.group_allows(
            self.cloud.group_of.get(server.id), host
        )

    def why_not(
        self, server: model.Server, action: Action, host: str
    ) -> str:
        """Why a host cannot take a server now; empty when it can."""
        if host not in self._scope:
            return 'not among the hosts that are balanced'
        reason = self.reach.out_of_use(host) or self.reach.unfit(
            server, action
        )[host]
        if reason:
            return reason
        if host in self.pressed:
            return f'waiting for {self.pressed[host]}'
        if host not in self.legal(server, action):
            return 'not in all aggregates of its host'
        if not self.has_room(server, host):
            return 'without room'
        if not self.allows(server, host):
            return 'against the policy of its group'
        return ''

    def penalty(self, server: model.Server, source: str, host: str) -> float:
        """Load that a move is worth less for the soft policy of a group.

        It is negative when the move mends what is broken.
        """
        group = self.cloud.group_of.get(server.id)
        if group is None or group.policy not in _SOFT:
            return 0.0
        self.books.place(server, source, -1)
        found = self.books.soft_cost(group, host) - self.books.soft_cost(
            group, source
        )
        self.books.place(server, source)
        return found

    def take(self, server: model.Server, host: str, sign: int) -> None:
        """Put a server onto a host, or off it with a sign of -1."""
        self.books.place(server, host, sign)
        used = self._used.get(host)
        if used is not None and self._measured:
            for name, amount in self._peak(server).items():
                used[name] += sign * amount


def _pressed(use: load.Use, host: str, most: float) -> str:
    """Name the resources that a host is short of already."""
    return ' and '.join(
        f'{PRESSED[name]} ({value:.0%} of the time)'
        for name, value in use.pressure.get(host, {}).items()
        if value > most)
