# SPDX-License-Identifier: Apache-2.0
"""Databases and message buses of our own.

Nova has its own: when they went away with ours, a migration that Nova loses
would look like one that we lost.
"""

import atexit
import functools
import os
import pathlib
import shutil
import socket
import subprocess

import pymysql

from cloudmanager.tests.integration import cloud

VIRTUAL_HOST = 'cloudmanager_test'


def _run(argv: list[str], seconds: float = 120) -> None:
    subprocess.run(argv, check=True, timeout=seconds, capture_output=True,
                   stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def _program(*names: str) -> str:
    for name in names:
        found = shutil.which(name, path='/usr/sbin:/usr/bin:/sbin:/bin')
        if found:
            return found
    raise AssertionError(f'{names[0]} is missing')


class MariaDB:
    """A MariaDB server with an empty database."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._data = directory / 'mariadb'
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        _run([_program('mariadb-install-db', 'mysql_install_db'),
              '--no-defaults', f'--datadir={self._data}', '--user=root',
              '--auth-root-authentication-method=normal',
              '--skip-test-db'])
        self.start()
        self._query('CREATE DATABASE cloudmanager CHARACTER SET utf8mb4')

    @property
    def url(self) -> str:
        return f'mysql+pymysql://root@127.0.0.1:{self._port}/cloudmanager'

    def _query(self, statement: str) -> None:
        with pymysql.connect(host='127.0.0.1', port=self._port,
                             user='root') as connection:
            connection.cursor().execute(statement)

    def _answers(self) -> bool:
        try:
            self._query('SELECT 1')
        except pymysql.err.OperationalError:
            return False
        return True

    def start(self) -> None:
        self._process = subprocess.Popen(
            [_program('mariadbd', 'mysqld'), '--no-defaults', '--user=root',
             f'--datadir={self._data}', f'--port={self._port}',
             f'--socket={self._data}/socket', '--bind-address=127.0.0.1',
             '--innodb-buffer-pool-size=64M'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        cloud.wait(self._answers, 60, 'MariaDB answers')

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


class MessageBus:
    """A virtual host of the local RabbitMQ.

    :param name: of its own, for whoever runs beside other tests
    """

    def __init__(self, name: str = VIRTUAL_HOST) -> None:
        self._name = name
        self.stop()
        self.start()

    @property
    def url(self) -> str:
        return f'rabbit://guest:guest@127.0.0.1:5672/{self._name}'

    def start(self) -> None:
        control = _program('rabbitmqctl')
        _run([control, 'add_vhost', self._name])
        _run([control, 'set_permissions', '-p', self._name, 'guest', '.*',
              '.*', '.*'])

    def stop(self) -> None:
        """Close all connections, refuse new ones, forget all messages."""
        subprocess.run(
            [_program('rabbitmqctl'), 'delete_vhost', self._name],
            timeout=120, capture_output=True, stdin=subprocess.DEVNULL)


@functools.cache
def shared_bus() -> MessageBus:
    """Return the virtual host of this process's tests, made once.

    To make one takes seconds, and the process may have several clouds, one
    after another.
    """
    bus = MessageBus(f'{VIRTUAL_HOST}-{os.getpid()}')
    atexit.register(bus.stop)
    return bus
