# SPDX-License-Identifier: Apache-2.0
"""What the benchmark of lists needs: databases full of nodes, a raw app.

The raw app is the ideal: it sends the very statements that our service sends
for the same URL through the database's own driver, makes a dictionary of each
row and dumps them with orjson. It checks nothing and renders nothing.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import datetime
import json
import pathlib
import socket
import sqlite3
import threading
from typing import Any

import orjson
from oslo_config import cfg
import psycopg2
import pymysql
import sqlalchemy as sa
from sqlalchemy import event

from cloudmanager import cmd  # noqa: F401  chooses the runtime
from cloudmanager.conductor.engine import persistence
from cloudmanager.db import api as db_api
from cloudmanager.db import migration
from cloudmanager.db import models

CONF = cfg.CONF
NAME = 'cloudmanager_bench_lists'
SERVERS = {
    'mysql': 'mysql+pymysql://root@127.0.0.1/',
    # The driver in C, if it is installed.
    'mysqlclient': 'mysql+mysqldb://root@127.0.0.1/',
    'postgresql': 'postgresql+psycopg2://postgres@127.0.0.1/'}
#: One statement for all that a list of 1000 nodes answers.
ONE_SELECT = '''
SELECT node.*, class.id AS class_id, class.name AS class_name,
    class.is_default AS class_is_default, type.id AS type_id,
    type.name AS type_name, image.id AS the_image_id,
    image.name AS image_name, link.power_control_id,
    link.power_control_port, link.is_default, link.is_initialized,
    control.control_type, control.protocol_type,
    control.title AS power_control_title, storage.id AS storage_id,
    storage.name AS storage_name, storage.compute_path,
    storage.controller_path
FROM (SELECT * FROM nodes ORDER BY id LIMIT 1000) AS node
JOIN node_classes AS class ON class.id = node.node_class_id
JOIN node_types AS type ON type.id = node.node_type_id
JOIN node_images AS image ON image.id = node.image_id
LEFT JOIN node_power_controls AS link ON link.node_id = node.id
LEFT JOIN power_controls AS control ON control.id = link.power_control_id
LEFT JOIN node_availability_storages AS stored ON stored.node_id = node.id
LEFT JOIN availability_storages AS storage
    ON storage.id = stored.availability_storage_id
ORDER BY node.id, link.id, storage.id
'''
_START = datetime.datetime(2026, 1, 1)


@contextlib.contextmanager
def database(backend: str, directory: pathlib.Path) -> Iterator[str]:
    """Make an empty database with our tables; give its URL."""
    if backend == 'sqlite':
        url = f'sqlite:///{directory}/cloudmanager.sqlite'
    else:
        url = SERVERS[backend] + NAME
        _server(backend, _drop(backend), f'CREATE DATABASE {NAME}')
    CONF.set_override('connection', url, group='database')
    db_api.reset()
    db_api.configure()
    try:
        migration.upgrade()
        persistence.upgrade()
        yield url
    finally:
        db_api.reset()
        if backend != 'sqlite':
            _server(backend, _drop(backend))


def _drop(backend: str) -> str:
    # The connections of a server process that ends may still be there.
    force = ' WITH (FORCE)' if backend == 'postgresql' else ''
    return f'DROP DATABASE IF EXISTS {NAME}{force}'


def _server(backend: str, *statements: str) -> None:
    url = sa.make_url(SERVERS[backend])
    if backend == 'postgresql':
        url = url.set(database='postgres')
    engine = sa.create_engine(url, isolation_level='AUTOCOMMIT')
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def fill(count: int) -> None:
    """Put nodes there, each with a power control of its own."""
    nodes, controls, links = [], [], []
    for number in range(1, count + 1):
        nodes.append({
            'id': number, 'name': f'node{number:05}', 'title': f'{number}',
            'description': f'the node with the number {number}',
            'node_class_id': 1, 'node_type_id': 1 + number % 7,
            'image_id': 1, 'hypervisor_id':
            f'00000000-0000-4000-8000-{number:012}',
            'dtc_number': 1 + number % 3, 'row_number': 1 + number % 20,
            'rack_number': 1 + number % 90, 'unit_number': 1 + number % 42,
            'cpu_amount': 64, 'ram_mb': 524288 + number % 8 * 1024,
            'hdd_gb': 4000, 'mac_address':
            ':'.join(f'{number:012x}'[part:part + 2]
                     for part in range(0, 12, 2)),
            'ip_addresses': [f'10.{number >> 16}.{number >> 8 & 255}.'
                             f'{number & 255}'],
            'inventory_code': f'inv{number}', 'owner': f'o{number % 50}',
            'active': number % 100 != 0, 'is_reserved': number % 50 == 0,
            'is_controller': number % 500 == 0,
            'condition': 0 if number % 100 == 0 else 1,
            'power_state': 'power_on' if number % 10 else 'power_off',
            'created_at': _START + datetime.timedelta(minutes=number)})
        controls.append({
            'id': number, 'title': f'BMC {number}', 'host': f'bmc{number}',
            'control_type': 'FakeDevice', 'port_number': 1,
            'protocol_type': 'fake', 'created_at': _START})
        links.append({'id': number, 'node_id': number,
                      'power_control_id': number,
                      'power_control_port': '1', 'is_default': True,
                      'is_initialized': True})
    with db_api.get_engine().begin() as connection:
        for model, rows in ((models.Node, nodes),
                            (models.PowerControl, controls),
                            (models.NodePowerControl, links)):
            connection.execute(sa.insert(model), rows)
    with db_api.get_engine().connect() as connection:
        if connection.dialect.name != 'sqlite':
            connection.exec_driver_sql(
                'ANALYZE TABLE nodes, node_power_controls, power_controls'
                if connection.dialect.name == 'mysql' else 'ANALYZE')


@dataclasses.dataclass
class Statement:
    """A statement as it goes to the driver."""

    text: str
    parameters: Any


@contextlib.contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Collect the statements that a block sends."""
    engine, found = db_api.get_engine(), []

    def seen(conn: Any, cursor: Any, statement: str, parameters: Any,
             *_: Any) -> None:
        if not statement.startswith('BEGIN'):
            found.append(Statement(statement, parameters))

    event.listen(engine, 'before_cursor_execute', seen)
    try:
        yield found
    finally:
        event.remove(engine, 'before_cursor_execute', seen)


