# SPDX-License-Identifier: Apache-2.0
"""A node in a directory: programs that stand for the real ones, an agent.

The agent is a process of its own, on a real message bus. The programs in its
``PATH`` keep what they do in files, and fail or take their time when told
to.
"""

import os
import pathlib
import signal
import subprocess
import sys

import fixtures

import cloudmanager
from cloudmanager.tests import base
from cloudmanager.tests.integration import forge

ROOT = pathlib.Path(cloudmanager.__file__).parents[1]
SYSTEMCTL = r"""#!/bin/sh
# As the real one: enable and disable change the unit file, start, stop and
# try-restart the unit, --now both.
cd "$(dirname "$0")/.."
echo "systemctl $*" >> calls
verb=$1; shift; now=; unit=
for word; do
    case $word in
        --now) now=yes ;;
        -*) ;;
        *) unit=$word ;;
    esac
done
[ -e "delay/$verb" ] && sleep "$(cat "delay/$verb")"
if [ -e "fail/$verb" ]; then
    cat "fail/$verb" >&2
    exit 1
fi
if [ ! -d "units/$unit" ]; then
    [ "$verb" = show ] && { echo LoadState=not-found; exit 0; }
    echo "Failed to $verb unit: Unit file $unit does not exist." >&2
    exit 1
fi
case $verb in
    show)
        echo LoadState=loaded
        echo "ActiveState=$(cat "units/$unit/active")"
        echo "UnitFileState=$(cat "units/$unit/enabled")" ;;
    enable)
        echo enabled > "units/$unit/enabled"
        [ "$now" ] && echo active > "units/$unit/active" ;;
    disable)
        echo disabled > "units/$unit/enabled"
        [ "$now" ] && echo inactive > "units/$unit/active" ;;
    try-restart)
        echo x >> "units/$unit/restarts" ;;
    *) echo "Unknown command verb $verb." >&2; exit 1 ;;
esac
exit 0
"""
APT_GET = r"""#!/bin/sh
cd "$(dirname "$0")/.."
echo "apt-get $*" >> calls
case " $* " in
    *" --simulate "*)
        echo "Inst libc6 [2.36-1] (2.36-2 Debian:12 [amd64])"
        echo "Conf libc6 (2.36-2 Debian:12 [amd64])"; exit 0 ;;
    *" update "*) echo "Hit:1 http://deb.example.org stable InRelease" ;;
    *" upgrade "*)
        [ -e delay/upgrade ] && sleep "$(cat delay/upgrade)"
        if [ -e fail/upgrade ]; then cat fail/upgrade >&2; exit 100; fi
        echo "Setting up libc6 (2.36-2) ..."
        touch reboot-required ;;
esac
"""
DPKG = '#!/bin/sh\necho "dpkg $*" >> "$(dirname "$0")/../calls"\n'
VIRSH = r"""#!/bin/sh
# Models of processors, and a libvirt without guests.
case " $* " in
    *" cpu-models "*) printf "qemu64\nSkylake-Server\n" ;;
    *" event "*) exec tail --pid=$PPID -f /dev/null ;;
    *) echo ;;
esac
"""
UNITS = ('snmpd.service', 'ssh.service', 'nova-compute.service',
         'rsyslog.service')


class Node(fixtures.Fixture):
    """A node and the agent on it.

    :param bus: URL of the message bus
    :param host: its name
    :ivar forged: whether the agent is forked from a process that has
        imported it; if not, it is started as systemd does
    """

    def __init__(self, bus, host='cmp1', **options):
        self.bus, self.host = bus, host
        self.options = {
            'privileged': 'none', 'heartbeat_interval': 0.5,
            'reconcile_interval': 0.5, 'command_timeout': 5, **options}
        self.process = None
        self.forged = True

    def _setUp(self):
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for name in ('bin', 'units', 'fail', 'delay', 'etc/nova',
                     'etc/rsyslog.d', 'state', 'cpu_map'):
            (self.root / name).mkdir(parents=True)
        for name, text in (('systemctl', SYSTEMCTL), ('apt-get', APT_GET),
                           ('dpkg', DPKG), ('virsh', VIRSH)):
            self.program(name, text)
        for unit in UNITS:
            (self.root / 'units' / unit).mkdir()
            self.set_unit(unit, 'disabled', 'inactive')
        self.key_file = self.root / 'agent.key'
        self.nova = self.root / 'etc/nova/nova-compute.conf.d/90-cm.conf'
        self.rsyslog = self.root / 'etc/rsyslog.d/90-cm.conf'
        self.log = self.root / 'log'
        self.addCleanup(self.kill)

    def program(self, name, text):
        path = self.root / 'bin' / name
        path.write_text(text)
        path.chmod(0o755)

    def set_unit(self, unit, enabled, active):
        directory = self.root / 'units' / unit
        (directory / 'enabled').write_text(f'{enabled}\n')
        (directory / 'active').write_text(f'{active}\n')

    def unit(self, unit):
        directory = self.root / 'units' / unit
        return ((directory / 'enabled').read_text().strip(),
                (directory / 'active').read_text().strip())

    def restarts(self, unit):
        path = self.root / 'units' / unit / 'restarts'
        return len(path.read_text().split()) if path.exists() else 0

    def fail(self, verb, text='it broke'):
        (self.root / 'fail' / verb).write_text(text)

    def mend(self, verb):
        (self.root / 'fail' / verb).unlink()

    def delay(self, verb, seconds):
        (self.root / 'delay' / verb).write_text(str(seconds))

    @property
    def calls(self):
        path = self.root / 'calls'
        return path.read_text().splitlines() if path.exists() else []

    def put_key(self, line):
        """Do what cloudmanager-manage agent enrol says."""
        self.key_file.touch(0o600)
        self.key_file.write_text(line + '\n')

    @property
    def state(self):
        return self.root / 'state'

    def configuration(self):
        options = {
            'key_file': self.key_file, 'jobs_path': self.root / 'jobs',
            'nova_drop_in': self.nova,
            'rsyslog_drop_in': self.rsyslog, 'cpu_map': self.root / 'cpu_map',
            'reboot_required_file': self.root / 'reboot-required',
            **self.options}
        path = self.root / 'agent.conf'
        path.write_text(
            f'[DEFAULT]\nhost = {self.host}\nstate_path = {self.state}\n'
            f'transport_url = {self.bus}\n[agent]\n' + ''.join(
                f'{name} = {value}\n' for name, value in options.items()))
        return path

    def start(self, **environment):
        """Start the agent."""
        path = f'{self.root}/bin:{os.environ["PATH"]}'
        arguments = ['--config-file', str(self.configuration())]
        if self.forged:
            self.process = forge.get().start(
                'agent', arguments, self.log, PATH=path, **environment)
            return
        with self.log.open('ab') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-m', 'cloudmanager.cmd.agent', *arguments],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, 'PATH': path, **environment})

    def kill(self, number=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def wait(self, condition, what, seconds=30):
        try:
            return base.wait_for(condition, seconds, what)
        except AssertionError as exc:
            raise AssertionError(
                f'{exc}\n{self.log.read_text()[-4000:]}') from exc
