#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time of lists of nodes, beside that of a raw app and of Ironic.

Each database gets nodes with a power control each. The same URLs are asked of
our service and of a raw app (see ``listbed.py``), by turns: as WSGI
applications in this process, and as server processes over HTTP, both on the
server of the standalone program. Under SQLite ours is the standalone program
itself, with its conductor, otherwise ``cloudmanager-api``. Nobody asks for a
token, and the conductor does not look at the power of the nodes meanwhile.

Of the list of all nodes, the time of one ``SELECT`` that has all of the
answer, dumped with orjson, and the ratio to it, are told as well; so is the
time of the first of several statements alone. The backend ``mysqlclient`` is
MariaDB through the driver in C of that name; it has to be installed.

Ratios are to the raw app's time for the same URL, but never to less than for
a plain page: what finds three nodes is held against a page of a hundred.

``--ironic`` adds Ironic from PyPI with as many nodes on SQLite: it makes a
virtual environment in the directory given, the first time for some minutes.
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import http.client
import logging
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import ironicbed  # noqa: E402
import listbed  # noqa: E402
from oslo_config import cfg  # noqa: E402
import webob  # noqa: E402

from cloudmanager.api import app  # noqa: E402
from cloudmanager.api import server  # noqa: E402
from cloudmanager.common import setup  # noqa: E402
from cloudmanager.db import api as db_api  # noqa: E402

CONF = cfg.CONF
WARM_UP = 5
Ask = Callable[[str], bytes]
WHOLE = '/v1/nodes/?limit=1000'
NARROW = f'{WHOLE}&fields=id,name,power_state'
# By itself: a node is no page.
ALONE = '/v1/nodes/500'
PAGE = '/v1/nodes/?limit=100'
# What the raw app is asked besides, by the names in the report.
ONE, FIRST = 'one SELECT', 'first statement'
# Pages of 100 with every kind of filter and order.
PAGES = (
    PAGE, f'{PAGE}&marker=5000', f'{PAGE}&name=node05000',
    f'{PAGE}&name=like:node05%25', f'{PAGE}&title=ilike:%25500%25',
    f'{PAGE}&ram_mb=gte:524290', f'{PAGE}&id=in:1,5000,9999',
    f'{PAGE}&condition=1', f'{PAGE}&is_reserved=true',
    f'{PAGE}&active=false', f'{PAGE}&power_state=power_off',
    f'{PAGE}&rack_number=7&row_number=7', f'{PAGE}&node_type_id=3',
    f'{PAGE}&node_class_id=1', f'{PAGE}&owner=o7', f'{PAGE}&owner=null',
    f'{PAGE}&mac_address=00:00:00:00:13:88',
    f'{PAGE}&created_at=gt:2026-01-05', f'{PAGE}&inventory_code=inv77',
    f'{PAGE}&sort=name', f'{PAGE}&sort=created_at:desc',
    f'{PAGE}&sort=rack_number,name:desc&marker=5000')
CONFIGURATION = '''\
[DEFAULT]
state_path = {directory}
transport_url = fake://
[api]
auth_strategy = noauth
port = {port}
[database]
connection = {url}
[inventory]
sync_interval = 0
[power]
sweep_interval = 0
'''


