# SPDX-License-Identifier: Apache-2.0
"""The life of a process: start, wait for a signal, stop.

oslo.service's launcher is not used for it: without forking it ends the
process on SIGHUP, and with forking a second process stands between an
operator's kill and the one that works.
"""

from collections.abc import Callable
import functools
import signal
import threading
from typing import Any
from typing import Protocol

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import exception
from cloudmanager.common import setup

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class Part(Protocol):
    """Something that runs in threads of its own."""

    def start(self) -> None:
        """Begin to work and return."""

    def stop(self) -> None:
        """End, within a bounded time."""


def program(main: Callable[[], None]) -> Callable[[], str | None]:
    """Make a program end with one line when its configuration is wrong.

    :param main: does all its work
    :returns: the same, with what to exit with: nothing, or that line, which
        means status 1
    """
    @functools.wraps(main)
    def wrapped() -> str | None:
        try:
            main()
            return None
        except exception.Misconfigured as exc:
            line = f'Not started: {exc}'
        # The log may be a file, and may be the terminal.
        LOG.critical('%s', line)
        return line
    return wrapped


def run(*parts: Part) -> None:
    """Run parts until SIGTERM or SIGINT.

    SIGHUP reads those options again that may change in a running process.

    :param parts: started in this order, stopped in the opposite one
    """
    stopping = threading.Event()
    reload = threading.Event()
    wake = threading.Event()

    def on_signal(number: int, frame: Any) -> None:
        (reload if number == signal.SIGHUP else stopping).set()
        wake.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    started: list[Part] = []
    try:
        for part in parts:
            part.start()
            started.append(part)
        setup.settle()
        while not stopping.is_set():
            wake.wait()
            wake.clear()
            if reload.is_set():
                reload.clear()
                CONF.mutate_config_files()
                LOG.info('The configuration was read again.')
    finally:
        for part in reversed(started):
            part.stop()
