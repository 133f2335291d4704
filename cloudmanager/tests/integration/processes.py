# SPDX-License-Identifier: Apache-2.0
"""Our own programs as processes with a configuration of their own."""

from collections.abc import Sequence
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import session as ks_session
import pymysql

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import forge
from cloudmanager.tests.integration import place

PROGRAMS = pathlib.Path(sys.executable).parent
DATABASE_USER = 'root'
RABBIT_URL = os.environ.get('CLOUDMANAGER_TEST_RABBIT_URL',
                            'rabbit://guest:guest@127.0.0.1:5672/')

CONFIGURATION = '''\
[DEFAULT]
state_path = {directory}
transport_url = {transport_url}
rpc_response_timeout = 30
[database]
connection = {database}
[api]
auth_strategy = {auth}
host_ip = {address}
port = {port}
[cloud]
auth_type = password
{credentials}
[keystone_authtoken]
www_authenticate_uri = http://{address}:5000/v3
auth_type = password
{credentials}
[conductor]
jobboard = {board}
{board_options}
[power]
soft_timeout = 10
confirm_timeout = 20
[host_tasks]
shared_storage = all
{more}
'''
CREDENTIALS = '''\
auth_url = http://{address}:5000/v3
username = cloudmanager
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
'''
BOARD_OPTIONS = {
    'sql': (),
    'redis': ('host:127.0.0.1', 'port:6379', 'namespace:{name}')}


def mysql(*statements: str) -> None:
    """Run statements on the local MariaDB as its root."""
    connection = pymysql.connect(host='127.0.0.1', user=DATABASE_USER,
                                 autocommit=True)
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


