# SPDX-License-Identifier: Apache-2.0
"""Which of the mini clouds of this machine a test process works on.

Tests delete all servers of their cloud, so a process has one for itself,
from its first test that needs a cloud until it ends.
"""

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
# Held until the process ends.
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


@functools.cache
def number() -> int:
    """Return the number of this process's cloud.

    Waits for the tests of other processes when they use all clouds.
    """
    BASE.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + WAIT_SECONDS
    candidates = [int(NAMED)] if NAMED else range(1, CLOUDS + 1)
    while True:
        for found in candidates:
            if _free(found):
                return found
        if time.monotonic() > deadline:
            raise AssertionError(
                f'Other tests used the clouds for {WAIT_SECONDS} s')
        time.sleep(1)


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
