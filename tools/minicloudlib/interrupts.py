# SPDX-License-Identifier: Apache-2.0
"""An end that is asked for by a signal comes where nothing is half done.

The handler only takes note. Waits, and runs of programs, look.
"""

import signal
import threading

from minicloudlib.errors import MinicloudError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_asked = threading.Event()


class Interrupted(MinicloudError):
    """Somebody wants this to end."""

    # What a shell answers for a program that Ctrl-C has ended.
    code = 130


def heed():
    """Take note of Ctrl-C and of requests to end, from now on."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: _asked.set())


def check():
    """Raise Interrupted, in any thread, if the end was asked for."""
    if _asked.is_set():
        raise Interrupted('Interrupted.')


def ignore():
    """Let what has to be done before the end not be interrupted."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _asked.clear()
