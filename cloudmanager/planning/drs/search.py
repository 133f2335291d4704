# SPDX-License-Identifier: Apache-2.0
"""Finds the moves: off the hottest host, to where they help most.

Each step looks at the servers of the hottest host and at the coldest hosts
that can take them, with the load that both would have afterwards, and takes
the move that lowers the spread of the loads most. Where no single move
helps, two servers change places. A server is moved once at most.
"""

import heapq
import math

from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import picture
from cloudmanager.planning.drs import swaps

#: Of the hosts that may take a server so many are weighed, the coldest ones.
TARGETS = 3
#: More than sums of loads may differ by when they are added up differently.
_ROUNDING = 1e-12


class Search(picture.Picture):
    """Chooses moves, single ones first."""

    def run(self) -> None:
        """Choose moves until all is balanced or nothing helps any more."""
        exchange = swaps.Swaps(self)
        #: Hosts by the most that a move off them can bring, the best first.
        self._queue: list[tuple[float, str]] = []
        self._queued_at = 0
        while not self.balanced and not self.full:
            if self.weigh():
                self._fill()
            if not self._move_one() and not exchange.take_one():
                return

    def _fill(self) -> None:
        """Queue all hosts that may lose servers."""
        self._queue = [(-math.inf, host) for host in self.hot()]
        heapq.heapify(self._queue)
        self._queued_at = len(self.steps)

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
        self.take(step)
        return True

    def _best(self, source: str) -> tuple[float, picture.Step] | None:
        """The move off a host that lowers the spread most, and how much.

        Of those that bring as much, it is one of the first server.
        """
        loads, weights, room = self.loads, self.weights, self.room
        here, sums, size = loads.values[source], loads.sums, len(loads.values)
        most, best, first = picture.EPSILON, None, 1
        movers = self.different(source)
        for bound, order in self._ranked(here, movers):
            if bound < most:
                break
            mover = movers[-order]
            server, left = mover.server, TARGETS
            for target in self.cold:
                if target == source or target not in mover.legal:
                    continue
                fall = picture.fall(
                    here, loads.values[target], mover.share,
                    loads.share(server, target), sums, weights, size)
                if mover.grouped and fall > most:
                    fall *= 1.0 - max(0.0, room.penalty(
                        server, source, target))
                # Room is looked for only where it may make a difference.
                if fall > most or (fall == most and order > first):
                    if not self._has_place(mover, target):
                        continue
                    step = self.step(mover, source, target)
                    if self._pays(step):
                        most, best, first = fall, step, order
                left -= 1
                if not left:
                    break
        return (most, best) if best else None

    def _ranked(self, here: load.Vector,
                movers: list[picture.Mover]) -> list[tuple[float, int]]:
        """Put those that may bring most first.

        Most others need not be looked at then.

        :param here: load of their host
        :returns: what a move can bring at most, wherever it goes, and the
            place in ``movers``, as a negative number
        """
        sums, weights = self.loads.sums, self.weights
        size, kinds = len(self.loads.values), self.loads.lowest()
        if not self.kinds:
            return [(math.inf, -index) for index in range(len(movers))]
        found = []
        for index, mover in enumerate(movers):
            bound = -math.inf
            for lowest, share in zip(kinds, mover.shares, strict=True):
                fall = picture.fall(here, lowest, mover.share, share, sums,
                                    weights, size)
                if fall > bound:
                    bound = fall
            found.append((bound + _ROUNDING, -index))
        found.sort(reverse=True)
        return found

    def _has_place(self, mover: picture.Mover, host: str) -> bool:
        return self.room.has_room(mover.server, host) and (
            not mover.grouped or self.room.allows(mover.server, host))

    def _pays(self, step: picture.Step) -> bool:
        """Whether a move brings what it costs and heats nothing up."""
        (here, _), (_, there) = step.before, step.after
        return step.gain >= self.price(step.way) and max(there) < max(here)
