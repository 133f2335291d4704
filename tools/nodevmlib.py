# SPDX-License-Identifier: Apache-2.0
"""Small real Debian machines for tests: user-mode Linux.

They have a kernel of their own with device mapper, udev and LVM, and disks
that are files. They need neither KVM nor privileges to run; to make the root
file system needs root. They are spoken to over a serial line, by
``nodevm_inside.py``; the file system of this machine is at ``/host`` there.

A machine ends with the process that began it, and after ``lifetime`` seconds
by itself. ``kill`` pulls its plug.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from pathlib import Path
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import nodevm_wire

KERNEL = 'user-mode-linux'
PACKAGES = ('udev', 'kmod', 'lvm2', 'lvm2-lockd', 'sanlock', 'python3',
            'procps', 'iproute2', 'tgt', 'open-iscsi', 'multipath-tools')
#: Programs that making the root file system needs, and their packages.
NEEDED = {'mmdebstrap': 'mmdebstrap', 'mke2fs': 'e2fsprogs',
          'depmod': 'kmod', 'dpkg': 'dpkg'}
MODULES = ('hostfs', 'dm_mod', 'dm_mirror', 'dm_raid', 'raid1', 'iscsi_tcp',
           'dm_multipath')
BOOT_SECONDS = 120.0
_LINE = 65536

INIT = '''\
#!/bin/sh
# First process of the machine: devices, modules, and who is spoken to.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs run /run
mkdir -p /run/lock /run/lvm /run/sanlock /host
hostname {name}
for module in {modules}; do modprobe -q $module; done
mount -t hostfs none /host -o /
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=block --subsystem-match=misc
udevadm settle --timeout=20
(sleep {lifetime}; echo o >/proc/sysrq-trigger) &
exec python3 -I /inside.py
'''

#: The program that is spoken to.
INSIDE = Path(__file__).with_name('nodevm_inside.py')
#: What the kernel needs on processors with AMX, and what it becomes.
REGISTERS = Path(__file__).with_name('nodevm_registers.c')
_LIBRARY = 'registers.so'


class MachineError(Exception):
    """A machine could not be made, or does not do what it should."""


def missing() -> list[str]:
    """Return the packages that are needed to make a machine, and lacking."""
    needed = {**NEEDED, **({'gcc': 'gcc'} if _has_amx() else {})}
    return sorted({package for program, package in needed.items()
                   if shutil.which(program, path=_path()) is None})


def _has_amx() -> bool:
    return ' amx_tile' in Path('/proc/cpuinfo').read_text('utf-8')


def _path() -> str:
    return os.environ.get('PATH', '') + ':/usr/sbin:/sbin'


def _run(*words: object, cwd: Path | None = None) -> str:
    """Run a program; return what it wrote.

    :raises MachineError: it failed
    """
    done = subprocess.run([str(word) for word in words], cwd=cwd,
                          env={**os.environ, 'PATH': _path(), 'LC_ALL': 'C'},
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise MachineError(f'{words[0]} failed: {done.stderr[-2000:]}')
    return done.stdout


def _suite() -> str:
    found = re.search('^VERSION_CODENAME=(.+)$',
                      Path('/etc/os-release').read_text('utf-8'), re.M)
    if found is None or shutil.which('apt-get') is None:
        raise MachineError('This is no Debian machine.')
    return found[1].strip('"')


def default_directory() -> Path:
    """Return where kernels and root file systems of this user are kept."""
    return Path(os.environ.get('NODEVM_DIR') or Path(
        tempfile.gettempdir()) / f'nodevm-{os.getuid()}')


def build(directory: Path | None = None) -> Path:
    """Make a kernel and a root file system, unless they are there.

    :returns: the directory with ``linux`` and ``root.img``
    :raises MachineError: something is missing for it
    """
    base = directory or default_directory()
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    if base.stat().st_uid != os.getuid():
        raise MachineError(f'{base} is somebody else\'s.')
    key = hashlib.sha256(json.dumps(
        [_suite(), KERNEL, PACKAGES, MODULES, INIT,
         INSIDE.read_text('utf-8')]).encode())
    found = base / key.hexdigest()[:16]
    with (base / 'lock').open('w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not (found / 'root.img').exists():
            if missing():
                raise MachineError('Packages are missing: '
                                   f'{", ".join(missing())}.')
            with tempfile.TemporaryDirectory(dir=base) as work:
                _build(found, Path(work))
        if _has_amx():
            made = base / _LIBRARY
            _run('gcc', '-O2', '-shared', '-fPIC', '-o', made, REGISTERS)
            os.replace(made, found / _LIBRARY)
    return found


def _build(target: Path, work: Path) -> None:
    """Make a kernel and a root file system."""
    target.mkdir(exist_ok=True)
    root = work / 'root'
    sources = [str(path) for path in (
        Path('/etc/apt/sources.list.d/debian.sources'),
        Path('/etc/apt/sources.list')) if path.exists()]
    _run('mmdebstrap', '--quiet', '--mode=root', '--variant=minbase',
         f'--include={",".join(PACKAGES)}',
         '--dpkgopt=path-exclude=/usr/share/doc/*',
         '--dpkgopt=path-exclude=/usr/share/man/*',
         '--dpkgopt=path-exclude=/usr/share/locale/*', _suite(), root,
         *sources[:1])
    shutil.rmtree(root / 'var/lib/apt/lists', ignore_errors=True)
    shutil.rmtree(root / 'var/cache/apt', ignore_errors=True)
    _run('apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download',
         KERNEL, cwd=work)
    _run('dpkg', '-x', next(work.glob(f'{KERNEL}_*.deb')), work / 'kernel')
    modules = next(path for path in (work / 'kernel').glob(
        '**/modules/*') if path.is_dir())
    (root / 'usr/lib/modules').mkdir(parents=True, exist_ok=True)
    shutil.move(modules, root / 'usr/lib/modules' / modules.name)
    _run('depmod', '-b', root / 'usr', modules.name)
    shutil.copy(INSIDE, root / 'inside.py')
    shutil.copy2(work / 'kernel/usr/bin/linux.uml', target / 'linux')
    (root / 'etc/fstab').write_text('/dev/ubda / ext4 noatime 0 1\n')
    init = root / 'sbin/node-init'
    init.write_text(INIT.format(modules=' '.join(MODULES),
                                lifetime='${lifetime:-1800}',
                                name='${name:-node}'))
    init.chmod(0o755)
    image = work / 'root.img'
    used = int(_run('du', '-sm', root).split()[0])
    with image.open('wb') as stream:
        stream.truncate((used + 200) * 1024 ** 2)
    _run('mke2fs', '-q', '-t', 'ext4', '-J', 'size=8', '-d', root, image)
    os.replace(image, target / 'root.img')


class Machine:
    """A machine.

    :param disks: files that are its disks ``/dev/ubdb``, ``/dev/ubdc`` ...
    :param directory: what ``build`` returned
    :param state: directory for what it changes on its root, and its log
    :param shared: whether other machines have the same disks
    :param name: of its host
    :param lifetime: seconds after which it ends by itself
    :param reaches: address of a server on this side, which programs in the
        machine reach at 127.0.0.1 and the same port
    """

    def __init__(self, disks: list[Path], directory: Path, state: Path, *,
                 shared: bool = False, name: str = 'node',
                 memory_mb: int = 256, lifetime: int = 600,
                 reaches: tuple[str, int] | None = None) -> None:
        self._disks, self._directory, self._state = disks, directory, state
        # Otherwise one machine locks the files against all others.
        self._flags = 'c' if shared else ''
        self._name = name
        self._memory_mb, self._lifetime = memory_mb, lifetime
        self._reaches = reaches
        self._process: subprocess.Popen[bytes] | None = None
        self._path: list[str] = []

    @property
    def log(self) -> str:
        """What the kernel has written."""
        return (self._state / 'console.log').read_text('utf-8', 'replace')

    @property
    def path(self) -> list[str]:
        """Where Python in the machine imports from, as ``use`` was told."""
        return list(self._path)

    @property
    def is_on(self) -> bool:
        """Whether it was started, and its plug not pulled since."""
        return self._process is not None

    def start(self) -> float:
        """Boot, with the root as it was left; return the seconds it took.

        :raises MachineError: it does not come up
        """
        began = time.monotonic()
        self._state.mkdir(parents=True, exist_ok=True)
        words = [
            str(self._directory / 'linux'), f'mem={self._memory_mb}M',
            f'ubd0={self._state}/cow,{self._directory}/root.img',
            *(f'ubd{number}{self._flags}={disk}'
              for number, disk in enumerate(self._disks, 1)),
            'root=/dev/ubda', 'rw', 'quiet', 'init=/sbin/node-init',
            f'lifetime={self._lifetime}', f'name={self._name}',
            'random.trust_cpu=on',
            'con0=null,fd:2', 'con=null', 'ssl0=fd:0,fd:1']
        ours, theirs = socket.socketpair()
        with theirs, (self._state / 'console.log').open('ab') as log:
            self._process = subprocess.Popen(
                [*words, f'ssl1=fd:{theirs.fileno()}', 'ssl=null'],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, start_new_session=True,
                env=self._environment())
        self._buffer = b''
        if self._receive(BOOT_SECONDS) != {'ready': True}:
            raise MachineError(f'It did not come up: {self.log[-2000:]}')
        if self._path:
            self._ask({'path': self._path}, 60)
        self._connect(ours)
        return time.monotonic() - began

    def _environment(self) -> dict[str, str]:
        library = self._directory / _LIBRARY
        return {**os.environ, 'HOME': str(self._state),
                'TMPDIR': '/dev/shm' if os.path.isdir('/dev/shm')
                else tempfile.gettempdir(),
                **({'LD_PRELOAD': str(library)} if library.exists() else {})}

    def _connect(self, line: socket.socket) -> None:
        """Let the machine reach what it shall reach, over a line."""
        if self._reaches is None:
            line.close()
            return
        # The file keeps the socket open until the wire closes it.
        wire = nodevm_wire.Wire(line.makefile('rwb', buffering=0),
                                self._reaches)
        line.close()
        threading.Thread(target=wire.run, daemon=True).start()
        script = Path(nodevm_wire.__file__).resolve()
        self.run('sh', '-c', f'python3 -I /host{script} /dev/ttyS1 '
                             f'{self._reaches[1]} >/dev/null 2>&1 &')

    def kill(self) -> None:
        """Pull the plug: nothing is flushed."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def run(self, *words: str, timeout: float = 60.0,
            check: bool = True) -> str:
        """Run a program in the machine; return what it wrote.

        :raises MachineError: it failed, and ``check`` is true
        """
        answer = self._ask({'words': words, 'timeout': timeout}, timeout)
        if check and answer['code']:
            raise MachineError(f'{" ".join(words)}: {answer["out"]}')
        found: str = answer['out']
        return found

    def use(self, *directories: str) -> None:
        """Let Python in the machine import from directories of this one."""
        self._path = [f'/host{directory}' for directory in directories]
        self._ask({'path': self._path}, 60)

    def call(self, function: str, timeout: float = 60.0,
             **arguments: Any) -> Any:
        """Call a function in the machine.

        :param function: in the form module:name
        :param arguments: JSON-safe
        """
        return self._ask({'call': function, 'arguments': arguments},
                         timeout)['value']

    def _ask(self, request: dict[str, Any],
             timeout: float) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None:
            raise MachineError('It does not run.')
        process.stdin.write(json.dumps(request).encode() + b'\n')
        process.stdin.flush()
        answer = self._receive(timeout + 10)
        if 'error' in answer:
            raise MachineError(answer['error'])
        return answer

    def _receive(self, timeout: float) -> dict[str, Any]:
        """Return the next answer; other lines are of the kernel."""
        process = self._process
        if process is None or process.stdout is None:
            raise MachineError('It does not run.')
        until = time.monotonic() + timeout
        while True:
            line, separator, rest = self._buffer.partition(b'\n')
            if separator:
                self._buffer = rest
                with contextlib.suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict):
                        return found
                continue
            left = until - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [],
                                              left)[0]:
                raise MachineError(
                    f'It did not answer within {timeout:g} s: '
                    f'{self.log[-2000:]}')
            data = os.read(process.stdout.fileno(), _LINE)
            if not data:
                raise MachineError(f'It has ended: {self.log[-2000:]}')
            self._buffer += data


def site_directories() -> list[str]:
    """Return where this Python imports packages from."""
    return [path for path in sys.path if path and os.path.isdir(path)
            and ('site-packages' in path or 'dist-packages' in path)]
