# SPDX-License-Identifier: Apache-2.0
"""Calls that end in time, one at a time for each device.

Most small devices serve one client only: a second one reads another's
answer, or none. So requests to one device wait for each other here, and
none waits for another device.
"""

import asyncio
from collections.abc import Coroutine
from collections.abc import Iterator
from concurrent import futures
import contextlib
import math
import threading
import time
from typing import Any
from typing import TypeVar

from oslo_config import cfg

from cloudmanager.power import base
from cloudmanager.power import exceptions

CONF = cfg.CONF
T = TypeVar('T')


class _Turn:
    """Whose turn it is at one device, and when the last one ended."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ended = -math.inf


class Turns:
    """One request at a time for each device."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[tuple[str, int], _Turn] = {}

    @contextlib.contextmanager
    def take(self, device: base.Device, interval: float = 0.0,
             deadline: float | None = None) -> Iterator[float]:
        """Wait for one's turn; gives the monotonic time of the deadline.

        :param interval: seconds that the device needs between two turns
        :param deadline: monotonic time, if it has begun to run before;
            ``[power] call_deadline`` from now if not
        :raises PowerBusy: half of the time went by; the other half would
            not be enough for the request
        """
        start = time.monotonic()
        if deadline is None:
            deadline = start + CONF.power.call_deadline
        patience = max(0.0, deadline - start) / 2
        with self._lock:
            turn = self._turns.setdefault((device.host, device.port),
                                          _Turn())
        if not turn.lock.acquire(timeout=patience):
            raise exceptions.PowerBusy(device=device)
        try:
            begin = max(time.monotonic(), turn.ended + interval)
            if begin > start + patience:
                raise exceptions.PowerBusy(device=device)
            time.sleep(max(0.0, begin - time.monotonic()))
            try:
                yield deadline
            finally:
                turn.ended = time.monotonic()
        finally:
            turn.lock.release()


class Loop:
    """An event loop in a thread, for libraries that want one.

    All drivers of a process share it: ``LOOP`` below.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, coroutine: Coroutine[Any, Any, T], deadline: float) -> T:
        """Run a coroutine, from any thread, until it ends or is cut off.

        A coroutine that waits is cancelled, so that its connection closes.

        :param deadline: monotonic time
        :raises TimeoutError: the time was over
        """
        left = max(0.0, deadline - time.monotonic())
        future = asyncio.run_coroutine_threadsafe(
            asyncio.wait_for(coroutine, left), self._get())
        try:
            # A little more: its own end comes first, and closes things.
            return future.result(left + 1.0)
        except futures.TimeoutError:
            future.cancel()
            raise TimeoutError from None

    def _get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, daemon=True,
                                 name='power-loop').start()
            return self._loop


LOOP = Loop()
