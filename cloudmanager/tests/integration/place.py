# SPDX-License-Identifier: Apache-2.0
"""Which of the mini clouds of this machine a test process works on.

Tests delete all servers of their cloud, so a process has one for itself,
from the first moment that a class of tests needs it until that class ends.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import fcntl
import functools
import os
import pathlib
import time
from typing import TextIO

#: How many clouds there may be; each takes about 2.5 GB of memory.
CLOUDS = int(os.environ.get('CLOUDMANAGER_TEST_MINICLOUDS', '1'))
#: The only one to be used, where it is named.
NAMED = os.environ.get('CLOUDMANAGER_TEST_MINICLOUD')
LOOPBACK = '127.0.0.1'
WAIT_SECONDS = 3600
BASE = pathlib.Path(os.environ.get('MINICLOUD_DIR')
                    or pathlib.Path.home() / '.minicloud')
# Held while the cloud is ours.
_locks: list[TextIO] = []


def _free(number: int) -> bool:
    lock = (BASE / f'tests{number}.lock').open('w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _locks.append(lock)
    return True


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """Wait until those are served who have waited for longer."""
    with (BASE / 'tests.lock').open('w') as queue:
        # The kernel keeps the order of those who ask.
        fcntl.flock(queue, fcntl.LOCK_EX)
        yield


@functools.cache
def number() -> int:
    """Return the number of this process's cloud.

    Waits for the tests of other processes when they use all clouds.
    """
    BASE.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + WAIT_SECONDS
    if NAMED:
        return _first_free([int(NAMED)], deadline)
    with _turn():
        return _first_free(range(1, CLOUDS + 1), deadline)


def _first_free(candidates: Iterable[int], deadline: float) -> int:
    while True:
        for found in candidates:
            if _free(found):
                return found
        if time.monotonic() > deadline:
            raise AssertionError(
                f'Other tests used the clouds for {WAIT_SECONDS} s')
        time.sleep(0.2)


def release() -> None:
    """Give the cloud to whoever waits for one.

    Nothing that knows its number or address may be used afterwards.
    """
    number.cache_clear()
    while _locks:
        _locks.pop().close()


def address() -> str:
    """Return the address that the cloud listens on."""
    return f'127.0.0.{number()}'


def auth_url() -> str:
    """Return the URL of its Keystone."""
    return f'http://{address()}:5000/v3'


def database(name: str) -> str:
    """Return the name of a database of the cloud in the local MariaDB."""
    infix = '' if number() == 1 else f'{number()}_'
    return f'minicloud_{infix}{name}'


def state() -> pathlib.Path:
    """Return where the cloud keeps its files."""
    home = BASE if number() == 1 else BASE / f'cloud{number()}'
    return home / 'state'


def environment() -> dict[str, str]:
    """Return the environment in which tools/minicloud knows the cloud."""
    return {**os.environ, 'MINICLOUD_NUMBER': str(number())}
