# SPDX-License-Identifier: Apache-2.0
"""How an audit sees hosts and servers while it chooses moves.

Each move that is chosen changes the picture.
"""

import collections.abc
import dataclasses
import operator
import typing

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import fit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import settings as drs_settings

#: What lies within its threshold already counts this much of its weight.
DONE_WEIGHT = 0.1
#: To look at more kinds of hosts costs more than it saves.
MOST_KINDS = 3
EPSILON = 1e-9

#: Loads by host and resource that an earlier audit found.
Earlier = collections.abc.Mapping[
    str, collections.abc.Mapping[str, float]]


@dataclasses.dataclass(slots=True)
class Step:
    """One move that was chosen.

    :ivar gain: by how much the difference between the two hosts falls
    :ivar before: loads of source and target before it
    :ivar after: the same after it
    :ivar partner: id of the server that goes the other way, of a swap
    :ivar through: host that takes a server first so that a swap has room
    """

    server: model.Server
    way: movable.Way
    source: str
    target: str
    gain: float
    before: tuple[load.Vector, load.Vector]
    after: tuple[load.Vector, load.Vector]
    partner: str = ''
    through: str = ''


class Mover(typing.NamedTuple):
    """A server that may leave its host.

    :ivar share: of the load of its host
    :ivar shares: of the loads of hosts of the ``kinds`` of the picture
    """

    server: model.Server
    way: movable.Way
    legal: frozenset[str]
    share: load.Vector
    shares: tuple[load.Vector, ...]
    grouped: bool


