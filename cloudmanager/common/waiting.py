# SPDX-License-Identifier: Apache-2.0
"""How many requests may wait for conductors and devices at once.

Each of them holds a thread for as long as a minute. With a limit below the
number of threads there is always one left for requests that wait for nobody.
"""

from collections.abc import Iterator
import contextlib
import threading

from oslo_config import cfg

from cloudmanager.common import exception

CONF = cfg.CONF
RETRY_SECONDS = 5

_lock = threading.Lock()
_waiting = 0
_mine = threading.local()


@contextlib.contextmanager
def slot() -> Iterator[None]:
    """Hold one of the places of ``[api] max_waiting_requests``.

    A thread that holds one already needs no second one.

    :raises Busy: none is free
    """
    if getattr(_mine, 'held', False):
        yield
        return
    _take()
    _mine.held = True
    try:
        yield
    finally:
        _mine.held = False
        _give()


def _take() -> None:
    global _waiting
    limit = CONF.api.max_waiting_requests
    with _lock:
        if _waiting >= limit:
            raise exception.Busy(limit=limit, seconds=RETRY_SECONDS)
        _waiting += 1


def _give() -> None:
    global _waiting
    with _lock:
        _waiting -= 1
