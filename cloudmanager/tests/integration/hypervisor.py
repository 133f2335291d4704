# SPDX-License-Identifier: Apache-2.0
"""A hypervisor to reach by SSH: OpenSSH, libvirt and virsh, all real.

libvirt runs its test driver: domains that have a state and nothing else.
The account is in a ``/etc/passwd`` and a ``/etc/shadow`` that only this sshd
sees, so that the machine gets no account. Its only command is the gate of
``etc/cloudmanager``, with another connection to libvirt in it.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import fixtures

from cloudmanager.tests.unit.power import peers

ROOT = pathlib.Path(__file__).parents[3]
GATE = ROOT / 'etc' / 'cloudmanager' / 'virsh-gate.sh'
USER = 'powerswitch'
DOMAIN = 'test'
PROGRAMS = {'sshd': 'openssh-server', 'libvirtd': 'libvirt-daemon',
            'virsh': 'libvirt-clients', 'unshare': 'util-linux',
            'openssl': 'openssl'}
NOBODY = 65534

_LIBVIRTD = '''\
unix_sock_dir = "%(directory)s/sockets"
unix_sock_rw_perms = "0777"
unix_sock_ro_perms = "0777"
auth_unix_rw = "none"
auth_unix_ro = "none"
'''
_SSHD = '''\
Port %(port)d
ListenAddress 127.0.0.1
HostKey %(directory)s/host_key
PidFile none
AuthorizedKeysFile %(directory)s/authorized_keys
AuthenticationMethods any
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
MaxAuthTries 3
AllowUsers %(user)s
ForceCommand %(directory)s/gate
'''
# In a mount namespace of its own, that goes with it.
_START = '''\
mount --bind "$1/passwd" /etc/passwd &&
mount --bind "$1/shadow" /etc/shadow &&
mount -t tmpfs none /run && mkdir -m 755 /run/sshd &&
exec "$2" -D -e -f "$1/sshd_config"
'''
# Before the real one; each of its files makes it misbehave.
_VIRSH = '''\
#!/bin/sh
case " $* " in
*" destroy "*)
    if [ -f "%(directory)s/refuse" ]; then
        echo 'error: Requested operation is not valid: a job is active' >&2
        exit 1
    fi
    if [ -f "%(directory)s/slow" ]; then
        (sleep "$(cat "%(directory)s/slow")"
         exec %(virsh)s "$@") >/dev/null 2>&1 </dev/null &
        exit 0
    fi ;;
*" domstate "*)
    [ -f "%(directory)s/hang" ] && exec sleep 60 ;;
esac
exec %(virsh)s "$@"
'''


def program(name):
    """Return the path of a program.

    :raises RuntimeError: it is missing
    """
    found = shutil.which(name, path=f'{os.environ["PATH"]}:/usr/sbin:/sbin')
    if found is None:
        raise RuntimeError(f'{name} is missing; it is in the Debian package '
                           f'{PROGRAMS[name]}.')
    return found


class Hypervisor(fixtures.Fixture):
    """The machine; what is changeable is done by its methods."""

    def __init__(self, password):
        super().__init__()
        self.user, self.password = USER, password
        self.host = '127.0.0.1'

    def _setUp(self):
        self._paths = {name: program(name) for name in PROGRAMS}
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        # The account has to get to the sockets.
        self.directory.chmod(0o755)
        (self.directory / 'drivers').mkdir()
        self._values = {'directory': self.directory, 'user': USER,
                        'virsh': self._paths['virsh'],
                        'port': peers.free_port()}
        self.port = self._values['port']
        self.uri = (f'test+unix:///default?socket={self.directory}/sockets/'
                    'libvirt-sock')
        self._write_files()
        self.new_host_key()
        self._start_libvirt()
        self._start_sshd()

    def _write(self, name, text, mode=0o600):
        path = self.directory / name
        path.touch()
        path.chmod(mode)
        path.write_text(text)
        return path

    def _write_files(self):
        (self.directory / 'sockets').mkdir(mode=0o755)
        self._write('libvirtd.conf', _LIBVIRTD % self._values)
        self._write('sshd_config', _SSHD % self._values)
        (self.directory / 'bin').mkdir(mode=0o755)
        self._write('bin/virsh', _VIRSH % self._values, 0o755)
        gate = GATE.read_text()
        for old, new in (('URI=qemu:///system', f"URI='{self.uri}'"),
                         ('PATH=', f'PATH={self.directory}/bin:')):
            assert gate.count(f'\n{old}') == 1
            gate = gate.replace(f'\n{old}', f'\n{new}')
        self._write('gate', gate, 0o755)
        self._write('authorized_keys', '', 0o644)
        self._write('passwd', pathlib.Path('/etc/passwd').read_text() + (
            f'{USER}:x:{NOBODY}:{NOBODY}::{self.directory}:/bin/sh\n'),
            0o644)
        self._write('shadow', '')
        self.set_password(self.password)

    def set_password(self, password):
        """Give the account another password."""
        self.password = password
        hashed = subprocess.run(
            [self._paths['openssl'], 'passwd', '-6', '-stdin'],
            input=password, capture_output=True, text=True, check=True,
            timeout=20).stdout.strip()
        # In place: what is mounted is this file, not its name.
        (self.directory / 'shadow').write_text(
            f'sshd:*:19000::::::\n{USER}:{hashed}:19000::::::\n')

    def authorize(self, public_key):
        """Let a key in."""
        with (self.directory / 'authorized_keys').open('a') as keys:
            keys.write(f'restrict {public_key}\n')

    def new_host_key(self):
        """Make another host key; sshd takes it when it is started."""
        path = self.directory / 'host_key'
        path.unlink(missing_ok=True)
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '',
                        '-C', '', '-f', str(path)], check=True, timeout=20,
                       stdin=subprocess.DEVNULL)
        self.host_key = (self.directory / 'host_key.pub').read_text().strip()

    def mark(self, name, value=''):
        """Make virsh misbehave: refuse, slow (seconds) or hang."""
        self._write(name, value, 0o644)

    def unmark(self, name):
        (self.directory / name).unlink()

    def virsh(self, *arguments):
        """Ask libvirt by itself, past SSH and the gate."""
        return subprocess.run(
            [self._paths['virsh'], '-q', '-c', self.uri, *arguments],
            capture_output=True, text=True, check=True, timeout=20,
            stdin=subprocess.DEVNULL).stdout.strip()

    def state(self):
        return self.virsh('domstate', DOMAIN)

    def _spawn(self, command, name, **values):
        log = (self.directory / f'{name}.log').open('ab')
        self.addCleanup(log.close)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, **values)
        self.addCleanup(stop, process)
        return process

    def _wait(self, process, name, ready):
        deadline = time.monotonic() + 20
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                log = (self.directory / f'{name}.log').read_text()
                raise RuntimeError(f'{name} does not start: {log}')
            time.sleep(0.02)

    def _start_libvirt(self):
        # Without drivers there is none but that for tests.
        process = self._spawn(
            [self._paths['libvirtd'], '-f',
             str(self.directory / 'libvirtd.conf'), '-p',
             str(self.directory / 'libvirtd.pid')], 'libvirtd',
            env={**os.environ,
                 'LIBVIRT_DRIVER_DIR': str(self.directory / 'drivers')})
        socket = self.directory / 'sockets' / 'libvirt-sock'
        self._wait(process, 'libvirtd', socket.exists)
        # Domains of the test driver live while somebody is connected.
        keeper = self._spawn([self._paths['virsh'], '-c', self.uri, 'event',
                              '--all', '--loop'], 'keeper')
        deadline = time.monotonic() + 20
        while self.virsh('list', '--all', '--name') != DOMAIN:
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError('libvirt has no domain.')

    def _start_sshd(self):
        self._sshd = self._spawn(
            [self._paths['unshare'], '--mount', 'sh', '-c', _START, 'sh',
             str(self.directory), self._paths['sshd']], 'sshd')
        log = self.directory / 'sshd.log'
        count = log.read_text().count('Server listening')
        self._wait(self._sshd, 'sshd', lambda: log.read_text().count(
            'Server listening') > count)

    def restart_sshd(self):
        stop(self._sshd)
        self._start_sshd()

    def stop_sshd(self):
        stop(self._sshd)


def stop(process):
    """End a process and those that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
        break
    process.wait(5)
