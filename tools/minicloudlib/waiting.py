# SPDX-License-Identifier: Apache-2.0
"""Waits with a deadline."""

import socket
import time

from minicloudlib import interrupts
from minicloudlib.errors import MinicloudError

FREE_SECONDS = 20


def poll(condition, seconds, interval=0.2):
    """Call condition until it is true; return its last value."""
    deadline = time.monotonic() + seconds
    while True:
        interrupts.check()
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(interval)


def until(condition, seconds, message, log=None, interval=0.2):
    """Wait for condition, or fail with message after seconds."""
    value = poll(condition, seconds, interval)
    if not value:
        raise MinicloudError(
            f'{message} (waited {seconds} seconds).', log=log)
    return value


def listening(host, port):
    """Tell whether something accepts connections on a port."""
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def _bindable(host, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def until_free(host, port):
    """Wait until a server can listen on a port.

    A killed process with threads keeps its sockets for a moment longer
    than it shows.
    """
    until(lambda: _bindable(host, port), FREE_SECONDS,
          f'Port {port} is not free again')
