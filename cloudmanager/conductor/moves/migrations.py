# SPDX-License-Identifier: Apache-2.0
"""Nova's records of the moves off a host, read at little cost to Nova."""

from collections.abc import Callable
from collections.abc import Iterable
import datetime
import math
from typing import Any

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.common import clock
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem

# How far Nova's clock and ours may be apart.
CLOCK_SKEW = datetime.timedelta(seconds=10)
# The times of Nova's records come from the clocks of several hosts, so a
# record may become visible after one with a later time.
OVERLAP = datetime.timedelta(seconds=3)
# Seconds between two readings of all migrations of the task. In between, only
# those are read that changed since the newest one that is known.
WHOLE_LOOK_SECONDS = 30
# A list of servers is used for this many seconds.
SEEN_SECONDS = 15
# Servers that leave within this many seconds are checked by one list.
LEAVE_SECONDS = 4


class MoveRecord:
    """The migrations off a host since a task began, and the servers on it.

    :param nova: ``cloudmanager.clients.nova.Nova`` or its like
    :param source: exact name of the host
    :param begun_at: when the task was created
    """

    def __init__(self, nova: protocols.Nova, source: str,
                 begun_at: datetime.datetime) -> None:
        self._nova = nova
        self._source = source
        #: When the task began at the earliest, by Nova's clock.
        self.begun_at = begun_at - CLOCK_SKEW
        self._migrations: dict[int, nova_records.Migration] = {}
        # By Nova's clock.
        self._newest = self.begun_at
        self._whole_at: float | None = None
        #: Id of the newest migration that began before the task.
        self.baseline = 0
        #: ``clock.monotonic()`` when the migrations were read last.
        self.answered_at = -math.inf
        self._here = _Ids(lambda: nova.ids_on(source))
        self._locked = _Ids(lambda: nova.ids_on(source, locked=True))
        # A move changes its server, so one that has not left is among these,
        # and those that wait for their turn are not.
        self._touched = _Ids(lambda: nova.changed_on(source, self.begun_at))
        self._in_error = _Ids(lambda: nova.ids_in_error(self.begun_at))

    def migrations(self) -> list[Any]:
        """Return the migrations as they are now, in one request.

        :raises CloudUnreachable: Nova did not answer
        """
        now, since = clock.monotonic(), self._newest - OVERLAP
        whole = (self._whole_at is None
                 or now - self._whole_at > WHOLE_LOOK_SECONDS)
        if whole or since < self.begun_at:
            since = self.begun_at
        found = self._nova.migrations(source=self._source, since=since)
        self.answered_at = clock.monotonic()
        for item in found:
            self._migrations[item.id] = item
            if item.updated_at:
                self._newest = max(self._newest, item.updated_at)
        if whole:
            self._whole_at = now
        return list(self._migrations.values())

    def latest(self, item: MoveItem) -> nova_records.Migration | None:
        """Return the migration of an item's last attempt, if there is one.

        The migrations are not read for that: ``migrations`` does so.
        """
        after = item.after_migration
        return verdicts.latest(
            self._migrations.values(), item.object_id, item.under_way,
            self.baseline if after is None else after)

    def look(self) -> None:
        """Read which servers are on the host, unless that is known.

        :raises CloudUnreachable: Nova did not answer
        """
        if self._here.is_older(SEEN_SECONDS):
            self._here.read()

    def note(self, present: Iterable[str], locked: Iterable[str],
             seen_at: float) -> None:
        """Note which servers were seen on the host, and which were locked.

        :param seen_at: ``clock.monotonic()`` at that time
        """
        self._here.note(present, seen_at)
        self._locked.note(locked, seen_at)

    def is_present(self, server_id: str) -> bool:
        """Tell whether a server was seen on the host a moment ago.

        :raises CloudUnreachable: Nova did not answer
        """
        return server_id in self._here

    def has_left(self, server_id: str, over_at: float,
                 soon: bool) -> bool | None:
        """Tell whether a server is off the host now that its move is over.

        :param over_at: ``answered_at`` when the move was found to be over
        :param soon: read at once if necessary; do not wait for other servers
        :returns: ``None`` if the list has not been read since
        :raises CloudUnreachable: Nova did not answer
        """
        if not self._touched.is_newer(over_at) and (
                soon or self._touched.is_older(LEAVE_SECONDS)):
            self._touched.read()
        if not self._touched.is_newer(over_at):
            return None
        return server_id not in self._touched

    def is_in_error(self, server_id: str, over_at: float) -> bool:
        """Tell whether a server is in error now that its move is over.

        :param over_at: ``answered_at`` when the move was found to be over
        :raises CloudUnreachable: Nova did not answer
        """
        if not self._in_error.is_newer(over_at):
            self._in_error.read()
        return server_id in self._in_error

    def is_locked(self, server_id: str) -> bool:
        """Tell whether a server on the host was locked a moment ago.

        :raises CloudUnreachable: Nova did not answer
        """
        return server_id in self._locked


class _Ids:
    """Ids that are read again when they are old."""

    def __init__(self, read: Callable[[], Iterable[str]]) -> None:
        self._read = read
        self._ids: frozenset[str] = frozenset()
        self._read_at = -math.inf

    def __contains__(self, server_id: str) -> bool:
        if self.is_older(SEEN_SECONDS):
            self.read()
        return server_id in self._ids

    def read(self) -> None:
        """Read them now."""
        now = clock.monotonic()
        self.note(self._read(), now)

    def note(self, ids: Iterable[str], read_at: float) -> None:
        """Note what was read at a time."""
        self._ids, self._read_at = frozenset(ids), read_at

    def is_older(self, seconds: float) -> bool:
        """Tell whether they were read longer ago."""
        return clock.monotonic() - self._read_at > seconds

    def is_newer(self, than: float) -> bool:
        """Tell whether they were read at a time or later."""
        return self._read_at >= than


def describe(migrations: list[nova_records.Migration]) -> str:
    """Name migrations in an error."""
    return ', '.join(
        f'{item.id} ({item.type}, {item.status}, server {item.server_id})'
        for item in migrations)
