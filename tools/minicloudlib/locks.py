# SPDX-License-Identifier: Apache-2.0
"""Let one program at a time change something."""

import contextlib
import fcntl
import os

from minicloudlib import waiting
from minicloudlib.console import say

SECONDS = 300
PID_BYTES = 32


@contextlib.contextmanager
def locked(path, doing='runs another minicloud command'):
    """Hold the lock of a file, whose directory is made if need be.

    :param doing: what another one does that holds it
    """
    path.parent.mkdir(parents=True, exist_ok=True)

    def acquire():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    # Not emptied, as it names the process that has it.
    with path.open('a+') as lock:
        if not acquire():
            lock.seek(0)
            other = f'process {lock.read(PID_BYTES).strip()}, which {doing}'
            say(f'waiting for {other}')
            waiting.until(acquire, SECONDS, f'Not at an end: {other}')
        lock.truncate(0)
        lock.write(f'{os.getpid()}\n')
        lock.flush()
        yield