def _connect(url: sa.URL) -> Any:
    if url.get_backend_name() == 'sqlite':
        return sqlite3.connect(url.database or '')
    if url.drivername == 'mysql+mysqldb':
        # Only who has it can measure it.
        import MySQLdb  # noqa: PLC0415
        return MySQLdb.connect(host=url.host, user=url.username or 'root',
                               database=url.database, charset='utf8mb4')
    if url.get_backend_name() == 'mysql':
        return pymysql.connect(host=url.host, user=url.username or 'root',
                               database=url.database, charset='utf8mb4')
    return psycopg2.connect(host=url.host, user=url.username,
                            dbname=url.database)


def key(method: str, url: str) -> str:
    """Return what a request is called among those of a raw app."""
    return url if method == 'GET' else f'{method} {url}'


class Raw:
    """The raw app: statements by the request that they answer, see ``key``.

    :param url: of the database
    """

    def __init__(self, url: str,
                 statements: dict[str, list[Statement]]) -> None:
        self._url = sa.make_url(url)
        self._statements = statements
        self._local = threading.local()

    def __call__(self, environ: dict[str, Any],
                 start_response: Any) -> list[bytes]:
        asked = environ['PATH_INFO']
        if environ.get('QUERY_STRING'):
            asked += f'?{environ["QUERY_STRING"]}'
        asked = key(environ['REQUEST_METHOD'], asked)
        body = orjson.dumps([self._rows(statement) for statement
                             in self._statements[asked]])
        # The next request must see what was written meanwhile.
        self._connection.commit()
        start_response('200 OK', [('Content-Type', 'application/json'),
                                  ('Content-Length', str(len(body)))])
        return [body]

    @property
    def _connection(self) -> Any:
        if not hasattr(self._local, 'connection'):
            self._local.connection = _connect(self._url)
        return self._local.connection

    def _rows(self, statement: Statement) -> list[dict[str, Any]]:
        cursor = self._connection.cursor()
        cursor.execute(statement.text, statement.parameters)
        # A statement that writes finds nothing.
        names = [column[0] for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True))
                 for row in cursor.fetchall()]
        cursor.close()
        return found


def save(path: pathlib.Path, url: str,
         statements: dict[str, list[Statement]]) -> None:
    """Write a raw app down for another process."""
    path.write_text(json.dumps({'url': url, 'statements': {
        asked: [dataclasses.astuple(statement) for statement in found]
        for asked, found in statements.items()}}, default=str))


def load(path: pathlib.Path) -> Raw:
    """Make a raw app of what was written down."""
    found = json.loads(path.read_text())
    return Raw(found['url'], {
        asked: [Statement(text, tuple(parameters)
                          if isinstance(parameters, list) else parameters)
                for text, parameters in statements]
        for asked, statements in found['statements'].items()})


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(('127.0.0.1', 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
