#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the reports of many agents cost a conductor.

A real conductor on MariaDB and RabbitMQ takes the signed reports of simulated
agents, each with the load of its node and guests, after each agent has
reported once. What it uses of a core is beside what a bare receiver uses at
the same time, which drops the same messages, and what the conductor uses
without agents. Agents report at the beginning of a second; what it would cost
if their reports came evenly is measured before.

Target for 1000 agents: under 5 % of a core above what it uses without them.
"""

import argparse
from collections.abc import Iterable
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from power_burst import processor_seconds  # noqa: E402

from cloudmanager.common import runtime  # noqa: E402

runtime.choose()

from cloudmanager.agent import core  # noqa: E402, F401  has the operations
from cloudmanager.agent import operations  # noqa: E402
from cloudmanager.common import clock  # noqa: E402
from cloudmanager.common import context as cm_context  # noqa: E402
from cloudmanager.common import rpc  # noqa: E402
from cloudmanager.common import setup  # noqa: E402
from cloudmanager.common import signing  # noqa: E402
from cloudmanager.conductor.agents import reports  # noqa: E402
from cloudmanager.db import agents as db_agents  # noqa: E402
from cloudmanager.db import load_samples  # noqa: E402
from cloudmanager.domain import load_reports  # noqa: E402
from cloudmanager.domain import node_modes  # noqa: E402
from cloudmanager.tests.integration import cloud  # noqa: E402
from cloudmanager.tests.integration import processes  # noqa: E402
from cloudmanager.tests.integration import servers  # noqa: E402

LIMIT = 5.0
SETTLE_SECONDS = 12
MORE = '''\
[inventory]
sync_interval = 0
[agent]
heartbeat_interval = {interval}
'''
# A program that takes messages of the topic and drops them.
RECEIVER = '''
import sys, threading
from oslo_config import cfg
from cloudmanager.common import rpc, setup
import oslo_messaging as messaging
class Drop:
    target = messaging.Target(namespace=rpc.AGENTS_NAMESPACE, version='1.0')
    def report(self, context, envelope):
        return None
setup.prepare(sys.argv[1:])
server = rpc.get_server('bare', 'bare', [Drop()])
server.start()
print('runs.', flush=True)
threading.Event().wait()
'''


class Fleet:
    """Agents that report, spread evenly over the interval.

    :param count: of agents
    :param guests: of each node
    :param interval: seconds between two reports of one agent
    """

    def __init__(self, count: int, guests: int, interval: float) -> None:
        self._interval = interval
        self._keys = {f'n{number}': signing.new_key()
                      for number in range(count)}
        self._servers = [str(uuid.uuid4()) for _ in range(guests)]
        context = cm_context.admin_context()
        for host, key in self._keys.items():
            db_agents.enrol(context, host, key)
        self._rounds = 0
        self.sent = 0
        self._stopping = threading.Event()

    def _body(self, with_load: bool) -> dict[str, object]:
        now = clock.isoformat(clock.utcnow())
        return {
            'version': '1.0.0', 'interface': '1.0', 'types': ['compute'],
            'operations': operations.versions(),
            'capabilities': {'systemd': True, 'packages': 'apt-get',
                             'reboot_required': False},
            'generation': 0, 'refused': signing.Refusals().counts,
            'modes': {mode: {'actual': False, 'reason': None,
                             'checked_at': now}
                      for mode in node_modes.MODES},
            'facts': {'guests': [
                {'id': server, 'name': f'instance-{number:08x}',
                 'state': 'running'}
                for number, server in enumerate(self._servers)],
                'storages': [], 'reasons': {}},
            'load': {
                'host': dict.fromkeys(load_reports.HOST, 1.25),
                'guests': {server: dict.fromkeys(load_reports.GUEST, 0.5)
                           for server in self._servers},
                'reasons': {}} if with_load else None}

    def run(self, topics: Iterable[str], seconds: float,
            together: bool = False) -> None:
        """Send reports to each of some topics for some seconds.

        :param together: at the beginning of each second, as agents do,
            instead of evenly
        """
        clients = [rpc.get_client(topic, '1.0').prepare(
            namespace=rpc.AGENTS_NAMESPACE, version='1.0')
            for topic in topics]
        context = cm_context.RequestContext(overwrite=False)
        pause = self._interval / len(self._keys)
        begun = time.monotonic()
        at = begun
        while at - begun < seconds:
            # Load comes with every second report, as it does by default.
            self._rounds += 1
            for host, key in self._keys.items():
                at += pause
                when = math.floor(at) if together else at
                time.sleep(max(0.0, when - time.monotonic()))
                if at - begun >= seconds:
                    return
                envelope = signing.sign(
                    key, signing.Kind.REPORT, host, signing.CONTROL,
                    self._body(self._rounds % 2 == 0))
                for client in clients:
                    client.cast(context, 'report', envelope=envelope)
                self.sent += 1

    def measure(self, sides: dict[int, str], seconds: float,
                together: bool) -> list[float]:
        """Return what of a core processes use meanwhile, in percent.

        They get the same reports at the same time, so that what else the
        machine does is the same for both.

        :param sides: topics by ids of processes
        """
        before, begun = list(map(processor_seconds, sides)), time.monotonic()
        self.run(sides.values(), seconds, together)
        passed = time.monotonic() - begun
        return [(processor_seconds(pid) - used) * 100 / passed
                for pid, used in zip(sides, before, strict=True)]


def idle(pid: int, seconds: float) -> float:
    """Return what of a core a process uses without agents, in percent."""
    before = processor_seconds(pid)
    time.sleep(seconds)
    return (processor_seconds(pid) - before) * 100 / seconds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--agents', type=int, default=1000)
    parser.add_argument('--guests', type=int, default=20,
                        help='of each agent')
    parser.add_argument('--interval', type=float, default=30.0,
                        help='seconds between two reports of an agent')
    parser.add_argument('--seconds', type=float, default=60.0)
    options = parser.parse_args()
    name = f'cm_bench_{os.getpid()}'
    with tempfile.TemporaryDirectory() as directory:
        bus = servers.MessageBus(name)
        installation = processes.Installation(
            pathlib.Path(directory), name, auth='noauth', transport=bus.url,
            port=processes.free_port(), forged=False,
            more=MORE.format(interval=options.interval))
        config = ['--config-file', str(installation.config)]
        bare = None
        try:
            setup.prepare(config)
            fleet = Fleet(options.agents, options.guests, options.interval)
            bare = subprocess.Popen(
                [sys.executable, '-c', RECEIVER, *config],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert bare.stdout is not None
            bare.stdout.readline()
            conductor = installation.conductor('conductor1')
            cloud.wait(lambda: conductor.ready, 60, 'the conductor')
            time.sleep(SETTLE_SECONDS)
            alone = idle(conductor.pid, options.seconds / 4)
            # The first report of each agent is news, which others are not.
            fleet.run([rpc.CONDUCTOR_TOPIC], options.interval)
            fleet.sent = 0
            sides = {bare.pid: 'bare', conductor.pid: rpc.CONDUCTOR_TOPIC}
            evenly = fleet.measure(sides, options.seconds, together=False)
            floor, used = fleet.measure(sides, options.seconds,
                                        together=True)
            time.sleep(2 * reports.GATHER_SECONDS)
            context = cm_context.admin_context()
            seen = sum(agent['contact_at'] is not None
                       for agent in db_agents.list_agents(context))
            samples = len(load_samples.latest(
                context, [f'n{number}' for number in range(options.agents)]))
        finally:
            if bare is not None:
                bare.terminate()
                bare.wait(10)
            installation.close()
            bus.stop()
    net = used - alone
    # Milliseconds of each report in one percent of a core.
    of_each = 10 * options.interval / options.agents
    print(json.dumps({
        'agents': options.agents, 'guests_each': options.guests,
        'reports': fleet.sent, 'agents_seen': seen,
        'agents_with_samples': samples,
        'load_average': round(os.getloadavg()[0], 1),
        'bare_receiver_percent': round(floor, 2),
        'conductor_without_percent': round(alone, 2),
        'conductor_percent': round(used, 2),
        'bare_receiver_evenly_percent': round(evenly[0], 2),
        'heartbeats_evenly_percent': round(evenly[1] - alone, 2),
        'heartbeats_percent': round(net, 2), 'limit_percent': LIMIT,
        'times_the_receiver': round(net / floor, 2),
        'receiver_ms_a_report': round(floor * of_each, 2),
        'ms_a_report': round(net * of_each, 2)}))
    return 0 if net < LIMIT else 1


if __name__ == '__main__':
    sys.exit(main())
