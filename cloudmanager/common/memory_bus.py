# SPDX-License-Identifier: Apache-2.0
"""The message bus in memory, of the standalone program.

kombu looks at queues in memory again and again; oslo.messaging lets it do so
without a pause, to speed up tests. Here a message wakes those that wait, so
that it does not lie about, and waiting costs nothing.
"""

import queue
import threading
import time
from typing import Any

from kombu import transport
from kombu.transport import memory


class _Arrivals:
    """Lets threads wait for the next message, on whatever queue."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

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
        :raises TimeoutError: none came in this time
        :raises ConnectionError: the connection is closed
        """
        if self.cycle is None:
            raise ConnectionError('The connection is closed.')
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = _arrivals.count
            try:
                self.cycle.get(self._deliver, timeout=timeout)
            except queue.Empty:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError from None
                _arrivals.wait(seen, left)
            else:
                return


def register() -> None:
    """Let kombu take this transport for the URL ``memory://``."""
    transport.TRANSPORT_ALIASES['memory'] = f'{__name__}:Transport'
