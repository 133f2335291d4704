# SPDX-License-Identifier: Apache-2.0
"""Messages to systemd from a service of ``Type=notify``."""

import os
import socket


def tell(state: str) -> None:
    """Send a state to systemd, if it has started this process.

    :param state: such as ``READY=1`` or ``WATCHDOG=1``
    """
    path = os.environ.get('NOTIFY_SOCKET', '')
    if not path:
        return
    if path.startswith('@'):
        # A name in the abstract namespace.
        path = '\0' + path[1:]
    with socket.socket(socket.AF_UNIX,
                       socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(state.encode(), path)
        except OSError:
            # systemd notices a missing message by itself.
            return


def watchdog_interval() -> float | None:
    """Return the seconds within which systemd wants a sign of life."""
    microseconds = os.environ.get('WATCHDOG_USEC', '')
    process = os.environ.get('WATCHDOG_PID', '')
    if not microseconds.isdigit() or process not in ('', str(os.getpid())):
        return None
    return int(microseconds) / 1e6 or None
