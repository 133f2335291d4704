# SPDX-License-Identifier: Apache-2.0
"""The choice of destinations: largest first, onto the least loaded host.

1. Each unit (a server, or a hard affinity group as a whole) goes to the host
   whose largest usage will then be smallest.
2. If a unit finds no room, one placed unit is sent elsewhere to make some.
3. If units still are left, a placed unit is given up where that makes room
   for more servers than it has, so that few stay behind (greedy, not
   optimal).
4. Each unit chooses its destination again, as long as that lowers the load
   there, so that balancing would find nothing to improve.

All of this happens in the plan; no server moves twice.
"""

import collections
from collections.abc import Iterable
import dataclasses

from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import ranking
from cloudmanager.planning.cloud import reach
from cloudmanager.planning.terms import Action

_REPAIR_BUDGET = 400
_POLISH_PASSES = 4
_EPSILON = 1e-9
_Spot = tuple[ledger.Bin, int]
_Ranking = tuple[ranking.Ranking, list[ledger.Bin]]


@dataclasses.dataclass(eq=False, slots=True)
class Unit:
    """Servers that go to one host together.

    A rung is a position in the ladders, of which each server has one.

    :ivar ladders: the moves to try in turn, for each server
    :ivar candidates: the legal targets, for each rung
    :ivar host: the destination that was chosen; empty before
    :ivar rung: the rung that was chosen
    """

    servers: list[model.Server]
    ladders: list[tuple[Action, ...]]
    group: model.Group | None
    resources: dict[str, int]
    size: float
    priority: int
    candidates: list[list[ledger.Bin]]
    host: str = ''
    rung: int = 0

    def action(self, index: int) -> Action:
        """The action chosen for one of the servers."""
        ladder = self.ladders[index]
        return ladder[min(self.rung, len(ladder) - 1)]


