# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, and requests to end, raise KeyboardInterrupt where they may."""

from collections.abc import Iterator
import contextlib
import signal
from types import FrameType

from minicloudlib.interrupts import ignore as ignore
from minicloudlib.interrupts import SIGNALS


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def heed() -> None:
    """Raise KeyboardInterrupt from now on."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


@contextlib.contextmanager
def later() -> Iterator[None]:
    """Put an interrupt off until what begins here is done.

    A process that was started is noted down, or nobody would end it.
    """
    asked = []
    before = [signal.signal(number, lambda *_: asked.append(True))
              for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
    if asked:
        raise KeyboardInterrupt
