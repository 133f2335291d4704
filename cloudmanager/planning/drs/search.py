# SPDX-License-Identifier: Apache-2.0
"""Finds the moves: off the hottest host, to where they help most.

Each step looks at the servers of the hottest host and at the coldest hosts
that can take them, with the load that both would have afterwards, and takes
the move that lowers the spread of the loads most. Where no single move
helps, two servers change places. A server is moved once at most.
"""

import collections.abc
import dataclasses
import heapq
import math
import operator
import typing

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import fit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import settings as drs_settings

#: Of the hosts that may take a server so many are weighed, the coldest ones.
TARGETS = 3
#: Hosts on each side that are looked at for servers to change places.
SWAP_HOSTS = 6
#: Pairs that want to change places, and cannot, for which room is looked for.
STUCK_PAIRS = 8
#: What lies within its threshold already counts this much of its weight.
DONE_WEIGHT = 0.1
_EPSILON = 1e-9
#: More than sums of loads may differ by when they are added up differently.
_ROUNDING = 1e-12

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


class _Mover(typing.NamedTuple):
    """A server that may leave its host.

    :ivar share: of the load of its host
    :ivar shares: of the loads of hosts of each kind, see ``load.lowest``
    """

    server: model.Server
    way: movable.Way
    legal: frozenset[str]
    share: load.Vector
    shares: tuple[load.Vector, ...]
    grouped: bool


class _Swap(typing.NamedTuple):
    """Two servers that would change places.

    :ivar fall: by how much they lower the spread
    """

    fall: float
    out: Step
    back: Step


