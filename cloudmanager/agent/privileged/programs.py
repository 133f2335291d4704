# SPDX-License-Identifier: Apache-2.0
"""Running programs."""

import os
import shutil
import signal
import subprocess
import threading
from typing import IO

from cloudmanager.common import exception

OFFERED = frozenset(('run',))
#: The only programs that may be run.
PROGRAMS = frozenset((
    'apt-get', 'dmidecode', 'dnf', 'dpkg', 'ip', 'iscsiadm', 'lsblk',
    'lscpu', 'lspci', 'lvchange', 'lvconvert', 'lvmlockctl', 'lvs',
    'multipath', 'multipathd', 'pvmove', 'pvs', 'sanlock', 'systemctl',
    'systemd-run', 'udevadm', 'vgchange', 'vgs', 'virsh'))
#: How many bytes of each output are kept. LVM writes about 300 bytes for each
#: volume.
MAX_OUTPUT = 8 * 1024 * 1024
# Seconds within which a program that was killed is gone, unless the kernel
# holds it.
_END_SECONDS = 2.0
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


# Programs that could not be ended, by their names.
_stuck: dict[str, subprocess.Popen[bytes]] = {}


def environment() -> dict[str, str]:
    """Return the environment of programs, which does not depend on ours."""
    return {'PATH': os.environ.get('PATH', PATH), 'LC_ALL': 'C',
            'LANG': 'C', 'HOME': '/root', 'TERM': 'dumb',
            'DEBIAN_FRONTEND': 'noninteractive'}


def find(name: str) -> str:
    """Return the path of a program.

    :raises CommandFailed: it is not installed, or may not be run
    """
    if name not in PROGRAMS:
        raise exception.CommandFailed(
            f'Program {name[:64]} is not one that the agent runs.')
    path = shutil.which(name, path=environment()['PATH'])
    if path is None:
        raise exception.CommandFailed(
            f'Program {name} is not installed on the node.')
    return path


class _Reader(threading.Thread):
    """Reads an output to its end, and keeps its beginning.

    It closes the output itself: if that were done while it reads, it would
    next read that of another program, which gets the number of the file.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._kept = bytearray()
        self.is_cut = False
        self.start()

    def run(self) -> None:
        with self._stream:
            while found := os.read(self._stream.fileno(), 65536):
                room = MAX_OUTPUT - len(self._kept)
                self._kept += found[:room]
                self.is_cut |= len(found) > room

    @property
    def text(self) -> str:
        return self._kept.decode(errors='replace')


def run(words: list[str],
        timeout: float) -> tuple[int | None, str, str, bool]:
    """Run a program; see ``agent.commands``.

    A program that waits for a disk that does not answer cannot be ended. It is
    left to itself, and until it has ended it is not run again, so that not
    ever more of them wait.

    :returns: its exit status, both outputs, and whether they are cut
    :raises CommandFailed: it cannot be started
    """
    stuck = _stuck.get(words[0])
    if stuck is not None and stuck.poll() is None:
        raise exception.CommandFailed(
            program=words[0],
            reason=f'process {stuck.pid}, an earlier run of it, hangs and '
                   'cannot be ended')
    try:
        child = subprocess.Popen(  # noqa: S603  a list, and one of PROGRAMS
            [find(words[0]), *words[1:]], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(), cwd='/', start_new_session=True)
    except OSError as exc:
        raise exception.CommandFailed(
            f'Program {words[0]} could not be started: '
            f'{exc.strerror}') from exc
    if child.stdout is None or child.stderr is None:
        raise AssertionError('pipes were asked for')
    readers = [_Reader(child.stdout), _Reader(child.stderr)]
    try:
        code: int | None = child.wait(timeout)
    except subprocess.TimeoutExpired:
        code = None
        _kill(words[0], child)
    for reader in readers:
        # Processes that it has left running may hold its outputs open.
        reader.join(1.0)
    return (code, readers[0].text, readers[1].text,
            any(reader.is_cut for reader in readers))


def _kill(name: str, child: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started, if the kernel lets them end."""
    os.killpg(child.pid, signal.SIGKILL)
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        _stuck[name] = child
