# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-standalone as a process."""

from collections.abc import Mapping
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

from minicloudlib import waiting

from quickstartlib import interrupts
from quickstartlib.console import QuickstartError
from quickstartlib.console import wait

# How the service asks Keystone who somebody is; standalone has it from a
# file, which is its alone.
CONFIGURATION = '''\
[keystone_authtoken]
www_authenticate_uri = {OS_AUTH_URL}
auth_type = password
auth_url = {OS_AUTH_URL}
username = {OS_USERNAME}
password = {OS_PASSWORD}
project_name = {OS_PROJECT_NAME}
user_domain_name = {OS_USER_DOMAIN_NAME}
project_domain_name = {OS_PROJECT_DOMAIN_NAME}
region_name = {OS_REGION_NAME}
# What is changed in Nova itself is soon seen.
[inventory]
sync_interval = 10
# Servers of the mini cloud are small beside its hosts.
[drs]
threshold = 0.00001
source_floor = 0
minimum_gain = 0
migration_load = 0
cooldown = 0
'''


class Service:
    """The service with a state directory of its own.

    :param directory: below it are state, log and pid file
    :param address: where it listens
    """

    def __init__(self, directory: Path, address: str = '127.0.0.1',
                 port: int = 9362) -> None:
        self.address, self.port = address, port
        self.url = f'http://{address}:{port}'
        self.log = directory / 'standalone.log'
        self._state = directory / 'state'
        self._pid_file = directory / 'standalone.pid'
        # The program reads it when it is there.
        self._configuration = self._state / 'cloudmanager.conf'

    def start(self, credentials: Mapping[str, str],
              bus: str | None = None) -> None:
        """Start with an empty database and wait until it answers.

        :param credentials: ``OS_*`` variables of its user in the cloud; with
            none there is neither a cloud nor authentication
        :param bus: URL of the broker where agents are; in memory without
        :raises QuickstartError: it ends, or another program has its port
        """
        self._check_port()
        shutil.rmtree(self._state, ignore_errors=True)
        self._configure(credentials, bus)
        program = Path(sys.executable).parent / 'cloudmanager-standalone'
        with interrupts.later(), self.log.open('wb') as output:
            process = subprocess.Popen(
                [str(program), '--state-dir', str(self._state), '--listen',
                 self.address, '--port', str(self.port), '--auth',
                 'keystone' if credentials else 'noauth'],
                env={**os.environ, **credentials}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True)
            self._pid_file.write_text(str(process.pid))

        def ready() -> bool:
            if process.poll() is not None:
                raise QuickstartError(
                    f'cloudmanager-standalone has ended: see {self.log}')
            return self._answers()

        wait(ready, 60, 'cloudmanager-standalone answers', 0.2)

    def manage(self, *words: str) -> str:
        """Run cloudmanager-manage and return what it prints.

        :raises QuickstartError: it failed
        """
        program = Path(sys.executable).parent / 'cloudmanager-manage'
        done = subprocess.run(
            [str(program), '--config-file', str(self._configuration),
             *words], capture_output=True, text=True,
            stdin=subprocess.DEVNULL)
        if done.returncode:
            raise QuickstartError(f'cloudmanager-manage {" ".join(words)}: '
                                  f'{done.stderr}')
        return done.stdout

    def _configure(self, credentials: Mapping[str, str],
                   bus: str | None) -> None:
        text = ''
        if bus is not None:
            text += (f'[DEFAULT]\ntransport_url = {bus}\n'
                     f'state_path = {self._state}\n[database]\nconnection = '
                     f'sqlite:///{self._state}/cloudmanager.sqlite\n')
        if credentials:
            text += CONFIGURATION.format_map(credentials)
        self._state.mkdir(mode=0o700, parents=True)
        self._configuration.touch(0o600)
        self._configuration.write_text(text)

    def _check_port(self) -> None:
        if waiting.listening(self.address, self.port):
            raise QuickstartError(
                f'Port {self.port} is in use by another program ("ss -ltnp" '
                'shows which). End it first.')

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f'{self.url}/healthcheck',
                                        timeout=5):
                return True
        except OSError:
            return False

    def pid(self) -> int | None:
        """Return the pid of the service that we started, if it runs."""
        try:
            pid = int(self._pid_file.read_text())
            words = Path(f'/proc/{pid}/cmdline').read_bytes()
        except (OSError, ValueError):
            return None
        return pid if b'cloudmanager-standalone' in words else None

    def stop(self) -> None:
        """End the service if it runs."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while self.pid() and time.monotonic() < deadline:
            self._reap(pid)
            time.sleep(0.1)
        if self.pid():
            os.kill(pid, signal.SIGKILL)
        self._pid_file.unlink(missing_ok=True)

    @staticmethod
    def _reap(pid: int) -> None:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
