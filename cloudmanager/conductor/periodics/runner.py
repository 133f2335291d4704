# SPDX-License-Identifier: Apache-2.0
"""Runs periodic work, each kind in a thread of its own."""

from collections.abc import Callable
import dataclasses
import random
import threading
import time

from oslo_log import log as logging

from cloudmanager.common import clock

LOG = logging.getLogger(__name__)
# Rounds are shifted at random by this fraction of the interval, so that
# conductors that were started together do not keep the same rhythm.
JITTER = 0.1


@dataclasses.dataclass(frozen=True)
class Work:
    """One kind of periodic work.

    :ivar interval: returns the seconds from the start of one round to the
        start of the next; called before each round, since options change.
        Zero or less switches the work off until the next call.
    :ivar run: does one round; takes the event that is set when the
        conductor stops, and returns soon after that
    """

    name: str
    interval: Callable[[], float]
    run: Callable[[threading.Event], None]


class Runner:
    """Runs periodic work until it is stopped."""

    #: Seconds between looks at the interval of work that is switched off.
    OFF_SECONDS = 10.0

    def __init__(self, works: list[Work]) -> None:
        self._works = works
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin the first round of everything."""
        for work in self._works:
            thread = threading.Thread(
                target=self._repeat, args=(work,), daemon=True,
                name=f'periodic-{work.name}')
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout: float) -> None:
        """End all work.

        :param timeout: seconds that all running rounds together are given
        """
        self._stopping.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _repeat(self, work: Work) -> None:
        while not self._stopping.is_set():
            interval = work.interval()
            if interval <= 0:
                clock.wait(self._stopping, self.OFF_SECONDS)
                continue
            begun = clock.monotonic()
            try:
                work.run(self._stopping)
            except Exception:
                # Boundary of periodic work: the database or the cloud may
                # answer again in the next round.
                LOG.exception('Periodic work %s failed.', work.name)
            pause = interval * random.uniform(  # noqa: S311
                1 - JITTER, 1 + JITTER)
            left = begun + pause - clock.monotonic()
            # After a round that took longer than its interval, wait a little
            # all the same.
            clock.wait(self._stopping, max(left, pause * JITTER))