def free_port() -> int:
    """Return a TCP port that nobody listens on.

    It is below those that the kernel gives to clients, so that none of them
    gets it before the server does.
    """
    for port in random.sample(range(20000, 30000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return port
    raise AssertionError('no port is free')


def query(database: str, statement: str, *arguments: Any) -> Any:
    """Return the rows that a statement selects."""
    connection = pymysql.connect(host='127.0.0.1', user=DATABASE_USER,
                                 autocommit=True, database=database)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall()
    finally:
        connection.close()


class Process:
    """A program of ours that runs.

    :param forged: whether it is forked from a process that has imported it;
        the name of the program in ``argv`` is the installed one's then
    """

    def __init__(self, name: str, argv: list[str], log: pathlib.Path,
                 env: dict[str, str] | None = None,
                 forged: bool = False) -> None:
        self.name = name
        self._argv = argv
        self.log = log
        self._env = env
        self._forged = forged
        self._process: subprocess.Popen[bytes] | forge.Forged | None = None
        # Where the log of the last start begins.
        self._begin = 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def was_ready(self) -> bool:
        """Tell whether it has got over its last start."""
        return any(line.endswith(' runs.')
                   for line in self.text(self._begin).splitlines())

    @property
    def ready(self) -> bool:
        return self.running and self.was_ready

    def start(self) -> 'Process':
        if self.log.exists():
            self._begin = self.log.stat().st_size
        if self._forged:
            program = self._argv[0].rpartition('-')[2]
            self._process = forge.get().start(program, self._argv[1:],
                                              self.log)
            return self
        with self.log.open('ab') as output:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, env=self._env)
        return self

    def signal(self, number: int) -> None:
        if self.running:
            assert self._process is not None
            self._process.send_signal(number)

    def kill(self) -> None:
        """End the process as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def stop(self, seconds: float = 60) -> float:
        """Ask the process to end; return how many seconds it took."""
        begun = time.monotonic()
        if self.running:
            assert self._process is not None
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(
                    f'{self.name} did not end in {seconds} s') from None
        return time.monotonic() - begun

    def text(self, begin: int = 0) -> str:
        """Return what it has logged.

        :param begin: bytes that are left out
        """
        with self.log.open(errors='replace') as log:
            log.seek(begin)
            return log.read()

    def lines(self, end: str) -> int:
        """Count the lines of the log that end like this."""
        return sum(line.endswith(end) for line in self.text().splitlines())


class Installation:
    """A database, a configuration, and the programs that use them.

    :param name: of the database, and of the Redis namespace
    :param board: jobboard
    :param board_options: of a jobboard other than ``sql`` or ``redis``
    :param address: of the cloud, where the API listens too
    :param database: URL of an empty one; one of its own on the local
        MariaDB when not given
    :param forged: whether programs are forked, see ``forge``
    """

    def __init__(self, directory: pathlib.Path, name: str, *,
                 board: str = 'sql',
                 board_options: Sequence[str] | None = None,
                 auth: str = 'keystone',
                 address: str = place.LOOPBACK, port: int = 9362,
                 more: str = '',
                 database: str | None = None,
                 transport: str = RABBIT_URL,
                 forged: bool = True) -> None:
        self.directory = directory
        self.forged = forged
        self.name = name
        self.address, self.port = address, port
        self.processes: list[Process] = []
        if database is None:
            mysql(f'DROP DATABASE IF EXISTS {name}',
                  f'CREATE DATABASE {name} CHARACTER SET utf8mb4')
        self.config = directory / 'cloudmanager.conf'
        self.config.write_text(CONFIGURATION.format(
            directory=directory, transport_url=transport,
            database=database or
            f'mysql+pymysql://{DATABASE_USER}@127.0.0.1/{name}'
            '?ssl_disabled=true',
            auth=auth, address=address, port=port,
            credentials=CREDENTIALS.format(address=address), board=board,
            board_options='\n'.join(
                f'jobboard_options = {option.format(name=name)}'
                for option in board_options or BOARD_OPTIONS[board]),
            more=more))
        for command in (('db', 'upgrade'), ('secrets', 'create-key')):
            self.manage(*command)

    def manage(self, *command: str) -> str:
        """Run cloudmanager-manage to its end and return its output."""
        arguments = ['--config-file', str(self.config), *command]
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            output, errors = (pathlib.Path(directory, name)
                              for name in ('output', 'errors'))
            if self.forged:
                code = forge.get().run('manage', arguments, output, errors)
            else:
                with output.open('w') as stdout, errors.open('w') as stderr:
                    code = subprocess.run(
                        [str(PROGRAMS / 'cloudmanager-manage'), *arguments],
                        stdin=subprocess.DEVNULL, stdout=stdout,
                        stderr=stderr, timeout=300).returncode
            if code:
                raise AssertionError(f'{command}: {output.read_text()}'
                                     f'{errors.read_text()}')
            return output.read_text()

    def process(self, program: str, name: str) -> Process:
        """Return a process that is not started yet.

        :param name: its ``[DEFAULT] host``
        """
        own = self.directory / f'{name}.conf'
        own.write_text(f'[DEFAULT]\nhost = {name}\n')
        made = Process(name, [
            str(PROGRAMS / program), '--config-file', str(self.config),
            '--config-file', str(own)], self.directory / f'{name}.log',
            forged=self.forged)
        self.processes.append(made)
        return made

    def conductor(self, name: str) -> Process:
        return self.process('cloudmanager-conductor', name).start()

    def api(self) -> Process:
        """Start the API and wait until it answers."""
        made = self.process('cloudmanager-api', 'api').start()
        client = Client(self.port, user=None, address=self.address)
        cloud.wait(client.answers, 60, 'the API answers')
        return made

    def close(self) -> None:
        """End all processes and remove the database."""
        for process in self.processes:
            process.kill()
        mysql(f'DROP DATABASE IF EXISTS {self.name}')


class Client:
    """The REST API as an operator's program uses it.

    :param user: of the mini cloud; nobody where there is no cloud
    :param address: where the API listens; that of the user's cloud when not
        given
    """

    def __init__(self, port: int = 9362, user: str | None = 'admin',
                 project: str = 'admin', address: str | None = None
                 ) -> None:
        if address is None:
            address = place.address() if user else place.LOOPBACK
        self._base = f'http://{address}:{port}'
        self._session = (cloud.session(user, project) if user
                         else ks_session.Session(timeout=60))
        self._known = user is not None

    def answers(self) -> bool:
        try:
            return self.request('GET', '/healthcheck',
                                authenticated=False).status_code == 200
        except ks_exc.ConnectFailure:
            return False

    def request(self, method: str, path: str, body: Any = None,
                authenticated: bool = True) -> Any:
        return self._session.request(
            self._base + path, method, json=body, raise_exc=False,
            authenticated=authenticated and self._known)

    def call(self, method: str, path: str, body: Any = None,
             status: int = 200) -> Any:
        """Make a request whose status must be the one given."""
        answer = self.request(method, path, body)
        if answer.status_code != status:
            raise AssertionError(f'{method} {path}: {answer.status_code} '
                                 f'{answer.text}')
        return answer.json() if answer.content else None

    def enrol(self, name: str, control: dict[str, Any]) -> int:
        """Give a node a power control; return the node's id."""
        made = self.call('POST', '/v1/power-controls/',
                         {'power_control': control}, 201)
        node_id = self.node(name)
        self.call('POST', f'/v1/nodes/{node_id}/power-controls/',
                  {'power_control_id': made['power_control']['id'],
                   'power_control_port': '1'}, 201)
        return node_id

    def node(self, name: str) -> int:
        """Return the id of a node, which is created unless it is there.

        Compute hosts become nodes by themselves, at any moment.
        """
        answer = self.request('POST', '/v1/nodes/', {'node': {'name': name}})
        if answer.status_code == 201:
            return answer.json()['node']['id']
        (node,) = self.call('GET', f'/v1/nodes/?name={name}')['nodes']
        return node['id']

    def enrol_fake(self, name: str, number: int = 1) -> int:
        """Create a node that switches at once; return its id.

        :param number: of its own among the nodes
        """
        return self.enrol(name, {
            'control_type': 'FakeDevice', 'protocol_type': 'fake',
            'host': '127.0.0.1', 'port_number': number})

    def start_task(self, path: str, body: Any = None) -> str:
        """Start work and return the id of its task."""
        answer = self.request('POST', path, body or {})
        if answer.status_code != 202:
            raise AssertionError(f'{path}: {answer.status_code} '
                                 f'{answer.text}')
        return answer.headers['Location'].rpartition('/')[2]

    def task(self, task_id: str) -> dict[str, Any]:
        return self.call('GET', f'/v1/tasks/{task_id}')

    def wait_for_task(self, task_id: str,
                      seconds: float) -> dict[str, Any]:
        """Wait until a task has ended; return it."""
        def ended() -> dict[str, Any] | None:
            found = self.task(task_id)
            return found if found['status'] in (
                'SUCCESS', 'FAILURE', 'REVOKED') else None
        return cloud.wait(ended, seconds, f'task {task_id} ends')
