#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A burst of power actions on cloudmanager-standalone, beside the ideal.

Every node is switched off by a request of its own, from several clients that
keep their connections. The devices are of the kind FakeDevice: they answer at
once, so what is measured is the service. The ideal are the same calls of
devices, confirmed by the same code with the same pauses, from a bare pool of
as many threads as the conductor has: it writes nothing down, and nobody asks
it.

The first request of the process, which prepares its statements, is sent
before, and told by itself.

Targets for 300 nodes: 15 actions a second, 99 of 100 requests within 0.3 s.
"""

import argparse
from collections.abc import Iterator
from concurrent import futures
import contextlib
import http.client
import json
import os
from pathlib import Path
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from cloudmanager import conf
from cloudmanager.common import context as cm_context
from cloudmanager.db import api as db_api
from cloudmanager.db import migration
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.power import base
from cloudmanager.power import confirm
from cloudmanager.power import fake

START_SECONDS = 60
PATIENCE_SECONDS = 600
PROGRAM = Path(sys.executable).parent / 'cloudmanager-standalone'


def prepare(state: Path, count: int) -> list[int]:
    """Make a database with nodes and their devices; return their ids."""
    conf.CONF([], project='cloudmanager', default_config_files=[])
    conf.CONF.set_override('connection',
                           f'sqlite:///{state}/cloudmanager.sqlite',
                           group='database')
    conf.CONF.set_override('state_path', str(state))
    db_api.configure()
    migration.upgrade()
    context = cm_context.admin_context()
    nodes = []
    for number in range(count):
        node = db_nodes.create_node(context, {'name': f'node{number}'})
        control = db_power_controls.create_control(context, {
            'control_type': 'FakeDevice', 'protocol_type': 'fake',
            'title': '', 'host': f'bmc{number}', 'port_number': 1})
        db_power_controls.assign(context, node['id'], {
            'power_control_id': control['id'], 'power_control_port': '1'})
        nodes.append(node['id'])
    return nodes


@contextlib.contextmanager
def service(state: Path, options: str = '') -> Iterator[
        tuple[int, 'subprocess.Popen[bytes]']]:
    """Run the service; give its port and its process.

    :param options: of a file of its configuration
    """
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        port = found.getsockname()[1]
    config = state / 'bench.conf'
    config.write_text(options)
    with (state / 'log').open('w') as log:
        process = subprocess.Popen(
            [PROGRAM, '--state-dir', str(state), '--port', str(port),
             '--auth', 'noauth', '--config-file', str(config)],
            stdout=log, stderr=log)
        try:
            wait_for_port(port, process)
            yield port, process
        finally:
            process.terminate()
            process.wait(60)


def wait_for_port(port: int, process: 'subprocess.Popen[bytes]') -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(
                ('127.0.0.1', port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError('the service did not start')


def processor_seconds(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Clients:
    """Send requests from threads that keep their connections.

    :param count: how many threads
    """

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._count = count
        self._local = threading.local()

    def post(self, path: str) -> float:
        """Send a request that has to be accepted; return the seconds."""
        connection = getattr(self._local, 'connection', None)
        if connection is None:
            connection = self._local.connection = (
                http.client.HTTPConnection('127.0.0.1', self._port))
            connection.connect()
        begun = time.monotonic()
        connection.request('POST', path)
        answer = connection.getresponse()
        found = answer.read()
        if answer.status != 202:
            raise RuntimeError(f'{answer.status}: {found!r}')
        return time.monotonic() - begun

    def post_all(self, paths: list[str]) -> list[float]:
        with futures.ThreadPoolExecutor(self._count) as pool:
            return list(pool.map(self.post, paths))


def wait_for_tasks(state: Path) -> None:
    """Wait until no task is left, by a look at the database."""
    end = time.monotonic() + PATIENCE_SECONDS
    with contextlib.closing(sqlite3.connect(
            state / 'cloudmanager.sqlite')) as database:
        while time.monotonic() < end:
            ((left,),) = database.execute(
                'SELECT count(*) FROM tasks WHERE finished_at IS NULL')
            if not left:
                break
            time.sleep(0.05)
        else:
            raise RuntimeError(f'{left} tasks did not end in time')
        ((bad,),) = database.execute(
            "SELECT count(*) FROM tasks WHERE status != 'SUCCESS'")
    if bad:
        raise RuntimeError(f'{bad} tasks failed')


def wait_for_sweep(state: Path) -> None:
    """Wait until all devices have been read once, as in the long run."""
    end = time.monotonic() + PATIENCE_SECONDS
    with contextlib.closing(sqlite3.connect(
            state / 'cloudmanager.sqlite')) as database:
        while time.monotonic() < end:
            ((left,),) = database.execute(
                'SELECT count(*) FROM power_controls '
                'WHERE last_success_at IS NULL')
            if not left:
                return
            time.sleep(0.2)
    raise RuntimeError('not all devices were read')


def ideal(count: int, workers: int) -> float:
    """Switch as many devices off from a bare pool; return the seconds."""
    driver = fake.FakeDriver()

    def switch(number: int) -> None:
        device = base.Device('FakeDevice', 'fake', f'ideal{number}', 1)
        confirm.switch_off([confirm.Feed(driver, device, '1')])

    begun = time.monotonic()
    with futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(switch, range(count)))
    return time.monotonic() - begun


def share(values: list[float], part: float) -> float:
    """Return the value that a part of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=300, help='nodes')
    parser.add_argument('--clients', type=int, default=16)
    parser.add_argument('--workers', type=int, default=0,
                        help='[conductor] workers; its default when 0')
    return parser.parse_args()


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory() as name:
        state = Path(name)
        first, *nodes = prepare(state, options.count + 1)
        workers = options.workers or conf.CONF.conductor.workers
        chosen = (f'[conductor]\nworkers = {workers}\n'
                  if options.workers else '')
        with service(state, chosen) as (port, process):
            wait_for_sweep(state)
            clients = Clients(port, options.clients)
            first_seconds = clients.post(
                f'/v1/nodes/{first}/actions/power-off')
            wait_for_tasks(state)
            used = processor_seconds(process.pid)
            begun = time.monotonic()
            times = clients.post_all([
                f'/v1/nodes/{key}/actions/power-off' for key in nodes])
            wait_for_tasks(state)
            seconds = time.monotonic() - begun
            used = processor_seconds(process.pid) - used
    least = ideal(options.count, workers)
    print(json.dumps({
        'nodes': options.count, 'threads': workers,
        'load_average': round(os.getloadavg()[0], 1),
        'first_post_ms': round(first_seconds * 1000),
        'post_p50_ms': round(share(times, 0.5) * 1000),
        'post_p99_ms': round(share(times, 0.99) * 1000),
        'cpu_ms_per_action': round(1000 * used / options.count, 1),
        'actions_per_second': round(options.count / seconds, 1),
        'ideal_actions_per_second': round(options.count / least, 1)}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
