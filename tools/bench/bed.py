# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of moves share: a cloud, the service, a bare script.

The bare script is the ideal: it knows the moves beforehand, keeps the same
number in flight, and reads the migrations of the host in one request, but
plans nothing, remembers nothing and checks nothing.
"""

import argparse
from collections.abc import Callable
from concurrent import futures
import contextlib
import pathlib
import statistics
import tempfile
import time
from typing import Any
import warnings

warnings.filterwarnings('ignore')

from novaclient import client as nova_client  # noqa: E402  after the filter

from cloudmanager.tests.integration import cloud  # noqa: E402
from cloudmanager.tests.integration import processes  # noqa: E402

SOURCE = 'cmp1'
POLL_SECONDS = 0.3
MORE = '''\
[host_tasks]
max_moves = {limit}
max_moves_per_destination = {limit}
'''


class Bare:
    """Fires moves and polls in bulk."""

    def __init__(self, bed: cloud.Cloud, limit: int) -> None:
        self._nova = nova_client.Client('2.90', session=bed.session)
        self._limit = limit

    def live_migrate(self, server: str, host: str) -> None:
        self._nova.servers.live_migrate(server, host, 'auto')

    def evacuate(self, server: str, host: str) -> None:
        self._nova.servers.evacuate(server, host=host)

    def run(self, moves: dict[str, str],
            fire: Callable[[str, str], None]) -> float:
        """Carry out moves; return the seconds until all are over.

        :param moves: destination by server id
        """
        newest = self._nova.migrations.list(limit=1)
        baseline = newest[0].id if newest else 0
        begun = time.monotonic()
        waiting, flying = list(moves.items()), set()
        with futures.ThreadPoolExecutor(self._limit) as pool:
            calls: list[futures.Future[None]] = []
            while waiting or flying:
                while waiting and len(flying) < self._limit:
                    server, host = waiting.pop(0)
                    flying.add(server)
                    calls.append(pool.submit(fire, server, host))
                time.sleep(POLL_SECONDS)
                flying -= self._over(baseline)
            for call in calls:
                call.result()
        return time.monotonic() - begun

    def _over(self, baseline: int) -> set[str]:
        found = self._nova.migrations.list(source_compute=SOURCE, limit=1000)
        failed = [item for item in found if item.id > baseline
                  and item.status in ('error', 'failed', 'cancelled')]
        if failed:
            raise RuntimeError(f'a bare move failed: {failed[0].to_dict()}')
        return {item.instance_uuid for item in found if item.id > baseline
                and item.status in ('completed', 'done')}


@contextlib.contextmanager
def service(limit: int) -> Any:
    """Run API and conductor on MariaDB and RabbitMQ; give a client."""
    with tempfile.TemporaryDirectory() as name:
        installation = processes.Installation(
            pathlib.Path(name), 'cm_bench', more=MORE.format(limit=limit))
        try:
            installation.conductor('bench')
            installation.api()
            client = processes.Client()
            client.enrol_fake(SOURCE)
            yield client
        finally:
            installation.close()


def fresh(bed: cloud.Cloud, count: int) -> list[str]:
    """Bring hosts to life and boot servers on the source."""
    bed.restore_hosts()
    bed.clear()
    return bed.boot(SOURCE, count)


def spread(servers: list[str]) -> dict[str, str]:
    """Give each server a destination, evenly."""
    targets = [host for host in cloud.COMPUTES if host != SOURCE]
    return {server: targets[number % len(targets)]
            for number, server in enumerate(servers)}


def follow(client: processes.Client, path: str) -> tuple[float, float]:
    """Start a task; return the seconds until moved and until ended."""
    begun = time.monotonic()
    task_id = client.start_task(path)
    moved = 0.0
    while True:
        task = client.task(task_id)
        counts = task['progress']
        now = time.monotonic() - begun
        if not moved and counts['total'] and (
                counts['done'] == counts['total']):
            moved = now
        if task['status'] not in ('PENDING', 'STARTED', 'RETRY'):
            break
        time.sleep(POLL_SECONDS)
    if task['status'] != 'SUCCESS':
        raise RuntimeError(f'the task failed: {task["result"]}')
    return moved, now


def main(description: str, action: str,
         fire: Callable[[Bare], Callable[[str, str], None]],
         prepare: Callable[[cloud.Cloud], None] = lambda here: None) -> None:
    """Run the rounds of a benchmark and print the figures.

    :param action: of the REST API
    :param fire: gives what the bare script calls for each move
    :param prepare: makes the source host what the action is for
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--servers', type=int, default=20)
    parser.add_argument('--limit', type=int, default=8)
    parser.add_argument('--rounds', type=int, default=1)
    options = parser.parse_args()
    cloud.start()
    here = cloud.Cloud()
    bare = Bare(here, options.limit)
    ours, ideal = [], []
    with service(options.limit) as client:
        for _ in range(options.rounds):
            servers = fresh(here, options.servers)
            prepare(here)
            ideal.append(bare.run(spread(servers), fire(bare)))
            fresh(here, options.servers)
            prepare(here)
            ours.append(follow(client,
                               f'/v1/hosts/{SOURCE}/actions/{action}'))
        here.restore_hosts()
        here.clear()
    report(action, options.servers, options.limit, ours, ideal)


def report(name: str, count: int, limit: int,
           ours: list[tuple[float, float]], bare: list[float]) -> None:
    """Print the medians and the ratio."""
    moved = statistics.median(item[0] for item in ours)
    ended = statistics.median(item[1] for item in ours)
    ideal = statistics.median(bare)
    print(f'{name}: {count} servers, {limit} at a time, '
          f'{len(ours)} round(s)')
    print(f'  bare script                 {ideal:7.1f} s')
    print(f'  CloudManager, all moved     {moved:7.1f} s  '
          f'{moved / ideal:.2f}x')
    print(f'  CloudManager, task ended    {ended:7.1f} s  '
          f'{ended / ideal:.2f}x')
