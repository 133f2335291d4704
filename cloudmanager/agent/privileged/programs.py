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
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


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
    """Reads an output to its end, and keeps its beginning."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._kept = bytearray()
        self.is_cut = False
        self.start()

    def run(self) -> None:
        while True:
            try:
                found = os.read(self._stream.fileno(), 65536)
            except (OSError, ValueError):
                # Closed by the main thread, which no longer waits.
                return
            if not found:
                return
            room = MAX_OUTPUT - len(self._kept)
            self._kept += found[:room]
            self.is_cut |= len(found) > room

    @property
    def text(self) -> str:
        return self._kept.decode(errors='replace')


def run(words: list[str],
        timeout: float) -> tuple[int | None, str, str, bool]:
    """Run a program; see ``agent.commands``.

    :returns: its exit status, both outputs, and whether they are cut
    """
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
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for reader in readers:
        # Processes that it has left running may hold its outputs open.
        reader.join(1.0)
    child.stdout.close()
    child.stderr.close()
    return (code, readers[0].text, readers[1].text,
            any(reader.is_cut for reader in readers))
