#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients at once on uwsgi and MariaDB, beside a raw app.

Clients ask one request after the other, without a pause, by chance among pages
with all kinds of filters, single nodes, tasks, long lists and changes of
nodes. First our service gets that load and then a raw app (see
``listbed.py``), which sends the same statements. Both run in uwsgi with the
processes and threads that the installation guide names, and the clients in a
process of their own.

uwsgi has to be installed. Target with 50 clients and 10 000 nodes: 99 of 100
requests within a second, and no errors.
"""

import argparse
import collections
from collections.abc import Iterator
import contextlib
import http.client
import itertools
import json
import logging
import os
from pathlib import Path
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import listbed  # noqa: E402
import lists  # noqa: E402
from oslo_config import cfg  # noqa: E402
from power_burst import processor_seconds  # noqa: E402
import psutil  # noqa: E402
import webob  # noqa: E402

from cloudmanager.api import app  # noqa: E402
from cloudmanager.common import setup  # noqa: E402
from cloudmanager.db import api as db_api  # noqa: E402

CONF = cfg.CONF
UWSGI = Path(sys.executable).parent / 'uwsgi'
# As in the installation guide.
PROCESSES, THREADS = 4, 24
START_SECONDS = 60
SEED = 7
CONFIGURATION = '''\
[DEFAULT]
state_path = {directory}
transport_url = fake://
[api]
auth_strategy = noauth
[database]
connection = {url}
'''
RAW = '''\
import pathlib
import sys
sys.path[:0] = {path!r}
import listbed
application = listbed.load(pathlib.Path({saved!r}))
'''
# How often each kind of request is asked, of a hundred, and which there are.
MIX: dict[str, tuple[int, list[tuple[str, str]]]] = {
    'page of 100': (35, [('GET', url) for url in lists.PAGES]),
    'node': (35, [('GET', f'/v1/nodes/{number}')
                  for number in range(100, 10000, 495)]),
    'tasks': (10, [('GET', '/v1/tasks?limit=100')]),
    'change': (15, [('PUT', f'/v1/nodes/{number}')
                    for number in range(50, 10000, 495)]),
    'list of 1000': (5, [('GET', lists.WHOLE)]),
}


def body_of(method: str) -> bytes | None:
    """Return what is sent with a request."""
    if method == 'GET':
        return None
    return json.dumps({'node': {'title': 'changed'}}).encode()


def ask_once(application: object, method: str, url: str) -> None:
    """Ask a WSGI application without any network."""
    request = webob.Request.blank(url, method=method)
    body = body_of(method)
    if body is not None:
        request.body, request.content_type = body, 'application/json'
    answer = request.get_response(application)
    if answer.status_int != 200:
        raise RuntimeError(f'{method} {url}: {answer.text}')


class Clients:
    """Threads that ask one request after the other.

    :ivar taken: seconds of each answer, by kind
    :ivar errors: how often there was which
    """

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self.taken: dict[str, list[float]] = {kind: [] for kind in MIX}
        self.errors: collections.Counter[str] = collections.Counter()

    def run(self, count: int) -> None:
        """Ask until the time is over."""
        threads = [threading.Thread(target=self._client,
                                    args=(random.Random(SEED + number),))
                   for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, chance: random.Random) -> None:
        weights = [share for share, _ in MIX.values()]
        while time.monotonic() < self._end:
            (kind,) = chance.choices(list(MIX), weights)
            method, url = chance.choice(MIX[kind][1])
            begun = time.monotonic()
            error = self._ask(method, url)
            taken = time.monotonic() - begun
            with self._lock:
                if error:
                    self.errors[error] += 1
                else:
                    self.taken[kind].append(taken)

    def _ask(self, method: str, url: str) -> str:
        """Return what went wrong, if anything did."""
        # uwsgi's own socket keeps no connection.
        connection = http.client.HTTPConnection('127.0.0.1', self._port,
                                                timeout=60)
        try:
            body = body_of(method)
            connection.request(method, url, body, {} if body is None else {
                'Content-Type': 'application/json'})
            answer = connection.getresponse()
            answer.read()
            return '' if answer.status == 200 else f'{method} {answer.status}'
        except (OSError, http.client.HTTPException) as exc:
            return type(exc).__name__
        finally:
            connection.close()


def load(port: int, seconds: float, count: int) -> None:
    """Be the process of the clients; print what they saw."""
    clients = Clients(port, seconds)
    clients.run(count)
    print(json.dumps({'taken': clients.taken, 'errors': clients.errors}))


@contextlib.contextmanager
def uwsgi(module: str, port: int, directory: Path) -> Iterator[
        'subprocess.Popen[bytes]']:
    """Serve a module of a directory until the block ends."""
    root = str(Path(__file__).resolve().parents[2])
    with (directory / f'{module}.log').open('wb') as log:
        process = subprocess.Popen(
            [UWSGI, '--http-socket', f'127.0.0.1:{port}', '--module',
             f'{module}:application', '--pythonpath', str(directory),
             '--pythonpath', root, '--master', '--processes',
             str(PROCESSES), '--threads', str(THREADS), '--enable-threads',
             '--lazy-apps', '--die-on-term', '--buffer-size', '65535',
             '--add-header', 'Connection: close', '--disable-logging',
             '--need-app', '--listen', '128'],
            stdout=log, stderr=log, env=os.environ | {
                'OS_CLOUDMANAGER_CONFIG_FILES':
                str(directory / 'cloudmanager.conf')})
    try:
        wait_until_served(process, port)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def wait_until_served(process: 'subprocess.Popen[bytes]', port: int) -> None:
    """Wait for the first answers: each process has loaded the module."""
    end = time.monotonic() + START_SECONDS
    method, url = MIX['node'][1][0]
    answered = 0
    while answered < 4 * PROCESSES:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError('uwsgi did not start; is it installed?')
        if Clients(port, 0)._ask(method, url):
            time.sleep(0.2)
        else:
            answered += 1


def children_seconds(pid: int) -> float:
    """Return the seconds of CPU of the processes that one has started."""
    return sum(processor_seconds(child.pid)
               for child in psutil.Process(pid).children())


def measure(name: str, module: str, directory: Path,
            chosen: argparse.Namespace) -> None:
    """Put the load on an application, and print how it bore it."""
    (port,) = listbed.free_ports(1)
    with uwsgi(module, port, directory) as process:
        used = -children_seconds(process.pid)
        found = json.loads(subprocess.run(
            [sys.executable, __file__, '--port', str(port), '--seconds',
             str(chosen.seconds), '--clients', str(chosen.clients)],
            stdout=subprocess.PIPE, check=True).stdout)
        used += children_seconds(process.pid)
    every = sorted(itertools.chain.from_iterable(found['taken'].values()))
    print(f'{name}: {len(every) / chosen.seconds:.0f} requests a second, '
          f'{1000 * used / len(every):.1f} ms of CPU each, errors: '
          f'{found["errors"] or "none"}')
    for kind, taken in [('all', every), *found['taken'].items()]:
        print(f'  {kind:13} p50 {share(taken, 0.5):6.0f} ms  '
              f'p99 {share(taken, 0.99):6.0f} ms  '
              f'most {share(taken, 1):6.0f} ms', flush=True)


def share(taken: list[float], part: float) -> float:
    """Return the milliseconds that a part of all do not exceed."""
    ordered = sorted(taken)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--clients', type=int, default=50)
    parser.add_argument('--nodes', type=int, default=10000)
    parser.add_argument('--seconds', type=float, default=60)
    parser.add_argument('--backend', default='mysql',
                        choices=('mysql', 'mysqlclient'))
    parser.add_argument('--port', type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.port:
        load(chosen.port, chosen.seconds, chosen.clients)
        return
    setup.prepare([], files=[])
    logging.disable(logging.WARNING)
    CONF.set_override('auth_strategy', 'noauth', group='api')
    with (tempfile.TemporaryDirectory() as name,
          listbed.database(chosen.backend, Path(name)) as url):
        directory = Path(name)
        listbed.fill(chosen.nodes)
        application = app.build()
        setup.settle()
        statements = {}
        for method, asked in itertools.chain.from_iterable(
                requests for _, requests in MIX.values()):
            with listbed.recorded() as sent:
                ask_once(application, method, asked)
            statements[listbed.key(method, asked)] = sent
        saved = directory / 'raw.json'
        listbed.save(saved, url, statements)
        (directory / 'raw_app.py').write_text(RAW.format(
            path=[str(Path(__file__).resolve().parent),
                  str(Path(__file__).resolve().parents[2])],
            saved=str(saved)))
        (directory / 'cloudmanager.conf').write_text(
            CONFIGURATION.format(directory=directory, url=url))
        print(f'{chosen.clients} clients, {chosen.nodes} nodes, '
              f'{chosen.seconds:.0f} s each, load average '
              f'{os.getloadavg()[0]:.1f}')
        for title, module in (('ours', 'cloudmanager.wsgi.api'),
                              ('raw', 'raw_app')):
            measure(title, module, directory, chosen)
    db_api.reset()


if __name__ == '__main__':
    main()
