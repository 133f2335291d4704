# SPDX-License-Identifier: Apache-2.0
"""Start MariaDB and RabbitMQ where they do not run."""

import os

from minicloudlib import commands
from minicloudlib import settings as config
from minicloudlib import waiting
from minicloudlib.errors import MinicloudError

START_SECONDS = 60


def ensure_running(settings):
    """Make sure that both servers accept connections."""
    _ensure(
        'MariaDB', settings.database, settings.log / 'mariadb-start.log',
        [_service('mariadb'), _service('mysql'), _mariadb_directly()])
    _ensure(
        'RabbitMQ', settings.rabbit, settings.log / 'rabbitmq-start.log',
        [_service('rabbitmq-server'), _rabbitmq_directly()])


def missing(settings):
    """Return the names of the servers that do not accept connections."""
    return [
        title for title, server in (
            ('MariaDB', settings.database), ('RabbitMQ', settings.rabbit))
        if not waiting.listening(server.host, server.port)]


def _service(name):
    """Return the command that starts a service the distribution's way."""
    return [commands.find('service'), name, 'start']


def _mariadb_directly():
    return [
        commands.find('start-stop-daemon'), '--start', '--oknodo',
        '--background', '--exec', commands.find('mariadbd', 'mysqld'),
        '--', '--user=mysql']


def _rabbitmq_directly():
    return [commands.find('rabbitmq-server'), '-detached']


def _ensure(title, server, log, ways):
    """Try one way after the other until the server listens."""
    if waiting.listening(server.host, server.port):
        return
    if server.host not in (config.SERVERS_ADDRESS, 'localhost'):
        raise MinicloudError(
            f'{title} does not answer on {server.host}:{server.port}.')
    for way in ways:
        argv = commands.as_root(way) if all(way) else None
        if argv is None:
            continue
        started = commands.succeeds(argv, log, seconds=START_SECONDS)
        if started and waiting.poll(
                lambda: waiting.listening(server.host, server.port),
                START_SECONDS):
            return
    hint = '' if os.geteuid() == 0 else ' Starting it needs root or sudo.'
    raise MinicloudError(
        f'Cannot start {title} on {server.host}:{server.port}.{hint}',
        log=log)
