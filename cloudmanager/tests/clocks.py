# SPDX-License-Identifier: Apache-2.0
"""Simulated time for tests."""

import datetime
import functools
import heapq
import itertools
import threading

import fixtures

from cloudmanager.common import clock

BEGINNING = datetime.datetime(2031, 5, 6)
# Nothing in these tests takes longer; a loop without an end does.
ETERNITY = 10 ** 6


class Clock(clock.System):
    """Time that passes when somebody waits, with what happens then.

    :ivar now: seconds, as ``monotonic`` gives them
    :ivar waits: seconds of all waits for an event
    """

    def __init__(self):
        self.now = 1000.0
        self.waits = []
        self._events = []
        self._order = itertools.count()
        self._lock = threading.RLock()

    def monotonic(self):
        return self.now

    def utcnow(self):
        return BEGINNING + datetime.timedelta(seconds=self.now)

    def at(self, seconds, function, *args, **kwargs):
        """Do something so many seconds from now."""
        call = functools.partial(function, *args, **kwargs)
        with self._lock:
            heapq.heappush(self._events, (self.now + seconds,
                                          next(self._order), call))

    def sleep(self, seconds):
        # A little more: of sums of seconds some are a little less.
        with self._lock:
            end = self.now + seconds + 1e-6
            while self._events and self._events[0][0] <= end:
                when, _, call = heapq.heappop(self._events)
                self.now = max(self.now, when)
                call()
            self.now = max(self.now, end)
        if self.now > ETERNITY:
            raise AssertionError('The work does not come to an end.')

    def wait(self, event, seconds):
        self.waits.append(seconds)
        if not event.is_set():
            self.sleep(seconds)
        return event.is_set()


class Shifted(clock.System):
    """Real time, some seconds on.

    :ivar offset: how many
    """

    offset = 0.0

    def monotonic(self):
        return super().monotonic() + self.offset


class Wrong(clock.System):
    """The time of a machine whose clock was not set right."""

    def __init__(self, seconds):
        self._offset = datetime.timedelta(seconds=seconds)

    def utcnow(self):
        return super().utcnow() + self._offset


def set_wrong(seconds):
    """Return a fixture that gives this process a wrong time of day.

    :param seconds: how far it is ahead; behind if less than 0
    """
    return fixtures.MockPatchObject(clock, 'source', Wrong(seconds))


def simulate(test):
    """Put all of the service on simulated time until the end of a test.

    :returns: the clock
    """
    simulated = Clock()
    test.useFixture(fixtures.MockPatchObject(clock, 'source', simulated))
    return simulated
