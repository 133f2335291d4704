# SPDX-License-Identifier: Apache-2.0
"""The message bus in memory, of the standalone program.

oslo.messaging lets kombu look at queues in memory without a pause, to speed
up tests. A program that waits then takes a fifth of a processor, and the
requests that it answers meanwhile take half as long again.
"""

from kombu import transport
from kombu.transport import memory

#: Seconds between two looks: the longest that a message lies about.
PAUSE = 0.01


class Transport(memory.Transport):
    """Looks at its queues with a pause, whatever it is told."""

    @property
    def polling_interval(self) -> float:
        return PAUSE

    @polling_interval.setter
    def polling_interval(self, value: float) -> None:
        """Leave aside what oslo.messaging wants for its own tests."""


def register() -> None:
    """Let kombu take this transport for the URL ``memory://``."""
    transport.TRANSPORT_ALIASES['memory'] = f'{__name__}:Transport'
