# SPDX-License-Identifier: Apache-2.0
"""Starts our programs in a moment: forked from a process that has them read.

Python needs two seconds of a processor to import a conductor, and tests
start hundreds of them. Each one that is forked is a process of its own like
any other; only the imports are done before.
"""

import atexit
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

PACKAGE = 'cloudmanager.cmd'
PROGRAMS = ('agent', 'api', 'conductor', 'manage')
MESSAGE_BYTES = 65536


class Forged:
    """A process of the forge, with the methods of ``Popen`` that we use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._file = os.pidfd_open(pid)

    def __del__(self) -> None:
        os.close(self._file)

    def _ended(self, seconds: float) -> bool:
        return bool(select.select([self._file], [], [], seconds)[0])

    def poll(self) -> int | None:
        """Return ``None`` while it runs; the code itself is not known."""
        return 0 if self._ended(0) else None

    def send_signal(self, number: int) -> None:
        if not self._ended(0):
            signal.pidfd_send_signal(self._file, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float) -> None:
        """Wait for its end.

        :raises subprocess.TimeoutExpired: it goes on
        """
        if not self._ended(seconds):
            raise subprocess.TimeoutExpired(str(self.pid), seconds)


class Forge:
    """The process that forks, and the way to it."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, '-m', __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()])
        self._lock = threading.Lock()
        atexit.register(self.close)

    def close(self) -> None:
        """End the forge; what it has started goes on."""
        self._line.close()
        self._process.wait(10)

    def _ask(self, **request: Any) -> int:
        with self._lock:
            self._line.send(json.dumps(request).encode())
            answer = self._line.recv(MESSAGE_BYTES)
        if not answer:
            raise AssertionError('the forge has ended')
        return int(answer)

    def start(self, program: str, argv: list[str], log: Any,
              **environment: str) -> Forged:
        """Start a program.

        :param program: one of ``PROGRAMS``
        :param log: the file that its output is appended to
        :param environment: variables beside those of the tests
        """
        return Forged(self._ask(program=program, argv=argv, log=str(log),
                                environment=environment))

    def run(self, program: str, argv: list[str], log: Any,
            errors: Any = None) -> int:
        """Run a program to its end and return its exit code.

        :param errors: a file for its standard error, if not the same
        """
        return self._ask(program=program, argv=argv, log=str(log),
                         errors=str(errors or log), wait=True)


_forge: Forge | None = None


def get() -> Forge:
    """Return the forge of this process."""
    global _forge
    if _forge is None:
        _forge = Forge()
    return _forge


# In the process that forks


def _carry_out(request: dict[str, Any], line: socket.socket) -> None:
    """Become the program; never returns."""
    code = 1
    try:
        line.close()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = request['log']
        for number, path in ((1, log), (2, request.get('errors', log))):
            os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT,
                            0o644), number)
        random.seed()
        os.environ.update(request.get('environment', {}))
        sys.argv = [request['program'], *request['argv']]
        sys.modules[f'{PACKAGE}.{request["program"]}'].main()
        code = 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(
            exc.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # The interpreter's own end would wait for threads.
        os._exit(code)


def _serve(line: socket.socket) -> None:
    for name in PROGRAMS:
        importlib.import_module(f'{PACKAGE}.{name}')
    if threading.active_count() > 1:
        raise RuntimeError('an import has started threads; do not fork')
    while data := line.recv(MESSAGE_BYTES):
        request = json.loads(data)
        # Nobody waits for those that go on.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if request.get('wait')
                      else signal.SIG_IGN)
        pid = os.fork()
        if not pid:
            _carry_out(request, line)
        if request.get('wait'):
            answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        else:
            answer = pid
        line.send(str(answer).encode())


if __name__ == '__main__':
    _serve(socket.socket(fileno=int(sys.argv[1])))
