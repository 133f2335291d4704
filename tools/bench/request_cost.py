#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a request costs beside what its operation does, and what WSME costs.

First a whole request that needs no database, as a WSGI application in this
process: ours without authentication, beside a raw application that dumps the
same document. Nothing is asked of the network.
"""

import argparse
from collections.abc import Callable
import io
import logging
import pathlib
import statistics
import sys
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import orjson  # noqa: E402
from oslo_config import cfg  # noqa: E402

from cloudmanager import cmd  # noqa: E402, F401  chooses the runtime
from cloudmanager.api import app  # noqa: E402
from cloudmanager.common import setup  # noqa: E402

CONF = cfg.CONF
BATCH = 50


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
                 rounds: int) -> dict[str, float]:
    """Return the median microseconds of CPU of each, by turns."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            begun = time.thread_time()
            for _ in range(BATCH):
                function()
            taken[name].append((time.thread_time() - begun) / BATCH)
    return {name: statistics.median(found) * 1e6
            for name, found in taken.items()}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=100)
    chosen = parser.parse_args()
    setup.prepare([], files=[])
    logging.disable(logging.WARNING)
    CONF.set_override('auth_strategy', 'noauth', group='api')
    ours = app.build()
    setup.settle()
    found = microseconds({
        'ours': lambda: ask(ours, 'GET', '/v1/info'),
        'raw': lambda: ask(raw, 'GET', '/v1/info')}, chosen.rounds)
    print(f'{"GET /v1/info":32} ours {found["ours"]:7.1f} us  '
          f'raw {found["raw"]:7.1f} us')


if __name__ == '__main__':
    main()
