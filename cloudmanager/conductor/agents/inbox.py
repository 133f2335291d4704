# SPDX-License-Identifier: Apache-2.0
"""Reports that have come and were not looked at yet."""

from collections.abc import Callable
import threading

from oslo_log import log as logging

from cloudmanager.common import signing

LOG = logging.getLogger(__name__)
#: Characters that are kept at most. Nobody has checked yet who sent them, and
#: what strangers send must not fill the memory.
MOST = 64 * 1024 * 1024
# What a report takes besides its body, at most.
_WORDS = 3000


class Inbox:
    """Keeps reports until a thread takes all of them at once.

    :param full: called when half of the room is taken
    """

    def __init__(self, full: Callable[[], None]) -> None:
        self._full = full
        self._lock = threading.Lock()
        self._reports: list[tuple[signing.Envelope, bool]] = []
        self._size = self._lost = 0
        #: Set while there are reports.
        self.some = threading.Event()

    def put(self, envelope: signing.Envelope, redelivered: bool) -> None:
        """Keep a report; drop it if there is no room.

        :param envelope: what ``signing.trimmed`` has returned
        :param redelivered: whether the broker may have delivered it before
        """
        size = len(envelope['body']) + _WORDS
        with self._lock:
            if self._size + size > MOST:
                self._lost += 1
                return
            self._size += size
            self._reports.append((envelope, redelivered))
            first, many = len(self._reports) == 1, self._size > MOST / 2
        if first:
            self.some.set()
        if many:
            self._full()

    def empty(self) -> list[tuple[signing.Envelope, bool]]:
        """Return all reports in the order in which they came."""
        with self._lock:
            found, self._reports = self._reports, []
            lost, self._lost = self._lost, 0
            self._size = 0
            self.some.clear()
        if lost:
            LOG.warning('%d reports of agents are lost: more came than could '
                        'be checked.', lost)
        return found
