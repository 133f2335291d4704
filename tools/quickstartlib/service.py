# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-standalone as a process, and a client of its API."""

import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time
from typing import Any
import urllib.error
import urllib.request

from minicloudlib import waiting

from quickstartlib.console import note
from quickstartlib.console import QuickstartError
from quickstartlib.console import wait

ENDED = ('SUCCESS', 'FAILURE', 'REVOKED')


def _progress(task: dict[str, Any]) -> str:
    counts = task['progress']
    if not counts['total']:
        return task['status']
    return (f'{task["status"]:<8} {counts["done"]} of {counts["total"]} '
            f'done, {counts["running"]} under way, {counts["failed"]} failed')


class Service:
    """The service with a state directory of its own.

    :param directory: below it are state, log and pid file
    """

    def __init__(self, directory: Path, port: int = 9362) -> None:
        self.port = port
        self.url = f'http://127.0.0.1:{port}'
        self.log = directory / 'standalone.log'
        self._state = directory / 'state'
        self._pid_file = directory / 'standalone.pid'
        # The program reads it when it is there.
        self._configuration = self._state / 'cloudmanager.conf'

    def start(self, env: dict[str, str], bus: str | None = None) -> None:
        """Start with an empty database and wait until it answers.

        :param env: the credentials of the cloud, or nothing
        :param bus: URL of the broker where agents are; in memory without
        :raises QuickstartError: it ends, or another program has its port
        """
        self._check_port()
        shutil.rmtree(self._state, ignore_errors=True)
        if bus is not None:
            self._state.mkdir(mode=0o700)
            self._configuration.touch(0o600)
            self._configuration.write_text(
                f'[DEFAULT]\ntransport_url = {bus}\n'
                f'state_path = {self._state}\n[database]\nconnection = '
                f'sqlite:///{self._state}/cloudmanager.sqlite\n')
        program = Path(sys.executable).parent / 'cloudmanager-standalone'
        with self.log.open('wb') as output:
            process = subprocess.Popen(
                [str(program), '--state-dir', str(self._state), '--port',
                 str(self.port), '--auth', 'noauth'],
                env={**os.environ, **env}, stdin=subprocess.DEVNULL,
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

    def _check_port(self) -> None:
        if waiting.listening('127.0.0.1', self.port):
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

    def request(self, method: str, path: str,
                body: Any = None) -> tuple[Any, Any]:
        """Make a request; return the document and the headers.

        :raises QuickstartError: with the service's own text
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, method=method,
            headers={'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                content = answer.read()
                return (json.loads(content) if content else None,
                        answer.headers)
        except urllib.error.HTTPError as exc:
            text = exc.read().decode(errors='replace')
            raise QuickstartError(
                f'{method} {path}: {exc.code} {text}') from exc

    def follow(self, path: str, body: Any = None) -> dict[str, Any]:
        """Start work, show its progress, and return the ended task.

        :raises QuickstartError: the task failed
        """
        _, headers = self.request('POST', path, body or {})
        location = headers['Location']
        note(f'task {location.rpartition("/")[2]}')
        last, begun = '', time.monotonic()
        while True:
            task = self.request('GET', location)[0]
            text = _progress(task)
            if text != last:
                note(f'[{time.monotonic() - begun:5.1f}s] {text}')
                last = text
            if task['status'] in ENDED:
                break
            time.sleep(0.5)
        if task['status'] != 'SUCCESS':
            raise QuickstartError(
                f'{path} ended {task["status"]}: {task["result"]}')
        return task

    def enrol(self, name: str, control: dict[str, Any]) -> int:
        """Give a node a power control; return the node's id."""
        made = self.request('POST', '/v1/power-controls/',
                            {'power_control': control})[0]
        control_id = made['power_control']['id']
        node_id = self._node(name)
        self.request('POST', f'/v1/nodes/{node_id}/power-controls/',
                     {'power_control_id': control_id,
                      'power_control_port': '1'})
        return node_id

    def _node(self, name: str) -> int:
        """Return the id of a node, which is created unless it is there.

        Compute hosts of a cloud become nodes by themselves, at any moment.
        """
        body = {'node': {'name': name}}
        for _ in range(2):
            found = self.request('GET', f'/v1/nodes/?name={name}')[0]['nodes']
            if found:
                return int(found[0]['id'])
            try:
                return int(self.request('POST', '/v1/nodes/',
                                        body)[0]['node']['id'])
            except QuickstartError as exc:
                error = exc
        raise error
