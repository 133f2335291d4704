# SPDX-License-Identifier: Apache-2.0
"""Let one program at a time change something."""

import contextlib
import fcntl

from minicloudlib import waiting

SECONDS = 300


@contextlib.contextmanager
def locked(path):
    """Hold the lock of a file, whose directory is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def acquire():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    with path.open('w') as lock:
        waiting.until(
            acquire, SECONDS, 'Another minicloud command is at work')
        yield