class Client:
    """Asks over one connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection('127.0.0.1', port,
                                                      timeout=60)

    def close(self) -> None:
        """Let the connection go; the next question opens a new one."""
        self._connection.close()

    def __call__(self, url: str) -> bytes:
        self._connection.request('GET', url)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f'{url}: {answer.status} {body[:500]!r}')
        return body

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a server listens."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self._connection.connect()
                return
            except OSError:
                if (process.poll() is not None
                        or time.monotonic() > deadline):
                    raise
                time.sleep(0.1)


def in_process(application: Any) -> Ask:
    """Return what asks a WSGI application without any network."""
    def ask(url: str) -> bytes:
        answer = webob.Request.blank(url).get_response(application)
        if answer.status_int != 200:
            raise RuntimeError(f'{url}: {answer.text}')
        return answer.body
    return ask


@contextlib.contextmanager
def running(argv: list[str], port: int) -> Iterator[Client]:
    """Run a server process; give a client."""
    process = subprocess.Popen([sys.executable, *argv],
                               stderr=subprocess.DEVNULL)
    try:
        client = Client(port)
        client.wait(process)
        yield client
    finally:
        process.terminate()
        process.wait(30)


def service(backend: str, url: str, directory: pathlib.Path,
            port: int) -> list[str]:
    """Return the command line of our service on a database."""
    path = directory / 'cloudmanager.conf'
    path.write_text(CONFIGURATION.format(directory=directory, port=port,
                                         url=url))
    if backend == 'sqlite':
        return ['-m', 'cloudmanager.cmd.standalone', '--state-dir',
                str(directory), '--port', str(port), '--auth', 'noauth']
    return ['-m', 'cloudmanager.cmd.api', '--config-file', str(path)]


def by_turns(asks: dict[str, Ask], url: str,
             rounds: int) -> dict[str, float]:
    """Return the median seconds of each."""
    for ask in asks.values():
        for _ in range(WARM_UP):
            ask(url)
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(rounds):
        for name, ask in asks.items():
            begun = time.perf_counter()
            ask(url)
            taken[name].append(time.perf_counter() - begun)
    return {name: statistics.median(found) for name, found in taken.items()}


def report(title: str, url: str, statements: int, found: dict[str, float],
           plain: float) -> float:
    """Print one line; return the ratio.

    :param plain: seconds of the raw app for a plain page
    """
    ratio = found['ours'] / max(found['raw'], plain)
    query = url.partition('?')[2] or url
    one = ''.join(f'  {name} {found[name] * 1000:6.1f} ms  '
                  f'{found["ours"] / found[name]:4.2f}x'
                  for name in (ONE, FIRST) if name in found)
    print(f'{title:22} {query[:44]:44} ours {found["ours"] * 1000:6.1f} ms  '
          f'raw {found["raw"] * 1000:6.1f} ms  {ratio:4.2f}x  '
          f'{statements} statements{one}', flush=True)
    return ratio


def measure(backend: str, count: int, urls: tuple[str, ...],
            rounds: int) -> dict[str, float]:
    """Measure one database; return the largest ratio of each way.

    :param urls: the first is the plain one
    """
    worst: dict[str, float] = {}
    with (tempfile.TemporaryDirectory() as name,
          listbed.database(backend, pathlib.Path(name)) as database):
        directory = pathlib.Path(name)
        listbed.fill(count)
        ours = in_process(app.build())
        setup.settle()
        statements = {}
        for url in urls:
            with listbed.recorded() as sent:
                ours(url)
            statements[url] = sent
        # The same URLs with other statements, by the names in the report.
        peers = {'raw': statements}
        if max(map(len, statements.values())) > 1:
            peers[FIRST] = {url: sent[:1]
                            for url, sent in statements.items()}
        if WHOLE in urls:
            peers[ONE] = {WHOLE: [listbed.Statement(listbed.ONE_SELECT, ())]}
        ports = listbed.free_ports(1 + len(peers))
        with contextlib.ExitStack() as stack:
            clients = {'ours': stack.enter_context(running(
                service(backend, database, directory, ports[0]), ports[0]))}
            for port, (peer, sent) in zip(ports[1:], peers.items(),
                                          strict=True):
                saved = directory / f'{port}.json'
                listbed.save(saved, database, sent)
                clients[peer] = stack.enter_context(running(
                    [__file__, '--serve', str(saved), '--port', str(port)],
                    port))
            for way, asks in (
                    ('in process', {'ours': ours} | {
                        peer: in_process(listbed.Raw(database, sent))
                        for peer, sent in peers.items()}),
                    ('over HTTP', clients)):
                for client in clients.values():
                    client.close()
                plain = 0.0
                for url in urls:
                    found = by_turns(dict(asks), url, rounds)
                    plain = plain or found['raw']
                    ratio = report(f'{backend} {way}', url,
                                   len(statements[url]), found, plain)
                    worst[way] = max(worst.get(way, 0), ratio)
    return worst


def serve(path: pathlib.Path, port: int) -> None:
    """Serve a raw app until the process is ended."""
    made = server.Server(listbed.load(path), '127.0.0.1', port)
    made.start()
    setup.settle()
    while True:
        time.sleep(3600)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--backends', nargs='+', metavar='NAME',
                        default=('sqlite', 'mysql', 'postgresql'),
                        choices=('sqlite', *listbed.SERVERS))
    parser.add_argument('--nodes', nargs='+', type=int,
                        default=(1000, 10000))
    parser.add_argument('--rounds', type=int, default=25)
    parser.add_argument('--ironic', type=pathlib.Path, metavar='DIRECTORY')
    parser.add_argument('--serve', type=pathlib.Path,
                        help=argparse.SUPPRESS)
    parser.add_argument('--port', type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.port)
    setup.prepare([], files=[])
    logging.disable(logging.WARNING)
    CONF.set_override('auth_strategy', 'noauth', group='api')
    for count in chosen.nodes:
        sets: tuple[tuple[str, ...], ...] = (
            ((WHOLE,), (NARROW,), (ALONE,)) if count <= 1000 else (PAGES,))
        print(f'{count} nodes, medians of {chosen.rounds}, by turns')
        for backend in chosen.backends:
            for urls in sets:
                worst = measure(backend, count, urls, chosen.rounds)
                for way, ratio in worst.items():
                    print(f'{backend} {way}: at most {ratio:.2f}x the raw '
                          'app')
    if chosen.ironic:
        chosen.ironic.mkdir(parents=True, exist_ok=True)
        (port,) = listbed.free_ports(1)
        for url, seconds in ironicbed.measure(
                chosen.ironic.absolute(), port, 1000,
                chosen.rounds).items():
            print(f'Ironic, 1000 nodes: {url:30} {seconds * 1000:7.1f} ms')
    db_api.reset()


if __name__ == '__main__':
    main()