class Packer:
    """Places units on the ledger."""

    def __init__(self, books: ledger.Ledger, legal: reach.Reach,
                 flags: opts.Options) -> None:
        self._books = books
        self._reach = legal
        self._flags = flags
        self._on: dict[str, list[Unit]] = collections.defaultdict(list)
        self._budget = _REPAIR_BUDGET
        #: By the identity of the list of candidates, and the resources. The
        #: list is kept as well, so that its identity is not used again.
        self._rankings: dict[tuple[object, ...], _Ranking] = {}
        self._mean = self._mean_capacity()

    def _mean_capacity(self) -> dict[str, float]:
        """Mean capacity of a host, by load class. Sizes are parts of it."""
        bins = self._books.bins.values()
        return {
            name: sum(bin_.host.inventory[name].capacity for bin_ in bins
                      if name in bin_.host.inventory) / max(1, len(bins))
            for name in self._flags.load_classes}

    def unit(self, servers: list[model.Server],
             ladders: list[tuple[Action, ...]], priority: int) -> Unit:
        """Make a unit and find its legal targets."""
        resources: dict[str, int] = {}
        for server in servers:
            for name, amount in server.resources.items():
                resources[name] = resources.get(name, 0) + amount
        size = max((resources.get(name, 0) / mean
                    for name, mean in self._mean.items() if mean > 0),
                   default=0.0)
        return Unit(servers, ladders,
                    self._books.cloud.group_of.get(servers[0].id), resources,
                    size, priority, self._candidates(servers, ladders))

    def _candidates(
            self, servers: list[model.Server],
            ladders: list[tuple[Action, ...]]) -> list[list[ledger.Bin]]:
        found = []
        for rung in range(max(len(ladder) for ladder in ladders)):
            sets = [
                self._reach.targets(
                    server, ladder[min(rung, len(ladder) - 1)])
                for server, ladder in zip(servers, ladders, strict=True)]
            common = sets[0]
            for other in sets[1:]:
                if other is not common:
                    known = set(other)
                    common = [bin_ for bin_ in common if bin_ in known]
            found.append(common)
        return found

    def _score(self, unit: Unit, bin_: ledger.Bin) -> ranking.Score:
        avoid, load, name = ranking.score(bin_, unit.resources)
        return avoid, load + self._books.soft_cost(unit.group, name), name

    def _takes(self, unit: Unit, bin_: ledger.Bin) -> bool:
        return (bin_.fits(unit.resources)
                and self._books.group_allows(unit.group, bin_.name))

    def _best(self, unit: Unit) -> _Spot | None:
        """The best host of the first rung that has any."""
        for rung, candidates in enumerate(unit.candidates):
            best = self._ranking(candidates, unit.resources).best(
                lambda host: self._books.group_allows(unit.group, host),
                lambda host: self._books.soft_cost(unit.group, host))
            if best is not None:
                return best, rung
        return None

    def _ranking(self, candidates: list[ledger.Bin],
                 resources: dict[str, int]) -> ranking.Ranking:
        key = (id(candidates), *sorted(resources.items()))
        if key not in self._rankings:
            self._rankings[key] = (
                ranking.Ranking(candidates, resources), candidates)
        return self._rankings[key][0]

    def _place(self, unit: Unit, sign: int) -> None:
        for server in unit.servers:
            self._books.place(server, unit.host, sign)
        for made, _ in self._rankings.values():
            made.update(unit.host)

    def _put(self, unit: Unit, bin_: ledger.Bin, rung: int) -> None:
        unit.host, unit.rung = bin_.name, rung
        self._on[bin_.name].append(unit)
        self._place(unit, 1)

    def _take(self, unit: Unit) -> _Spot:
        spot = (self._books.bins[unit.host], unit.rung)
        self._on[unit.host].remove(unit)
        self._place(unit, -1)
        unit.host, unit.rung = '', 0
        return spot

    def _settle(self, unit: Unit) -> bool:
        spot = self._best(unit)
        if spot is not None:
            self._put(unit, *spot)
        return spot is not None

    def pack(self, units: Iterable[Unit]) -> list[Unit]:
        """Place the units that fit, and return those that do not."""
        order = sorted(units, key=lambda unit: (
            -unit.priority, -unit.size, len(unit.candidates[0]),
            unit.servers[0].id))
        left = [unit for unit in order if not self._settle(unit)]
        left = [unit for unit in left if not self._repair(unit)]
        while left and self._trade(left):
            left = [unit for unit in left if not unit.host]
            left = [unit for unit in left if not self._settle(unit)]
        self._polish([unit for unit in order if unit.host])
        return left

    def _repair(self, unit: Unit) -> bool:
        """Place the unit by sending one placed unit elsewhere."""
        for rung, candidates in enumerate(unit.candidates):
            for bin_ in candidates:
                for other in list(self._on[bin_.name]):
                    if self._budget <= 0:
                        return False
                    if self._displace(unit, other, bin_, rung):
                        return True
        return False

    def _displace(self, unit: Unit, other: Unit, bin_: ledger.Bin,
                  rung: int) -> bool:
        back = self._take(other)
        if self._takes(unit, bin_):
            self._budget -= 1
            self._put(unit, bin_, rung)
            if self._settle(other):
                return True
            self._take(unit)
        self._put(other, *back)
        return False

    def _trade(self, left: list[Unit]) -> bool:
        """Give up one placed unit for more servers among those left."""
        placed = [unit for units in self._on.values() for unit in units]
        placed.sort(key=lambda unit: (-unit.size, unit.servers[0].id))
        smallest_first = sorted(
            left, key=lambda unit: (unit.size, unit.servers[0].id))
        for unit in placed:
            back = self._take(unit)
            gained = self._fill(back[0], smallest_first, unit.priority)
            count = sum(len(other.servers) for other in gained)
            if count > len(unit.servers):
                left.append(unit)
                return True
            for other in gained:
                self._take(other)
            self._put(unit, *back)
        return False

    def _fill(self, bin_: ledger.Bin, units: list[Unit],
              priority: int) -> list[Unit]:
        """Place on one host what fits of the units, none of less priority."""
        gained = []
        for unit in units:
            if unit.priority < priority or not self._takes(unit, bin_):
                continue
            for rung, candidates in enumerate(unit.candidates):
                if bin_ in candidates:
                    self._put(unit, bin_, rung)
                    gained.append(unit)
                    break
        return gained

    def _polish(self, placed: list[Unit]) -> None:
        """Let each unit choose again, now that all others are placed."""
        for _ in range(_POLISH_PASSES):
            if not any([self._choose_again(unit) for unit in placed]):
                return

    def _choose_again(self, unit: Unit) -> bool:
        old, rung = self._take(unit)
        spot = self._best(unit)
        if spot is not None and spot[1] <= rung:
            avoid, load, _ = self._score(unit, old)
            better = spot[1] < rung or (
                self._score(unit, spot[0])[:2] < (avoid, load - _EPSILON))
            if better:
                self._put(unit, *spot)
                return True
        self._put(unit, old, rung)
        return False
