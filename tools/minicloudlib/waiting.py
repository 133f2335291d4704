# SPDX-License-Identifier: Apache-2.0
"""Waits with a deadline."""

import socket
import time

from minicloudlib.errors import MinicloudError


def poll(condition, seconds, interval=0.2):
    """Call condition until it is true; return its last value."""
    deadline = time.monotonic() + seconds
    while True:
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
