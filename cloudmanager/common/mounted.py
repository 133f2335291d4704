# SPDX-License-Identifier: Apache-2.0
"""Files on a file system that may hang, as a share does whose server is away.

A process that touches such a file system can be stopped by nobody, not even
by the kernel. So each access is made by a process of its own, which is left
to itself when it takes too long. There is never more than one of a
directory: until the old one has ended, nothing new is tried.
"""

import pathlib
import subprocess
import sys
import threading

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import mounted_file

_PROGRAM = str(pathlib.Path(mounted_file.__file__))
_MAX_ERROR = 300


class Directory:
    """A directory on a file system that may hang.

    :param path: absolute
    :param timeout: seconds after which a process is given up
    :param must_be_mounted: whether it must not be on the file system of ``/``
    """

    def __init__(self, path: str, timeout: float,
                 must_be_mounted: bool) -> None:
        self.path = path
        self._timeout = timeout
        self._where = 'mounted' if must_be_mounted else 'anywhere'
        self._lock = threading.Lock()
        self._stuck: subprocess.Popen[bytes] | None = None
        self._since = ''

    def write(self, name: str, content: bytes) -> None:
        """Write a file as a whole, or leave it as it was.

        Whoever reads it meanwhile finds the old content or the new one.

        :param name: of the file, without directories
        :raises Unavailable: it could not be written
        """
        self._run('write', name, content)

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        :raises Unavailable: it could not be read
        """
        return self._run('read', name, b'')

    def _run(self, verb: str, name: str, content: bytes) -> bytes:
        with self._lock:
            self._check_stuck()
            # A list, of a program of ours and a path that was checked.
            child = subprocess.Popen(  # noqa: S603
                [sys.executable, '-I', '-S', _PROGRAM, verb, self.path, name,
                 self._where], cwd='/', start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
            try:
                found, error = child.communicate(content, self._timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                self._stuck = child
                self._since = clock.isoformat(clock.utcnow()) or ''
                self._check_stuck(
                    f'it did not answer within {self._timeout:g} s')
                raise exception.Unavailable(
                    reason=f'{self.path}: it did not answer within '
                           f'{self._timeout:g} s') from None
        if child.returncode:
            text = error.decode(errors='replace').strip()
            reason = text.splitlines()[-1] if text else 'it failed'
            raise exception.Unavailable(
                reason=f'{self.path}: {reason[:_MAX_ERROR]}')
        return found

    def _check_stuck(self, reason: str | None = None) -> None:
        """Check that no process hangs there.

        :raises Unavailable: one does, so another would hang, too
        """
        if self._stuck is None:
            return
        if self._stuck.poll() is None:
            raise exception.Unavailable(
                reason=f'{self.path}: '
                       + (reason or f'it hangs since {self._since}'))
        for stream in (self._stuck.stdin, self._stuck.stdout,
                       self._stuck.stderr):
            if stream is not None:
                stream.close()
        self._stuck = None
