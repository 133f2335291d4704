# SPDX-License-Identifier: Apache-2.0
"""The Redfish emulator of sushy-tools with its fake driver, as a process.

Its machines change their state some seconds after they were asked. How many
is left to chance; here the chance is taken away, so that tests are fast.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import bcrypt
import fixtures

from cloudmanager.tests.unit.power import peers

SYSTEMS = {'11111111-2222-3333-4444-555555555501': 'On',
           '11111111-2222-3333-4444-555555555502': 'Off'}
FIRST, SECOND = SYSTEMS

_START = '''\
import os, random, sys
random.randint = lambda low, high: int(os.environ['EMULATOR_SECONDS'])
from sushy_tools.emulator import main
sys.exit(main.main())
'''


class Emulator(fixtures.Fixture):
    """The emulator, with TLS and a password.

    :param seconds: until a machine has changed its state, at most
    :param refuses_off: whether it refuses to switch anything off
    """

    def __init__(self, password, seconds=0, refuses_off=False,
                 systems=None):
        super().__init__()
        self.user, self.password = 'admin', password
        self.host = '127.0.0.1'
        self._seconds = seconds
        self._refuses_off = refuses_off
        self._systems = systems or SYSTEMS

    def _setUp(self):
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        (self.directory / 'state').mkdir()
        authority = peers.Authority(self.directory)
        self.ca = authority.pem
        certificate = str(authority.issue())
        self.port = peers.free_port()
        self._passwords = self.directory / 'passwords'
        self.set_password(self.password)
        (self.directory / 'emulator.conf').write_text('\n'.join(
            f'{name} = {value!r}' for name, value in {
                'SUSHY_EMULATOR_LISTEN_IP': self.host,
                'SUSHY_EMULATOR_LISTEN_PORT': self.port,
                'SUSHY_EMULATOR_STATE_DIR': str(self.directory / 'state'),
                'SUSHY_EMULATOR_AUTH_FILE': str(self._passwords),
                'SUSHY_EMULATOR_SSL_CERT': certificate,
                'SUSHY_EMULATOR_SSL_KEY': certificate,
                'SUSHY_EMULATOR_DISABLE_POWER_OFF': self._refuses_off,
                'SUSHY_EMULATOR_FAKE_SYSTEMS': [
                    {'uuid': uuid, 'name': f'node-{number}', 'nics': [],
                     'power_state': state} for number, (uuid, state)
                    in enumerate(self._systems.items(), 1)],
            }.items()))
        self._process = None
        self.addCleanup(self.stop)
        self.start()

    def set_password(self, password):
        """Make it take another password."""
        self.password = password
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))
        self._passwords.write_text(f'{self.user}:{hashed.decode()}\n')

    def start(self):
        with (self.directory / 'log').open('ab') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-c', _START, '--fake', '--config',
                 str(self.directory / 'emulator.conf')],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, start_new_session=True,
                env={**os.environ,
                     'EMULATOR_SECONDS': str(self._seconds)})
        deadline = time.monotonic() + 30
        while not self._answers():
            if (self._process.poll() is not None
                    or time.monotonic() > deadline):
                raise RuntimeError('The emulator does not start: '
                                   + (self.directory / 'log').read_text())
            time.sleep(0.05)

    def _answers(self):
        try:
            with socket.create_connection((self.host, self.port), 1):
                return True
        except OSError:
            return False

    def pause(self):
        """Fall silent in the middle of whatever is going on."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._process = None
