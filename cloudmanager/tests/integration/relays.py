# SPDX-License-Identifier: Apache-2.0
"""Relay boards of other makes: net-snmp's snmpd, and libmodbus.

The protocols are theirs; what the boards do with it is in
``daenet_agent.py`` and ``modbus_module.c``. Every one has a port and a
directory of its own, and ends with the test.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import fixtures
import jsonschema

from cloudmanager.power import confirm
from cloudmanager.tests.integration import daenet_agent
from cloudmanager.tests.integration import power_case

HERE = pathlib.Path(__file__).parent
START_SECONDS = 10
READ_ONLY = 'public'

# Reading sysDescr with the community "public", by the book (RFC 1157).
PROBE = bytes.fromhex('302602010004067075626c6963a019020101020100020100'
                      '300e300c06082b060102010101000500')
SNMPD = '''\
agentAddress udp:127.0.0.1:%(port)d
sysDescr %(description)s
rocommunity public 127.0.0.1
rwcommunity "%(community)s" 127.0.0.1
pass_persist .1.3.6.1.4.1.19865.1.2 %(python)s %(script)s %(directory)s
'''


class _Server(fixtures.Fixture):
    """A process that serves a port of its own.

    :ivar directory: its own
    :ivar port: its own, on 127.0.0.1
    """

    #: Package of Debian, and the program that it is needed for.
    package = program = ''

    def _setUp(self):
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.host, self.port = '127.0.0.1', self._free_port()
        self._process = None
        self.addCleanup(self.stop)
        self.prepare()
        self.start()

    def prepare(self):
        """Write what it needs."""

    def command(self):
        """Return its command line."""
        raise NotImplementedError

    def answers(self):
        """Tell whether it serves."""
        raise NotImplementedError

    @classmethod
    def which(cls):
        """Return the path of its program; fails without."""
        found = shutil.which(
            cls.program, path=f'{os.environ["PATH"]}:/usr/sbin:/sbin')
        if found is None:
            raise AssertionError(f'{cls.program} is missing: '
                                 f'apt-get install {cls.package}')
        return found

    def start(self):
        """Start it, and wait until it answers."""
        with (self.directory / 'output').open('ab') as output:
            self._process = subprocess.Popen(
                self.command(), cwd=self.directory, stdout=output,
                stderr=output, stdin=subprocess.DEVNULL,
                # snmpd would read all MIBs, and write below /var.
                env={**os.environ, 'MIBS': '', 'SNMP_PERSISTENT_DIR':
                     str(self.directory / 'kept')})
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if (self._process.poll() is not None
                    or time.monotonic() > deadline):
                self.stop()
                raise AssertionError(
                    (self.directory / 'output').read_text())

    def stop(self):
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._process = None

    def pause(self):
        """Fall silent in the middle of whatever is going on."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    @property
    def log(self):
        """Return what was written: (name, value) of each."""
        try:
            lines = (self.directory / 'log').read_text().splitlines()
        except FileNotFoundError:
            return []
        return [tuple(line.split()) for line in lines]

    def _free_port(self):
        with socket.socket(socket.AF_INET, self.kind) as probe:
            probe.bind(('127.0.0.1', 0))
            return probe.getsockname()[1]


class Board(_Server):
    """A DAEnetIP2 behind net-snmp's agent.

    :param community: what it wants to hear before it is switched
    """

    package = program = 'snmpd'
    kind = socket.SOCK_DGRAM

    def __init__(self, community, description='DAEnetIP2'):
        super().__init__()
        self.community = community
        self.description = description

    def prepare(self):
        self._write_state(dict(daenet_agent.NEW))

    def command(self):
        # Read again at each start: the community may have changed.
        configuration = self.directory / 'snmpd.conf'
        configuration.touch(mode=0o600)
        configuration.write_text(SNMPD % {
            'port': self.port, 'description': self.description,
            'community': self.community, 'python': sys.executable,
            'script': HERE / 'daenet_agent.py',
            'directory': self.directory})
        return [self.which(), '-f', '-Lo', '-C', '-c', str(configuration),
                '-I', '-smux']

    def answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            try:
                client.connect((self.host, self.port))
                client.send(PROBE)
                return bool(client.recv(2000))
            except ConnectionRefusedError:
                time.sleep(0.02)    # nobody there yet
                return False
            except TimeoutError:
                return False

    @property
    def state(self):
        return json.loads((self.directory / 'state.json').read_text())

    def change(self, **values):
        """Change the board, or what it does, behind the agent's back."""
        self._write_state({**self.state, **values})

    def _write_state(self, state):
        new = self.directory / 'state.test'
        new.write_text(json.dumps(state))
        new.replace(self.directory / 'state.json')


class Module(_Server):
    """A module with eight coils behind libmodbus."""

    package, program = 'libmodbus-dev gcc', 'gcc'
    kind = socket.SOCK_STREAM

    def prepare(self):
        self.set_coils('0' * 8)
        subprocess.run(
            [self.which(), '-Wall', '-o', 'modbus_module',
             str(HERE / 'modbus_module.c'), '-I/usr/include/modbus',
             '-lmodbus'], cwd=self.directory, check=True, timeout=60)

    def command(self):
        return [str(self.directory / 'modbus_module'), str(self.port)]

    def answers(self):
        try:
            socket.create_connection((self.host, self.port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)    # nobody there yet
            return False
        return True

    @property
    def coils(self):
        """Return the coils, a digit each."""
        return (self.directory / 'coils').read_text()

    def set_coils(self, coils):
        # The module must never read half of it.
        new = self.directory / 'coils.other'
        new.write_text(coils)
        new.replace(self.directory / 'coils')

    def behave(self, name, value=None):
        """Set ``refuse`` or ``lag``; nothing ends it."""
        path = self.directory / name
        if value is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(str(value))


class RelayTestCase(power_case.PowerDriverTestCase):
    """Has a driver and a device, of which subclasses make one each."""

    deadline = 1.5
    prompt = 2.0
    pace = 5

    def state(self, output='1', device=None):
        return self.driver.state(device or self.device, output)

    def fails(self, kind, function, *arguments, within=None):
        """Return the error of a call that has to fail, and not as another."""
        error = super().fails(kind, function, *arguments, within=within)
        self.assertIs(kind, type(error))
        return error

    def feeds(self, *outputs, device=None):
        return [confirm.Feed(self.driver, device or self.device, output)
                for output in outputs or ['1']]

    def with_options(self, **options):
        """Return the device with options, which have to be allowed ones."""
        for name, value in options.items():
            jsonschema.validate(value, self.driver.options_schema[name])
        return dataclasses.replace(
            self.device, options={**self.device.options, **options})

    def other_port(self, kind):
        """Return the device with a port at which nobody listens."""
        with socket.socket(socket.AF_INET, kind) as free:
            free.bind(('127.0.0.1', 0))
            return dataclasses.replace(self.device,
                                       port=free.getsockname()[1])
