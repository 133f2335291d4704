# SPDX-License-Identifier: Apache-2.0
"""A cache of data from other services, refreshed in the background.

Requests never wait for what is only a little old: they get it, and a thread
reads it anew. They wait a bounded time for what is not there; and while the
service that has it is known to be out of reach, or slow, not even that.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import threading
from typing import Generic
from typing import TypeVar

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
#: Seconds between attempts to reach a service that is out of reach.
MIN_RETRY = 1.0
T = TypeVar('T')


@dataclasses.dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What is known.

    :ivar values: by key; ``None`` for keys that the service does not know
    :ivar complete: whether there is a value for every key
    :ivar age: seconds since the oldest value was read
    :ivar error: why the last attempt to read failed, if it did
    """

    values: Mapping[str, T | None]
    complete: bool
    age: float
    error: Exception | None


class Refreshed(Generic[T]):
    """Values by key, each kept for ``[inventory] cache_seconds``.

    :param name: of what is read, for messages
    :param read: gets keys, returns what it found by key, and may return
        more than was asked for
    """

    def __init__(self, name: str, read: Callable[[frozenset[str]],
                                                 Mapping[str, T | None]]
                 ) -> None:
        self._name = name
        self._read = read
        self._changed = threading.Condition()
        self._entries: dict[str, tuple[T | None, float]] = {}
        self._wanted: set[str] = set()
        self._running: frozenset[str] = frozenset()
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._error_at = 0.0
        # Whether somebody has waited for the present reading in vain.
        self._late = False

    def ask(self, keys: Collection[str]) -> None:
        """Begin to read what of some keys is not there or not fresh."""
        with self._changed:
            now = clock.monotonic()
            oldest = now - CONF.inventory.cache_seconds
            entries = self._entries
            due = [key for key in keys if key not in entries
                   or entries[key][1] < oldest]
            if due:
                self._want({key for key in due if key not in self._running},
                           now)

    def _want(self, due: set[str], now: float) -> None:
        pause = max(CONF.inventory.cache_seconds, MIN_RETRY)
        if not due or (self._error is not None
                       and now < self._error_at + pause):
            return
        self._wanted |= due
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, daemon=True,
                name=f'refresh-{self._name}')
            self._thread.start()

    def get(self, keys: Collection[str], deadline: float) -> Reading[T]:
        """Return what is known of some keys.

        :param deadline: time by ``clock.monotonic`` until which it is waited
            for what is not known
        """
        self.ask(keys)
        with self._changed:
            usable, waited = self._usable(keys), False
            while self._is_worth_waiting(keys, usable):
                left = deadline - clock.monotonic()
                if left <= 0:
                    self._late = waited
                    break
                self._changed.wait(left)
                waited = True
                usable = self._usable(keys)
            error = self._error
        now = clock.monotonic()
        oldest = min((entry[1] for entry in usable.values()), default=now)
        return Reading({key: entry[0] for key, entry in usable.items()},
                       len(usable) == len(set(keys)), now - oldest, error)

    def _usable(self, keys: Collection[str]
                ) -> dict[str, tuple[T | None, float]]:
        """Return what is not too old to be answered."""
        oldest = clock.monotonic() - CONF.inventory.stale_seconds
        entries = self._entries
        return {key: entries[key] for key in keys
                if key in entries and entries[key][1] >= oldest}

    def _is_worth_waiting(self, keys: Collection[str],
                          usable: Collection[str]) -> bool:
        """Tell whether a reading is on its way that is not late."""
        if (self._late or self._error is not None
                or len(usable) == len(keys)):
            return False
        return any(key in self._running or key in self._wanted
                   for key in keys if key not in usable)

    # The thread

    def _work(self) -> None:
        """Read what is wanted until nothing is, or it fails."""
        while True:
            with self._changed:
                self._running = frozenset(self._wanted)
                self._wanted.clear()
                if not self._running:
                    self._thread = None
                    return
            try:
                found = self._read(self._running)
            except Exception as exc:
                # Boundary of the thread: who asks next is told, and whoever
                # asks later has it tried again.
                self._fail(exc)
            else:
                self._take(found)

    def _take(self, found: Mapping[str, T | None]) -> None:
        with self._changed:
            now = clock.monotonic()
            if self._error is not None:
                LOG.info('%s can be read again.', self._name)
            self._error, self._late = None, False
            self._entries = {
                key: entry for key, entry in self._entries.items()
                if entry[1] >= now - CONF.inventory.stale_seconds}
            self._entries.update(
                (key, (found.get(key), now))
                for key in {*self._running, *found})
            self._running = frozenset()
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            if self._error is None:
                LOG.warning('%(name)s cannot be read: %(why)s',
                            {'name': self._name, 'why': error})
            self._error, self._late = error, False
            self._error_at = clock.monotonic()
            self._running = frozenset()
            self._wanted.clear()
            self._changed.notify_all()