class Search:
    """Chooses moves on a picture that changes with each of them.

    :param earlier: loads that were found before, the latest first
    :ivar steps: what was chosen so far
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
        self._settings = settings
        self._movers: dict[str, dict[str, _Mover]] = {}
        self._kinds: dict[str, list[_Mover]] = {}
        #: For how many earlier rounds in a row hosts were above the mean.
        self._rounds = {
            host: _rounds(host, loads.resources, earlier)
            for host in loads.values} if settings.rounds > 1 else {}
        self._weights: load.Vector = ()
        #: Hosts, the coldest first, and how warm they are.
        self._cold: list[str] = []
        self._warmth: dict[str, float] = {}
        #: Hosts by the most that a move off them can bring, the best first.
        self._queue: list[tuple[float, str]] = []
        self._queued_at = 0

    # What is better

    @property
    def balanced(self) -> bool:
        """Whether every resource is within the threshold."""
        return all(
            value <= self._settings.threshold + _EPSILON
            for value in self.loads.deviations()
        )

    @property
    def full(self) -> bool:
        """Whether no more moves may be chosen."""
        return len(self.steps) >= self._settings.max_moves

    def price(self, way: movable.Way) -> float:
        """The gain that a move must have at least."""
        settings = self._settings
        cost = way.seconds * settings.migration_load / settings.horizon
        return max(settings.minimum_gain, cost)

    def _weigh(self) -> None:
        """See what counts now: what is balanced already counts little."""
        weights = tuple(
            weight * (DONE_WEIGHT if deviation <= self._settings.threshold
                      else 1.0)
            for weight, deviation in zip(
                self.loads.weights, self.loads.deviations(), strict=True)
        )
        if weights != self._weights:
            self._weights = weights
            self._warmth = {host: self._warm(host)
                            for host in self.loads.values}
            self._cold = list(self.loads.values)
            self._sort()
            self._fill()

    def _warm(self, host: str) -> float:
        total: float = sum(map(operator.mul, self._weights,
                               self.loads.values[host]))
        return total

    def _sort(self) -> None:
        self._cold.sort(key=self._warmth.__getitem__)

    def _fill(self) -> None:
        """Queue all hosts that may lose servers."""
        self._queue = [(-math.inf, host) for host in self.hot()]
        heapq.heapify(self._queue)
        self._queued_at = len(self.steps)

    def hot(self) -> list[str]:
        """Hosts that may lose servers, the warmest first."""
        means, floor = self.loads.means(), self._settings.source_floor
        return [
            host for host in reversed(self._cold)
            if (max(self.loads.values[host]) >= floor
                or host in self.room.pressed)
            and self.held(host)
            and any(map(operator.gt, self.loads.values[host], means))
        ]

    def held(self, host: str) -> bool:
        """Whether a host was above the mean for long enough."""
        return self._rounds.get(host, 0) + 1 >= self._settings.rounds

    # Single moves

    def run(self) -> None:
        """Choose moves until all is balanced or nothing helps any more."""
        while not self.balanced and not self.full:
            self._weigh()
            if not self._move_one() and not self._swap_one():
                return

    def _move_one(self) -> bool:
        """Take the move that brings most, if there is one."""
        while self._queue or self._queued_at < len(self.steps):
            if not self._queue:
                # Moves may have made room for others.
                self._fill()
            if self._queue and self._take_best():
                return True
        return False

    def _take_best(self) -> bool:
        """Take the best move off the first host, if none is better.

        What a host was found to bring before is the most that it can bring,
        but for rare cases: its load fell, and that of its targets rose. So
        few hosts are looked at again before each move.
        """
        _, host = heapq.heappop(self._queue)
        found = self._best(host)
        if found is None:
            return False
        fall, step = found
        heapq.heappush(self._queue, (-fall, host))
        if fall < -self._queue[0][0]:
            return False
        self._take(step)
        return True

    def _best(self, source: str) -> tuple[float, Step] | None:
        """The move off a host that lowers the spread most, and how much.

        Of those that bring as much, it is one of the first server.
        """
        loads, weights, room = self.loads, self._weights, self.room
        here, sums, size = loads.values[source], loads.sums, len(loads.values)
        most, best, first = _EPSILON, None, 1
        movers = self._different(source)
        for bound, order in self._ranked(here, movers):
            if bound < most:
                break
            mover = movers[-order]
            server, left = mover.server, TARGETS
            for target in self._cold:
                if target == source or target not in mover.legal:
                    continue
                fall = _fall(here, loads.values[target], mover.share,
                             loads.share(server, target), sums, weights,
                             size)
                if mover.grouped and fall > most:
                    fall *= 1.0 - max(0.0, room.penalty(
                        server, source, target))
                # Room is looked for only where it may make a difference.
                if fall > most or (fall == most and order > first):
                    if not self._has_place(mover, target):
                        continue
                    step = self._step(mover, source, target)
                    if self._pays(step):
                        most, best, first = fall, step, order
                left -= 1
                if not left:
                    break
        return (most, best) if best else None

    def _ranked(self, here: load.Vector,
                movers: list[_Mover]) -> list[tuple[float, int]]:
        """Put those that may bring most first.

        Most others need not be looked at then.

        :param here: load of their host
        :returns: what a move can bring at most, wherever it goes, and the
            place in ``movers``, as a negative number
        """
        sums, weights = self.loads.sums, self._weights
        size, kinds = len(self.loads.values), self.loads.lowest()
        if len(kinds) > TARGETS:
            # To look at so many kinds of hosts costs more than it saves.
            return [(math.inf, -index) for index in range(len(movers))]
        found = []
        for index, mover in enumerate(movers):
            bound = -math.inf
            for (_, lowest), share in zip(kinds, mover.shares, strict=True):
                fall = _fall(here, lowest, mover.share, share, sums, weights,
                             size)
                if fall > bound:
                    bound = fall
            found.append((bound + _ROUNDING, -index))
        found.sort(reverse=True)
        return found

    def _has_place(self, mover: _Mover, host: str) -> bool:
        return self.room.has_room(mover.server, host) and (
            not mover.grouped or self.room.allows(mover.server, host))

    def _pays(self, step: Step) -> bool:
        """Whether a move brings what it costs and heats nothing up."""
        (here, _), (_, there) = step.before, step.after
        return step.gain >= self.price(step.way) and max(there) < max(here)

    def _movers_on(self, host: str) -> dict[str, _Mover]:
        """The servers of a host that may leave it, by id.

        What is moved sooner comes first, so that it is preferred to others
        that bring as much.
        """
        if host not in self._movers:
            kinds = [each for each, _ in self.loads.lowest()]
            ways = sorted(
                ((self._ways.of(server), server)
                 for server in self.room.cloud.servers_on(host)),
                key=lambda pair: (pair[0].seconds, pair[1].id))
            self._movers[host] = {
                server.id: _Mover(
                    server, way, self.room.legal(server, way.action),
                    self.loads.share(server, host),
                    tuple(self.loads.share(server, each) for each in kinds),
                    server.id in self.room.cloud.group_of)
                for way, server in ways if way.action is not None}
        return self._movers[host]

    def _step(self, mover: _Mover, source: str, target: str) -> Step:
        loads, server = self.loads, mover.server
        before = loads.values[source], loads.values[target]
        after = (_minus(before[0], mover.share),
                 _plus(before[1], loads.share(server, target)))
        gain = (loads.difference(*before) - loads.difference(*after)
                - self.room.penalty(server, source, target))
        return Step(server, mover.way, source, target, gain, before, after)

    def _take(self, step: Step) -> None:
        self._project(step)
        self._movers_on(step.source).pop(step.server.id)
        self._kinds.pop(step.source, None)
        for host in (step.source, step.target):
            self._warmth[host] = self._warm(host)
        self._sort()
        self.steps.append(step)

    # Two servers change places

    def _swap_one(self) -> bool:
        """Let two servers change places, if that brings enough.

        When both of their hosts are too full, a third one takes a server of
        one of them first.
        """
        for source in self.hot()[:SWAP_HOSTS]:
            swaps = sorted(
                (swap for target in self._cold[:SWAP_HOSTS]
                 if target != source
                 for swap in self._swaps(source, target)),
                key=lambda swap: -swap.fall)
            for find in (self._possible, self._through):
                found = find(swaps)
                if (found and len(self.steps) + len(found)
                        <= self._settings.max_moves):
                    for step in found:
                        self._take(step)
                    return True
        return False

    def _swaps(self, source: str,
               target: str) -> collections.abc.Iterator[_Swap]:
        """Pairs that are worth changing places, possible or not."""
        for one in self._different(source):
            for other in self._different(target):
                found = self._swap(one, source, other, target)
                if found is not None:
                    yield found

    def _possible(self, swaps: list[_Swap]) -> tuple[Step, ...]:
        """The moves of the best swap for which there is room."""
        return next(filter(None, map(self._ordered, swaps)), ())

    def _ordered(self, swap: _Swap) -> tuple[Step, ...]:
        """The two moves in an order in which they can be made, if any."""
        for first, second in ((swap.out, swap.back), (swap.back, swap.out)):
            if self._can(first) and self._can_after(second, first):
                return first, second
        return ()

    def _through(self, swaps: list[_Swap]) -> tuple[Step, ...]:
        """The moves of a swap for which a third host makes room."""
        for swap in swaps[:STUCK_PAIRS]:
            ends = {swap.out.source, swap.out.target}
            pair = {swap.out.server.id, swap.back.server.id}
            for third in self._cold[:SWAP_HOSTS]:
                if third in ends:
                    continue
                for host in (swap.out.source, swap.out.target):
                    for mover in self._different(host):
                        if mover.server.id not in pair:
                            found = self._with_room(
                                swap, self._step(mover, host, third))
                            if found:
                                return found
        return ()

    def _with_room(self, swap: _Swap, room: Step) -> tuple[Step, ...]:
        """The moves of a swap after one that makes room, if all pay."""
        before = max(swap.out.before[0])
        if max(room.after[1]) >= before or not self._can(room):
            return ()
        fall = self._fall_of(room)
        movers = self._movers_on(swap.out.source), self._movers_on(
            swap.out.target)
        self._project(room)
        try:
            again = self._swap(
                movers[0][swap.out.server.id], swap.out.source,
                movers[1][swap.back.server.id], swap.out.target)
            found = self._ordered(again) if again else ()
        finally:
            self._project(room, -1)
        if (again is None or not found or fall + again.fall <= _EPSILON
                or again.out.gain + again.back.gain + room.gain < sum(
                    self.price(step.way) for step in (room, *found))):
            return ()
        for step in (room, *found):
            step.through = room.target
        return room, *found

    def _fall_of(self, step: Step) -> float:
        (here, there), (here_after, there_after) = step.before, step.after
        return _fall(here, there, _minus(here, here_after),
                     _minus(there_after, there), self.loads.sums,
                     self._weights, len(self.loads.values))

    def _project(self, step: Step, sign: int = 1) -> None:
        """See how all is once a move is made; take it back with -1."""
        here, there = ((step.source, step.target) if sign > 0
                       else (step.target, step.source))
        self.room.take(step.server, here, -1)
        self.room.take(step.server, there, 1)
        self.loads.move(step.server, here, there)

    def _different(self, host: str) -> list[_Mover]:
        """Servers of a host, one of those that are alike."""
        if host not in self._kinds:
            found: dict[object, _Mover] = {}
            for mover in self._movers_on(host).values():
                found.setdefault((mover.share, id(mover.legal),
                                  mover.grouped and mover.server.id), mover)
            self._kinds[host] = list(found.values())
        return self._kinds[host]

    def _swap(self, one: _Mover, source: str, other: _Mover,
              target: str) -> _Swap | None:
        """The two moves of a swap, if it gains enough."""
        loads, room = self.loads, self.room
        here, there = loads.values[source], loads.values[target]
        here_after = _plus(_minus(here, one.share),
                           loads.share(other.server, source))
        there_after = _plus(_minus(there, other.share),
                            loads.share(one.server, target))
        gain = (loads.difference(here, there)
                - loads.difference(here_after, there_after)
                - room.penalty(one.server, source, target)
                - room.penalty(other.server, target, source))
        price = self.price(one.way) + self.price(other.way)
        out = Step(one.server, one.way, source, target, gain / 2,
                   (here, there), (here_after, there_after),
                   other.server.id)
        fall = self._fall_of(out)
        if (gain < price or fall <= _EPSILON
                or max(*here_after, *there_after) >= max(here)):
            return None
        back = Step(other.server, other.way, target, source, gain / 2,
                    (there, here), (there_after, here_after), one.server.id)
        return _Swap(fall, out, back)

    def _can(self, step: Step) -> bool:
        """Whether a move can be made now."""
        action = step.way.action
        return (action is not None
                and step.target in self.room.legal(step.server, action)
                and self.room.has_room(step.server, step.target)
                and self.room.allows(step.server, step.target))

    def _can_after(self, step: Step, first: Step) -> bool:
        """Whether a move can be made once another one has been."""
        room = self.room
        room.take(first.server, first.source, -1)
        room.take(first.server, first.target, 1)
        possible = self._can(step)
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


def _plus(one: load.Vector, other: load.Vector) -> load.Vector:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _minus(one: load.Vector, other: load.Vector) -> load.Vector:
    return tuple(a - b for a, b in zip(one, other, strict=True))


def _fall(
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
