# SPDX-License-Identifier: Apache-2.0
"""Start, signal and find the processes of the cloud.

Each service runs in a process group of its own. Its pid file holds the
pid and the time the process started, so that a pid that the system gave
to another program since is not taken for ours.
"""

import os
from pathlib import Path
import signal
import subprocess

from minicloudlib import nursery
from minicloudlib import settings as config
from minicloudlib import waiting
from minicloudlib.errors import MinicloudError

UP = 'up'
DOWN = 'down'
PAUSED = 'paused'


def _stat(pid):
    """Return the fields of /proc/PID/stat after the name, or None."""
    try:
        text = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return None
    return text.rpartition(') ')[2].split()


def _start_time(pid):
    """Return when a process started; None if it is gone or a zombie."""
    fields = _stat(pid)
    if fields is None or fields[0] in 'ZX':
        return None
    return fields[19]


def _resident_kilobytes(pid):
    try:
        lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith('VmRSS:'):
            return int(line.split()[1])
    return 0


def group_memory():
    """Return the resident kilobytes of every process group."""
    memory = {}
    for entry in Path('/proc').iterdir():
        fields = _stat(entry.name) if entry.name.isdigit() else None
        if fields:
            group = int(fields[2])
            resident = _resident_kilobytes(entry.name)
            memory[group] = memory.get(group, 0) + resident
    return memory


class Supervisor:
    """The processes of one cloud."""

    def __init__(self, settings, services):
        self._settings = settings
        self._services = services

    def log(self, name):
        """Return the log file of a service."""
        return self._settings.log / f'{name}.log'

    def _pid_file(self, name):
        return self._settings.run / f'{name}.pid'

    def pid(self, name):
        """Return the pid of a service, or None if it does not run."""
        try:
            pid, started = self._pid_file(name).read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if _start_time(pid) == started else None

    def state(self, name):
        """Return UP, DOWN or PAUSED."""
        pid = self.pid(name)
        fields = _stat(pid) if pid else None
        if fields is None:
            return DOWN
        return PAUSED if fields[0] in 'Tt' else UP

    def start(self, name):
        """Start a service if it does not run."""
        if self.pid(name):
            return
        service = self._services[name]
        if service.port:
            waiting.until_free(config.ADDRESS, service.port)
        if service.parent:
            self.start(service.parent)
            pid = nursery.start(self._settings, service.argv,
                                self.log(name))
        else:
            pid = self._spawn(service, self.log(name))
        self._pid_file(name).write_text(f'{pid} {_start_time(pid)}\n')

    def _spawn(self, service, log):
        with log.open('ab') as output:
            return subprocess.Popen(
                service.argv, cwd=self._settings.state,
                env={**os.environ, **service.env},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True).pid

    def signal(self, name, number):
        """Send a signal to all processes of a service, if it runs."""
        pid = self.pid(name)
        if not pid:
            return False
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self, name):
        """End a service at once, as a crash would."""
        if self.signal(name, signal.SIGKILL):
            self._wait_gone([name], 10)

    def stop(self, names):
        """End services, gently at first; return those that ran."""
        running = [name for name in names if self.pid(name)]
        for name in running:
            self.signal(name, signal.SIGTERM)
            self.signal(name, signal.SIGCONT)
        if not waiting.poll(lambda: self._all_gone(running), 5, 0.1):
            for name in running:
                self.signal(name, signal.SIGKILL)
            self._wait_gone(running, 10)
        for name in names:
            self._pid_file(name).unlink(missing_ok=True)
        return running

    def _all_gone(self, names):
        return not any(self.pid(name) for name in names)

    def _wait_gone(self, names, seconds):
        waiting.until(
            lambda: self._all_gone(names), seconds,
            f'Still running after SIGKILL: {", ".join(names)}')

    def check_alive(self, name):
        """Fail if a service that was started has ended."""
        if not self.pid(name):
            raise MinicloudError(f'{name} has ended.', log=self.log(name))