class Picture:
    """Hosts, servers and their loads after the moves that were chosen.

    :param earlier: loads that were found before, the latest first
    :ivar steps: what was chosen so far
    :ivar kinds: one of the hosts of each kind; none when there are many kinds
    :ivar weights: how much each resource counts now
    :ivar cold: hosts, the coldest first
    """

    def __init__(
        self,
        room: fit.Fit,
        loads: load.Loads,
        ways: movable.Ways,
        settings: drs_settings.Settings = drs_settings.DEFAULT,
        earlier: collections.abc.Sequence[Earlier] = (),
    ) -> None:
        self.room = room
        self.loads = loads
        self.steps: list[Step] = []
        self._ways = ways
        self.settings = settings
        self._movers: dict[str, dict[str, Mover]] = {}
        self._kinds: dict[str, list[Mover]] = {}
        #: For how many earlier rounds in a row hosts were above the mean.
        self._rounds = {
            host: _rounds(host, loads.resources, earlier)
            for host in loads.values} if settings.rounds > 1 else {}
        self.kinds = loads.kinds if len(loads.kinds) <= MOST_KINDS else ()
        self.weights: load.Vector = ()
        self.cold: list[str] = []
        self._warmth: dict[str, float] = {}

    # What is better

    @property
    def balanced(self) -> bool:
        """Whether every resource is within the threshold."""
        return all(
            value <= self.settings.threshold + EPSILON
            for value in self.loads.deviations()
        )

    @property
    def full(self) -> bool:
        """Whether no more moves may be chosen."""
        return len(self.steps) >= self.settings.max_moves

    def price(self, way: movable.Way) -> float:
        """The gain that a move must have at least."""
        settings = self.settings
        cost = way.seconds * settings.migration_load / settings.horizon
        return max(settings.minimum_gain, cost)

    def weigh(self) -> bool:
        """See what counts now: what is balanced already counts little.

        :returns: whether that has changed
        """
        weights = tuple(
            weight * (DONE_WEIGHT if deviation <= self.settings.threshold
                      else 1.0)
            for weight, deviation in zip(
                self.loads.weights, self.loads.deviations(), strict=True)
        )
        if weights == self.weights:
            return False
        self.weights = weights
        self._warmth = {host: self._warm(host) for host in self.loads.values}
        self.cold = list(self.loads.values)
        self._sort()
        return True

    def _warm(self, host: str) -> float:
        total: float = sum(map(operator.mul, self.weights,
                               self.loads.values[host]))
        return total

    def _sort(self) -> None:
        self.cold.sort(key=self._warmth.__getitem__)

    def hot(self) -> list[str]:
        """Hosts that may lose servers, the warmest first."""
        means, floor = self.loads.means(), self.settings.source_floor
        return [
            host for host in reversed(self.cold)
            if (max(self.loads.values[host]) >= floor
                or host in self.room.pressed)
            and self.held(host)
            and any(map(operator.gt, self.loads.values[host], means))
        ]

    def held(self, host: str) -> bool:
        """Whether a host was above the mean for long enough."""
        return self._rounds.get(host, 0) + 1 >= self.settings.rounds

    # Servers that may move

    def movers_on(self, host: str) -> dict[str, Mover]:
        """The servers of a host that may leave it, by id.

        What is moved sooner comes first, so that it is preferred to others
        that bring as much.
        """
        if host not in self._movers:
            ways = sorted(
                ((self._ways.of(server), server)
                 for server in self.room.cloud.servers_on(host)),
                key=lambda pair: (pair[0].seconds, pair[1].id))
            self._movers[host] = {
                server.id: Mover(
                    server, way, self.room.legal(server, way.action),
                    self.loads.share(server, host),
                    tuple(self.loads.share(server, kind)
                          for kind in self.kinds),
                    server.id in self.room.cloud.group_of)
                for way, server in ways if way.action is not None}
        return self._movers[host]

    def step(self, mover: Mover, source: str, target: str) -> Step:
        """What a move of a server would be now."""
        loads, server = self.loads, mover.server
        before = loads.values[source], loads.values[target]
        after = (minus(before[0], mover.share),
                 plus(before[1], loads.share(server, target)))
        gain = (loads.difference(*before) - loads.difference(*after)
                - self.room.penalty(server, source, target))
        return Step(server, mover.way, source, target, gain, before, after)

    def different(self, host: str) -> list[Mover]:
        """Servers of a host, one of those that are alike."""
        if host not in self._kinds:
            found: dict[object, Mover] = {}
            for mover in self.movers_on(host).values():
                found.setdefault((mover.share, id(mover.legal),
                                  mover.grouped and mover.server.id), mover)
            self._kinds[host] = list(found.values())
        return self._kinds[host]

    # Moves

    def take(self, step: Step) -> None:
        """Choose a move."""
        self.project(step)
        self.movers_on(step.source).pop(step.server.id)
        self._kinds.pop(step.source, None)
        for host in (step.source, step.target):
            self._warmth[host] = self._warm(host)
        self._sort()
        self.steps.append(step)

    def fall_of(self, step: Step) -> float:
        """By how much a move lowers the spread."""
        (here, there), (here_after, there_after) = step.before, step.after
        return fall(here, there, minus(here, here_after),
                    minus(there_after, there), self.loads.sums,
                    self.weights, len(self.loads.values))

    def project(self, step: Step, sign: int = 1) -> None:
        """See how all is once a move is made; take it back with -1."""
        here, there = ((step.source, step.target) if sign > 0
                       else (step.target, step.source))
        self.room.take(step.server, here, -1)
        self.room.take(step.server, there, 1)
        self.loads.move(step.server, here, there)

    def can(self, step: Step) -> bool:
        """Whether a move can be made now."""
        action = step.way.action
        return (action is not None
                and step.target in self.room.legal(step.server, action)
                and self.room.has_room(step.server, step.target)
                and self.room.allows(step.server, step.target))

    def can_after(self, step: Step, first: Step) -> bool:
        """Whether a move can be made once another one has been."""
        room = self.room
        room.take(first.server, first.source, -1)
        room.take(first.server, first.target, 1)
        possible = self.can(step)
        room.take(first.server, first.target, -1)
        room.take(first.server, first.source, 1)
        return possible


def _rounds(host: str, resources: tuple[str, ...],
            earlier: collections.abc.Sequence[Earlier]) -> int:
    """In how many of the latest rounds in a row a host was above the mean."""
    for number, values in enumerate(earlier):
        if host not in values or not any(
                values[host].get(name, 0.0) > sum(
                    other.get(name, 0.0) for other in values.values()
                ) / len(values) for name in resources):
            return number
    return len(earlier)


def plus(one: load.Vector, other: load.Vector) -> load.Vector:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def minus(one: load.Vector, other: load.Vector) -> load.Vector:
    return tuple(a - b for a, b in zip(one, other, strict=True))


def fall(
    here: load.Vector, there: load.Vector, leaves: load.Vector,
    comes: load.Vector, sums: list[float], weights: load.Vector, size: int,
) -> float:
    """By how much a move lowers the sum of squared deviations.

    :param here: load of the source, which ``leaves`` is taken off
    :param there: load of the target, which ``comes`` is added to
    :param sums: of the loads of all hosts
    :param size: number of hosts
    """
    total = 0.0
    for index, weight in enumerate(weights):
        off, on = leaves[index], comes[index]
        change = on - off
        total += weight * (
            off * (2 * here[index] - off)
            - on * (2 * there[index] + on)
            + change * (2 * sums[index] + change) / size
        )
    return total
