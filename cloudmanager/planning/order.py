# SPDX-License-Identifier: Apache-2.0
"""Which moves may start now, given those under way.

There are limits for each source, for each destination and for all moves
together. Two members of one server group are never moved at the same time:
Nova checks the policy when a move starts and does not see the other move.
"""

import collections
from collections.abc import Iterable
import dataclasses

from cloudmanager.planning import plan


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A move that waits for its turn.

    :ivar destination: ``None`` when Nova chooses the host
    :ivar size_mb: memory of the server, in MiB
    """

    id: str
    source: str
    destination: str | None = None
    group_id: str | None = None
    priority: int = 0
    size_mb: int = 0

    @classmethod
    def of(cls, entry: plan.Entry, *, by_priority: bool = False) -> 'Item':
        """The move of a planned server."""
        return cls(
            id=entry.id, source=entry.host, destination=entry.destination,
            group_id=entry.group_id, size_mb=entry.size_mb,
            priority=entry.priority if by_priority else 0)


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Moves at a time; 0 means no limit."""

    total: int = 0
    per_source: int = 0
    per_destination: int = 0


def sort(items: Iterable[Item]) -> list[Item]:
    """Highest priority first, then the largest, otherwise as given."""
    return sorted(items, key=lambda item: (-item.priority, -item.size_mb))


class Slots:
    """Counts the moves under way. Not thread-safe: one loop owns it."""

    def __init__(self, limits: Limits, in_flight: Iterable[Item] = ()) -> None:
        self._limits = limits
        self._running: dict[str, Item] = {}
        self._sources: collections.Counter[str] = collections.Counter()
        self._destinations: collections.Counter[str] = collections.Counter()
        self._groups: collections.Counter[str] = collections.Counter()
        for item in in_flight:
            self.start(item)

    def __len__(self) -> int:
        """Moves under way."""
        return len(self._running)

    @property
    def running(self) -> list[Item]:
        """Moves under way, oldest first."""
        return list(self._running.values())

    @property
    def full(self) -> bool:
        """Whether as many moves are under way as are allowed in all."""
        total = self._limits.total
        return bool(total) and len(self._running) >= total

    def _count(self, item: Item, sign: int) -> None:
        self._sources[item.source] += sign
        if item.destination is not None:
            self._destinations[item.destination] += sign
        if item.group_id is not None:
            self._groups[item.group_id] += sign

    def start(self, item: Item) -> None:
        """Note a move as under way.

        Limits are not checked: a move that a predecessor began counts, too.
        """
        if item.id not in self._running:
            self._running[item.id] = item
            self._count(item, 1)

    def finish(self, item_id: str) -> None:
        """Note a move as over. An unknown id is ignored."""
        item = self._running.pop(item_id, None)
        if item is not None:
            self._count(item, -1)

    def allows(self, item: Item) -> bool:
        """Whether the move may start now."""
        limits = self._limits
        if self.full or item.id in self._running:
            return False
        if item.group_id is not None and self._groups[item.group_id]:
            return False
        if 0 < limits.per_source <= self._sources[item.source]:
            return False
        return item.destination is None or not (
            0 < limits.per_destination <= self._destinations[item.destination])

    def next_items(self, waiting: Iterable[Item]) -> list[Item]:
        """Start what may start now, and return it in the order given.

        A move that has to wait does not hold up those behind it, but members
        of one group keep their order. What waits is read once.
        """
        found: list[Item] = []
        held: set[str] = set()
        for item in waiting:
            if self.full:
                break
            if item.group_id in held:
                continue
            if self.allows(item):
                self.start(item)
                found.append(item)
            elif item.group_id is not None:
                held.add(item.group_id)
        return found


def next_items(waiting: Iterable[Item], in_flight: Iterable[Item],
               limits: Limits) -> list[Item]:
    """The moves that may start now, for a caller that keeps no ``Slots``."""
    return Slots(limits, in_flight).next_items(waiting)
