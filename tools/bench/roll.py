#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A rolling restart of many hosts in simulated time.

The flows of the service run on the cloud of the unit tests, a real database
on SQLite and a clock whose hours pass at once: first with half of the hosts
and servers, then with all. What the service needs for a move shall not grow
with the size of the cloud; the ratio of the two says whether it does. Time
that the simulated cloud itself takes is not counted.

Without a spare host the ideal is a move for each server, and a second one for
those of the first host, which can only go to hosts that are not restarted yet.
"""

import argparse
from collections.abc import Callable
import dataclasses
import functools
import pathlib
import sys
import threading
import time
from typing import Any
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from cloudmanager import cmd  # noqa: E402, F401  chooses the runtime
from cloudmanager.common import secrets  # noqa: E402
from cloudmanager.db import nodes as db_nodes  # noqa: E402
from cloudmanager.db import power_controls as db_controls  # noqa: E402
from cloudmanager.db import tasks as db_tasks  # noqa: E402
from cloudmanager.tests.unit.conductor import fakes_case  # noqa: E402
from cloudmanager.tests.unit.conductor import walks  # noqa: E402

BOOT_SECONDS = 120.0


class Timed:
    """An object whose methods are timed.

    :ivar seconds: of CPU that they took, with all threads
    """

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped
        self._local = threading.local()
        self._lock = threading.Lock()
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._wrapped, name)
        return (functools.partial(self._call, value) if callable(value)
                else value)

    def _call(self, function: Callable[..., Any], *args: Any,
              **kwargs: Any) -> Any:
        begun = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            with self._lock:
                self.seconds += time.thread_time() - begun


class Roll(walks.WalkCase):  # type: ignore[misc]
    """Restarts all hosts of a simulated cloud.

    :ivar figures: what was found
    """

    def __init__(self, hosts: int, servers: int, at_once: int) -> None:
        super().__init__('roll')
        self._names = [f'h{number:03}' for number in range(hosts)]
        self._servers = servers
        self._at_once = at_once
        self._out_of_use: dict[str, float] = {}
        self._seconds_out = 0.0
        self._boots = {f'bmc-{name}': name for name in self._names}
        self.figures: dict[str, float] = {}

    def setUp(self) -> None:
        """Make the cloud."""
        super().setUp()
        self.config(group='host_tasks', restart_timeout=600,
                    gate_interval=2.0)
        self.nova.reset(self._names)
        self.nova.seconds = 10.0
        for number in range(self._servers):
            self.nova.add(f'vm{number:05}',
                          host=self._names[number % len(self._names)])
        self.config(group='secrets', key_repository=str(
            self.directory / 'keys'))
        secrets.create_key()
        for name in self._names:
            node = db_nodes.create_node(self.context, {'name': name})
            control = db_controls.create_control(self.context, {
                'title': name, 'control_type': 'FakeDevice',
                'protocol_type': 'fake', 'host': f'bmc-{name}',
                'port_number': 1})
            db_controls.assign(self.context, node['id'], {
                'power_control_id': control['id'],
                'power_control_port': '1'})
        reset = self.driver.reset

        def restarting(device: Any, output: str) -> None:
            reset(device, output)
            self._was_reset(self._boots[device.host])

        self.driver.reset = restarting

    def _was_reset(self, name: str) -> None:
        compute = self.nova.computes[name]
        self.assertEqual([], self.nova.on(name))
        compute.heard = self.clock.utcnow()
        compute.alive = False
        self.clock.at(BOOT_SECONDS, vars(compute).update, alive=True)

    def _restart_host(self, row: dict[str, Any]) -> None:
        """Carry out the task of a host, as another conductor would."""
        parent = self.task_id, self.token
        self.task_id = row['id']
        self.token = db_tasks.set_post_token(self.context, row['id'],
                                             None, row['generation'])
        begun = self.clock.now
        done = self.run_flow(self.run_of())
        self._seconds_out += self.clock.now - begun
        self.assertEqual('SUCCESS', done['status'], done['result'])
        self.task_id, self.token = parent

    def _run_children(self) -> None:
        for row in db_tasks.list_tasks(self.context, fakes_case.everything()):
            if (row['parent_id'] == self.task_id
                    and row['status'] in db_tasks.ACTIVE):
                self._restart_host(row)

    def roll(self) -> None:
        """Restart all hosts, and keep the figures."""
        edges = [Timed(edge) for edge in (self.nova, self.placement)]
        nova, placement = edges
        self.tools = dataclasses.replace(self.tools, nova=nova,
                                         placement=placement)
        task, _ = db_tasks.create_task(
            self.context, 'hosts.restart',
            params={'hosts': self._names, 'max_unavailable': self._at_once},
            targets=[f'host:{name}' for name in self._names])
        self.task_id = task['id']
        self.token = db_tasks.set_post_token(self.context, self.task_id,
                                             None, 0)
        run = self.run_of()
        pause = run.pause

        def paused(seconds: float) -> None:
            self._run_children()
            pause(seconds)

        run.pause = paused
        begun, used = self.clock.now, time.process_time()
        with self.statements() as sent:
            row = self.run_flow(run)
        self.assertEqual('SUCCESS', row['status'], row['result'])
        used = time.process_time() - used - sum(
            edge.seconds for edge in edges)
        moves = self.nova.count('live_migrate')
        self.figures = {
            'hosts': len(self._names), 'servers': self._servers,
            'moves': moves,
            'ideal moves': self._servers * (1 + 1 / len(self._names)),
            'hours': (self.clock.now - begun) / 3600,
            'minutes out of use, a host':
            self._seconds_out / 60 / len(self._names),
            'statements a move': len(sent) / moves,
            'requests a move': sum(self.nova.reads.values()) / moves,
            'CPU ms a move': 1000 * used / moves}


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--hosts', type=int, default=50)
    parser.add_argument('--servers', type=int, default=1000)
    parser.add_argument('--at-once', type=int, default=1)
    chosen = parser.parse_args()
    found = []
    for part in (2, 1):
        case = Roll(chosen.hosts // part, chosen.servers // part,
                    chosen.at_once)
        result = unittest.TestResult()
        case.run(result)
        for _, text in (*result.errors, *result.failures):
            print(text[-4000:], file=sys.stderr)
            return 1
        found.append(case.figures)
    half, whole = found
    for name, value in whole.items():
        print(f'{name:28} {half[name]:10.2f} {value:10.2f}  '
              f'{value / half[name]:5.2f}x')
    return 0


if __name__ == '__main__':
    sys.exit(main())
