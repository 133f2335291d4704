#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a request costs beside what its operation does, and what WSME costs.

All of it is CPU of this process, by turns, as medians: neither a database nor
the network is asked.

* A whole request, as a WSGI application without authentication, beside a raw
  application that dumps the same document.
* Pecan by itself, with a table in the place of its dispatch as ours has it:
  remembering signatures of controllers, and as it is.
* The body of a node, read by WSME behind our guards and by jsonschema, which
  only checks it.
* The list of 1000 nodes, written from the types by ours and by WSME.
"""

import argparse
from collections.abc import Callable
import datetime
import io
import logging
import pathlib
import statistics
import sys
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import jsonschema  # noqa: E402
import orjson  # noqa: E402
from oslo_config import cfg  # noqa: E402
import pecan  # noqa: E402
from pecan import core  # noqa: E402
from wsme import types as wtypes  # noqa: E402
from wsme.rest import json as wsme_json  # noqa: E402

from cloudmanager import cmd  # noqa: E402, F401  chooses the runtime
from cloudmanager.api import app  # noqa: E402
from cloudmanager.api import rendering  # noqa: E402
from cloudmanager.api.types import fields  # noqa: E402
from cloudmanager.api.types import nodes  # noqa: E402
from cloudmanager.api.types import reading  # noqa: E402
from cloudmanager.common import setup  # noqa: E402

CONF = cfg.CONF
BATCH = 50
AT = datetime.datetime(2026, 1, 2, 3, 4, 5)
BODY = {
    'name': 'node1.example.org', 'title': 'Node 1', 'dtc_number': 1,
    'row_number': 2, 'rack_number': 3, 'unit_number': 4, 'cpu_amount': 32,
    'ram_mb': 131072, 'hdd_gb': 2000, 'mac_address': '52:54:00:12:34:56',
    'hypervisor_id': '5f0c4d8e-1111-4222-8333-944455556666',
    'ip_addresses': ['10.0.0.1', '10.1.0.1'], 'inventory_code': 'UU-17',
    'owner': 'someone', 'active': True, 'is_controller': False,
    'description': 'one\ntwo'}


def environ(method: str, path: str, body: bytes = b'') -> dict[str, Any]:
    """Return what a server hands over."""
    return {
        'REQUEST_METHOD': method, 'SCRIPT_NAME': '', 'PATH_INFO': path,
        'QUERY_STRING': '', 'SERVER_NAME': 'localhost',
        'SERVER_PORT': '9362', 'SERVER_PROTOCOL': 'HTTP/1.1',
        'HTTP_HOST': 'localhost:9362', 'HTTP_ACCEPT': '*/*',
        'CONTENT_TYPE': 'application/json', 'CONTENT_LENGTH': str(len(body)),
        'REMOTE_ADDR': '127.0.0.1', 'wsgi.version': (1, 0),
        'wsgi.url_scheme': 'http', 'wsgi.input': io.BytesIO(body),
        'wsgi.errors': sys.stderr, 'wsgi.multithread': True,
        'wsgi.multiprocess': False, 'wsgi.run_once': False}


def ask(application: Any, method: str, path: str,
        body: bytes = b'') -> bytes:
    """Send a request to a WSGI application; return its answer."""
    found = []

    def start(status: str, headers: list[tuple[str, str]],
              exc_info: Any = None) -> None:
        found.append(status)

    answer = b''.join(application(environ(method, path, body), start))
    if found[0] >= '400':
        raise RuntimeError(f'{path}: {found[0]} {answer!r}')
    return answer


def raw(given: dict[str, Any], start: Any) -> list[bytes]:
    """Answer like ``GET /v1/info`` and do nothing else."""
    body = orjson.dumps({'info': {'version': '0.0.1'}})
    start('200 OK', [('Content-Type', 'application/json'),
                     ('Content-Length', str(len(body)))])
    return [body]


def microseconds(functions: dict[str, Callable[[], object]],
                 rounds: int, batch: int = BATCH) -> dict[str, float]:
    """Return the median microseconds of CPU of each, by turns."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            begun = time.thread_time()
            for _ in range(batch):
                function()
            taken[name].append((time.thread_time() - begun) / batch)
    return {name: statistics.median(found) * 1e6
            for name, found in taken.items()}


def report(title: str, found: dict[str, float]) -> None:
    """Print one line."""
    print(f'{title:24}', '  '.join(f'{name} {value:9.1f} us'
                                   for name, value in found.items()),
          flush=True)


class Table(pecan.Pecan):
    """Pecan as it is, but for its dispatch."""

    def route(self, req: Any, node: Any, path: str) -> tuple[Any, list[str]]:
        """Return the one controller."""
        return node, []


@pecan.expose('json', content_type='application/json')
def controller() -> dict[str, Any]:
    """Answer like ``GET /v1/info``."""
    return {'info': {'version': '0.0.1'}}


def requests(rounds: int) -> None:
    """Measure whole requests, and those of Pecan alone."""
    ours, alone = app.build(), Table(controller, hooks=[])
    setup.settle()
    path = '/v1/info'
    report(f'GET {path}', microseconds({
        'ours': lambda: ask(ours, 'GET', path),
        'raw': lambda: ask(raw, 'GET', path)}, rounds))
    remembered = core.getargspec

    def as_it_is() -> None:
        core.getargspec = remembered.__wrapped__
        ask(alone, 'GET', path)
        core.getargspec = remembered

    report('Pecan alone', microseconds({
        'remembering': lambda: ask(alone, 'GET', path),
        'as it is': as_it_is}, rounds))


def bodies(rounds: int) -> None:
    """Measure the reading of a body."""
    document = {'node': BODY}
    validator = jsonschema.Draft202012Validator(
        nodes.Node.schema(fields.CREATE))
    report('body of a node', microseconds({
        'WSME': lambda: reading.read(nodes.Node, document, fields.CREATE),
        'jsonschema': lambda: validator.validate(BODY)}, rounds))


def lists(rounds: int) -> None:
    """Measure the writing of a list."""
    node = reading.read(nodes.Node, {'node': BODY}, fields.CREATE)
    rows = [dict.fromkeys(nodes.Node.columns().values()) | node | {
        'id': number, 'created_at': AT, 'image_id': 1, 'condition': 1,
        'is_reserved': False} for number in range(1000)]

    def wsme() -> str:
        made = [nodes.Node(**{name: row[column] for name, column
                              in nodes.Node.columns().items()})
                for row in rows]
        return str(wsme_json.encode_result(made, wtypes.ArrayType(
            nodes.Node)))

    report('1000 nodes', microseconds({
        'ours': lambda: rendering.dumps(
            [nodes.Node.render(row) for row in rows]),
        'WSME': wsme}, max(3, rounds // 20), 1))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=100)
    chosen = parser.parse_args()
    setup.prepare([], files=[])
    logging.disable(logging.WARNING)
    CONF.set_override('auth_strategy', 'noauth', group='api')
    requests(chosen.rounds)
    bodies(chosen.rounds)
    lists(chosen.rounds)


if __name__ == '__main__':
    main()
