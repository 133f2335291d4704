#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much memory cloudmanager-standalone takes in the long run.

Clients send tens of thousands of requests of all kinds, and among them each
node is switched off once. The memory of the process is told after each tenth
of the requests, beside what it took before the first one.

Target: bounded; in the second half it grows by less than 10 MB. Exit code 1:
it grew by more.
"""

import argparse
from concurrent import futures
import http.client
import json
import os
from pathlib import Path
import sys
import tempfile
import threading
from typing import Self

import power_burst
import psutil

LIMIT_MB = 10.0
PARTS = 10
BODY = json.dumps({'node': {'title': 'changed'}})
# Most of what an operator's tools ask all day, and the status of the answer;
# ``{}`` is a node.
REQUESTS = (
    ('GET', '/v1/nodes?limit=20', 200),
    ('GET', '/v1/nodes/{}', 200),
    ('GET', '/v1/nodes?condition=0&limit=20', 200),
    ('GET', '/v1/tasks?limit=20', 200),
    ('GET', '/v1/nodes/{}/power-controls', 200),
    ('GET', '/v1/power-controls?limit=20', 200),
    ('PUT', '/v1/nodes/{}', 200),
    ('GET', '/v1/nodes/unknown', 404),
)
POWER_OFF = 'POST', '/v1/nodes/{}/actions/power-off', 202


class Clients:
    """Threads that keep their connections.

    :param nodes: ids of the nodes
    """

    def __init__(self, port: int, count: int, nodes: list[int]) -> None:
        self._port = port
        self._nodes = nodes
        self._local = threading.local()
        self._pool = futures.ThreadPoolExecutor(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._pool.shutdown()

    def send(self, numbers: range, every: int) -> None:
        """Send requests; each so many of them switches a node off."""
        list(self._pool.map(lambda number: self._send(number, every),
                            numbers))

    def _send(self, number: int, every: int) -> None:
        node = self._nodes[number // every % len(self._nodes)]
        method, path, expected = (REQUESTS[number % len(REQUESTS)]
                                  if number % every else POWER_OFF)
        connection = getattr(self._local, 'connection', None)
        if connection is None:
            connection = self._local.connection = (
                http.client.HTTPConnection('127.0.0.1', self._port))
        put = method == 'PUT'
        connection.request(
            method, path.format(node), BODY if put else None,
            {'Content-Type': 'application/json'} if put else {})
        answer = connection.getresponse()
        found = answer.read()
        if answer.status != expected:
            raise RuntimeError(f'{method} {path}: {answer.status} {found!r}')


def megabytes(pid: int) -> float:
    """Return the memory of a process that is in the machine."""
    return round(psutil.Process(pid).memory_info().rss / 1024 ** 2, 1)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--requests', type=int, default=50_000)
    parser.add_argument('--actions', type=int, default=500,
                        help='nodes, each of which is switched off')
    parser.add_argument('--clients', type=int, default=8)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    part = options.requests // PARTS
    with tempfile.TemporaryDirectory() as name:
        state = Path(name)
        nodes = power_burst.prepare(state, options.actions)
        with power_burst.service(state) as (port, process):
            power_burst.wait_for_sweep(state)
            sizes = [megabytes(process.pid)]
            with Clients(port, options.clients, nodes) as clients:
                for number in range(PARTS):
                    clients.send(range(number * part, (number + 1) * part),
                                 options.requests // options.actions)
                    power_burst.wait_for_tasks(state)
                    sizes.append(megabytes(process.pid))
    growth = sizes[-1] - sizes[PARTS // 2]
    print(json.dumps({
        'requests': part * PARTS, 'power_actions': options.actions,
        'load_average': round(load, 1), 'mb_at_the_start': sizes[0],
        'mb_after_each_tenth': sizes[1:],
        'growth_mb_in_the_second_half': round(growth, 1)}))
    return int(growth > LIMIT_MB)


if __name__ == '__main__':
    sys.exit(main())
