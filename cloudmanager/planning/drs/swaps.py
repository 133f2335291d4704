# SPDX-License-Identifier: Apache-2.0
"""Two servers change places, where no single move helps."""

import collections.abc
import typing

from cloudmanager.planning.drs import picture

#: Hosts on each side that are looked at for servers to change places.
SWAP_HOSTS = 6
#: Pairs that want to change places, and cannot, for which room is looked for.
STUCK_PAIRS = 8


class Swap(typing.NamedTuple):
    """Two servers that would change places.

    :ivar fall: by how much they lower the spread
    """

    fall: float
    out: picture.Step
    back: picture.Step


class Swaps:
    """Finds servers that change places.

    :param seen: the picture, which the moves are taken on
    """

    def __init__(self, seen: picture.Picture) -> None:
        self._seen = seen

    def take_one(self) -> bool:
        """Let two servers change places, if that brings enough.

        When both of their hosts are too full, a third one takes a server of
        one of them first.
        """
        for source in self._seen.hot()[:SWAP_HOSTS]:
            swaps = sorted(
                (swap for target in self._seen.cold[:SWAP_HOSTS]
                 if target != source
                 for swap in self._swaps(source, target)),
                key=lambda swap: -swap.fall)
            for find in (self._possible, self._through):
                found = find(swaps)
                if (found and len(self._seen.steps) + len(found)
                        <= self._seen.settings.max_moves):
                    for step in found:
                        self._seen.take(step)
                    return True
        return False

    def _swaps(self, source: str,
               target: str) -> collections.abc.Iterator[Swap]:
        """Pairs that are worth changing places, possible or not."""
        for one in self._seen.different(source):
            for other in self._seen.different(target):
                found = self._swap(one, source, other, target)
                if found is not None:
                    yield found

    def _possible(self, swaps: list[Swap]) -> tuple[picture.Step, ...]:
        """The moves of the best swap for which there is room."""
        return next(filter(None, map(self._ordered, swaps)), ())

    def _ordered(self, swap: Swap) -> tuple[picture.Step, ...]:
        """The two moves in an order in which they can be made, if any."""
        for first, second in ((swap.out, swap.back), (swap.back, swap.out)):
            if self._seen.can(first) and self._seen.can_after(second, first):
                return first, second
        return ()

    def _through(self, swaps: list[Swap]) -> tuple[picture.Step, ...]:
        """The moves of a swap for which a third host makes room."""
        for swap in swaps[:STUCK_PAIRS]:
            ends = {swap.out.source, swap.out.target}
            pair = {swap.out.server.id, swap.back.server.id}
            for third in self._seen.cold[:SWAP_HOSTS]:
                if third in ends:
                    continue
                for host in (swap.out.source, swap.out.target):
                    for mover in self._seen.different(host):
                        if mover.server.id not in pair:
                            found = self._with_room(
                                swap, self._seen.step(mover, host, third))
                            if found:
                                return found
        return ()

    def _with_room(self, swap: Swap,
                   room: picture.Step) -> tuple[picture.Step, ...]:
        """The moves of a swap after one that makes room, if all pay."""
        before = max(swap.out.before[0])
        if max(room.after[1]) >= before or not self._seen.can(room):
            return ()
        fall = self._seen.fall_of(room)
        movers = (self._seen.movers_on(swap.out.source),
                  self._seen.movers_on(swap.out.target))
        self._seen.project(room)
        try:
            again = self._swap(
                movers[0][swap.out.server.id], swap.out.source,
                movers[1][swap.back.server.id], swap.out.target)
            found = self._ordered(again) if again else ()
        finally:
            self._seen.project(room, -1)
        if (again is None or not found or fall + again.fall <= picture.EPSILON
                or again.out.gain + again.back.gain + room.gain < sum(
                    self._seen.price(step.way) for step in (room, *found))):
            return ()
        for step in (room, *found):
            step.through = room.target
        return room, *found

    def _swap(self, one: picture.Mover, source: str, other: picture.Mover,
              target: str) -> Swap | None:
        """The two moves of a swap, if it gains enough."""
        loads, room = self._seen.loads, self._seen.room
        here, there = loads.values[source], loads.values[target]
        here_after = picture.plus(picture.minus(here, one.share),
                                  loads.share(other.server, source))
        there_after = picture.plus(picture.minus(there, other.share),
                                   loads.share(one.server, target))
        gain = (loads.difference(here, there)
                - loads.difference(here_after, there_after)
                - room.penalty(one.server, source, target)
                - room.penalty(other.server, target, source))
        price = self._seen.price(one.way) + self._seen.price(other.way)
        out = picture.Step(
            one.server, one.way, source, target, gain / 2, (here, there),
            (here_after, there_after), other.server.id)
        fall = self._seen.fall_of(out)
        if (gain < price or fall <= picture.EPSILON
                or max(*here_after, *there_after) >= max(here)):
            return None
        back = picture.Step(
            other.server, other.way, target, source, gain / 2,
            (there, here), (there_after, here_after), one.server.id)
        return Swap(fall, out, back)
