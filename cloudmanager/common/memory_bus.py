# SPDX-License-Identifier: Apache-2.0
"""The message bus in memory, of the standalone program.

kombu looks at queues in memory again and again; oslo.messaging lets it do so
without a pause, to speed up tests. Here a message wakes those that wait, so
that it does not lie about, and waiting costs nothing.

For kombu's own name of the bus, oslo.messaging also asks whether it should
stop 20 times a second, which on a machine at rest is most of what the program
does. So the bus has another name, for which it asks once a second, as for any
broker; a stop does not wait for that, see ``hurry``.
"""

import queue
import threading
import time
from typing import Any

from kombu import transport
from kombu.transport import memory

_NAME = 'inprocess'
#: What to configure as ``transport_url``.
URL = f'kombu+{_NAME}://'
# Seconds between two looks for a stop, once there is to be one.
_HURRY_SECONDS = 0.05


class _Arrivals:
    """Lets threads wait for the next message, on whatever queue.

    :ivar hurried: whether nobody should wait for long
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0
        self.hurried = False

    def tell(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float | None) -> None:
        """Wait until there are more of them than were seen."""
        with self._changed:
            self._changed.wait_for(lambda: self.count != seen, seconds)


_arrivals = _Arrivals()


class Channel(memory.Channel):
    """Reports each message that arrives."""

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        super()._put(queue, message, **options)
        _arrivals.tell()

    def _put_fanout(self, exchange: str, message: Any,
                    routing_key: str | None = None, **options: Any) -> None:
        super()._put_fanout(exchange, message, routing_key, **options)
        _arrivals.tell()


class Transport(memory.Transport):
    """Waits for messages instead of polling for them."""

    Channel = Channel

    def drain_events(self, connection: Any,
                     timeout: float | None = None,
                     **options: Any) -> None:
        """Deliver a message.

        :param timeout: seconds; without it there is no end
        :raises TimeoutError: none came in this time, or until somebody was
            in a hurry
        :raises ConnectionError: the connection is closed
        """
        if self.cycle is None:
            raise ConnectionError('The connection is closed.')
        begun = time.monotonic()
        while True:
            seen = _arrivals.count
            try:
                self.cycle.get(self._deliver, timeout=timeout)
            except queue.Empty:
                if timeout is not None and _arrivals.hurried:
                    timeout = min(timeout, _HURRY_SECONDS)
                left = (None if timeout is None
                        else begun + timeout - time.monotonic())
                if left is not None and left <= 0:
                    raise TimeoutError from None
                _arrivals.wait(seen, left)
            else:
                return


def hurry(needed: bool = True) -> None:
    """Have those that wait for messages look for a stop, now and often.

    :param needed: ``False`` when what is to stop has stopped
    """
    _arrivals.hurried = needed
    if needed:
        _arrivals.tell()


def register() -> None:
    """Let kombu take this transport for our URL, and for its own."""
    for name in (_NAME, 'memory'):
        transport.TRANSPORT_ALIASES[name] = f'{__name__}:Transport'
