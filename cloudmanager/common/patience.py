# SPDX-License-Identifier: Apache-2.0
"""Whether somebody waits for the answer of the work at hand.

A task outlasts what is out of reach for a while. Who has sent a request wants
to know soon that it is.
"""

from collections.abc import Iterator
import contextlib
import contextvars

_awaited: contextvars.ContextVar[bool] = contextvars.ContextVar(
    'awaited', default=False)


@contextlib.contextmanager
def awaited() -> Iterator[None]:
    """Do work whose answer somebody waits for."""
    token = _awaited.set(True)
    try:
        yield
    finally:
        _awaited.reset(token)


def is_awaited() -> bool:
    """Tell whether somebody waits."""
    return _awaited.get()
