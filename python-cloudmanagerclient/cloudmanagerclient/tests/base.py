# SPDX-License-Identifier: Apache-2.0
"""A real service for the tests, and commands run in this process.

The service is ``cloudmanager-standalone`` without authentication, as a
process: everything is real but the devices that switch the nodes.
"""

import atexit
import functools
import importlib.metadata
import io
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
from typing import Any
from unittest import mock
from urllib import parse
import urllib.error
import urllib.request
import uuid

import fixtures
import openstack
import requests
import testtools

from cloudmanagerclient.osc import errors

ERRORS = errors.EXPECTED
GROUP = 'openstack.cloudmanager.v1'
START_SECONDS = 120


class Service:
    """The service as a process; one for all tests of a process."""

    _only: 'Service | None' = None

    def __init__(self) -> None:
        self._directory = pathlib.Path(tempfile.mkdtemp())
        with socket.socket() as found:
            found.bind(('127.0.0.1', 0))
            port = found.getsockname()[1]
        self.url = f'http://127.0.0.1:{port}'
        self._log = self._directory / 'log'
        with self._log.open('wb') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'cloudmanager.cmd.standalone',
                 '--state-dir', str(self._directory / 'state'),
                 '--port', str(port), '--auth', 'noauth'],
                stdout=log, stderr=log, cwd=self._directory,
                env={name: value for name, value in os.environ.items()
                     if not name.startswith('OS_')})
        atexit.register(self.stop)
        self._wait()

    @classmethod
    def started(cls) -> 'Service':
        """Return the service of this process."""
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f'{self.url}/healthcheck'):
                    return
            except urllib.error.URLError:
                if (self._process.poll() is not None
                        or time.monotonic() > deadline):
                    raise AssertionError(self._log.read_text()) from None
            time.sleep(0.1)

    def stop(self) -> None:
        """End the process, and remove its files."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)


class Recorder(fixtures.Fixture):
    """Writes down what is asked of the service.

    :ivar requests: method, path, query, body and status of each request
    """

    def _setUp(self) -> None:
        self.requests: list[types.SimpleNamespace] = []
        real = requests.Session.request

        def request(session: Any, method: str, url: str,
                    **kwargs: Any) -> Any:
            response = real(session, method, url, **kwargs)
            found = parse.urlsplit(response.request.url)
            self.requests.append(types.SimpleNamespace(
                method=method, path=found.path,
                query=dict(parse.parse_qsl(found.query,
                                           keep_blank_values=True)),
                body=response.request.body, status=response.status_code,
                answer=response.text))
            return response

        self.useFixture(fixtures.MonkeyPatch(
            'requests.Session.request', request))


class ClientCase(testtools.TestCase):
    """A connection to the service, and the commands."""

    def setUp(self) -> None:
        super().setUp()
        self.service = Service.started()
        for name in list(os.environ):
            if name.startswith('OS_') and 'CAPTURE' not in name:
                self.useFixture(fixtures.EnvironmentVariable(name))
        self.conn = self.connect()
        self.addCleanup(self.conn.close)
        self.client = self.conn.cloudmanager

    def connect(self) -> Any:
        """Return a new connection to the service."""
        return openstack.connect(
            load_yaml_config=False, load_envvars=False, auth_type='none',
            auth={'endpoint': self.service.url},
            vendor_hook='cloudmanagerclient.sdk:add_service')

    def name(self, kind: str = 'node') -> str:
        """Return a name that nothing has yet."""
        return f'{kind}-{uuid.uuid4().hex[:12]}'

    def node(self, **attrs: Any) -> Any:
        """Return a new node."""
        return self.client.create_node(name=self.name(), **attrs)

    def control(self, **attrs: Any) -> Any:
        """Return a new power control without a device behind it."""
        return self.client.create_power_control(
            **{'control_type': 'FakeDevice', 'protocol_type': 'fake',
               'host': f'{self.name("bmc")}.example.org',
               'port_number': 1, **attrs})

    def powered(self, **attrs: Any) -> Any:
        """Return a new node that can be switched."""
        node = self.node(**attrs)
        self.client.add_node_power_control(node, self.control(), '1')
        return node

    def run_command(self, line: str | list[str], *,
                    stdin: str | None = None) -> 'Outcome':
        """Run a command in this process.

        :param line: what follows ``openstack cloudmanager``
        :param stdin: what the user types, at a terminal; without it there
            is none
        """
        words = shlex.split(line) if isinstance(line, str) else line
        entry, rest = command_of(words)
        outcome = Outcome()
        app = types.SimpleNamespace(
            stdout=outcome.stdout,
            client_manager=types.SimpleNamespace(
                cloudmanager=self.client, sdk_connection=self.conn))
        # Without a name cliff looks for no hooks.
        command = entry.load()(app, None)
        keyboard = Terminal(stdin) if stdin is not None else io.StringIO()
        with mock.patch('sys.stderr', outcome.stderr), mock.patch(
                'sys.stdin', keyboard):
            parsed = command.get_parser(entry.name).parse_args(rest)
            try:
                outcome.code = command.run(parsed)
            except Exception as exc:
                outcome.error = exc
        return outcome

    def result(self, line: str | list[str]) -> Any:
        """Run a command that has to succeed; return its result as JSON."""
        words = shlex.split(line) if isinstance(line, str) else line
        outcome = self.run_command([*words, '-f', 'json'])
        if outcome.error is not None:
            raise outcome.error
        self.assertEqual(0, outcome.code, outcome.stderr.getvalue())
        return json.loads(outcome.stdout.getvalue())


class Terminal(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


class Outcome:
    """What came of a command."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.error: Exception | None = None
        self.stdout = io.StringIO()
        self.stderr = io.StringIO()

    @property
    def text(self) -> str:
        """What was written, and the error."""
        return (self.stdout.getvalue() + self.stderr.getvalue()
                + str(self.error or ''))


@functools.cache
def commands() -> dict[str, importlib.metadata.EntryPoint]:
    """Return the commands by their words."""
    return {entry.name.replace('_', ' ').removeprefix('cloudmanager '): entry
            for entry in importlib.metadata.entry_points(group=GROUP)}


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command of a line, and its arguments."""
    known = commands()
    for count in range(min(len(words), 5), 0, -1):
        entry = known.get(' '.join(words[:count]))
        if entry is not None:
            return entry, words[count:]
    raise AssertionError(f'No such command: {" ".join(words)}')
