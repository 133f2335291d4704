# SPDX-License-Identifier: Apache-2.0
"""What a task needs goes away for a while, in the middle of its work."""

import os
import signal
import subprocess
import sys
import time

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers

# How long the database and the bus are away.
AWAY_SECONDS = 5
# Who waits for the end of a lease has not been handed the work over.
LEASE = 20


class OutagesCase(base.IntegrationCase):

    more = '[host_tasks]\nmax_moves = 2\n'

    @classmethod
    def backing(cls):
        cls.mariadb = servers.MariaDB(cls.directory)
        cls.addClassCleanup(cls.mariadb.stop)
        cls.bus = servers.MessageBus()
        cls.addClassCleanup(cls.bus.stop)
        return {'database': cls.mariadb.url, 'transport': cls.bus.url}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.enrol_fake('cmp1', 1)

    def begin(self, count=8):
        """Boot servers and begin a drain; return ids and task."""
        ids = self.cloud.boot('cmp1', count)
        task_id = self.shutdown('cmp1')
        cloud.wait(lambda: self.client.task(task_id)['progress']['done'],
                   60, 'the drain moves servers', 0.1)
        return ids, task_id

    def test_nova_answers_503(self):
        """Twenty seconds without Nova's API; nothing is asked twice."""
        ids, task_id = self.begin()
        # Nova's API is to go away between requests: one that it has half
        # carried out would be lost by Nova itself.
        worker = self.workers[0]
        os.kill(worker.pid, signal.SIGSTOP)
        time.sleep(1.5)
        fault = subprocess.Popen(
            [sys.executable, str(cloud.MINICLOUD), 'fault', 'nova-api',
             '503', '20'], env=place.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(fault.wait, 120)
        time.sleep(1.5)
        os.kill(worker.pid, signal.SIGCONT)
        self.assertEqual(0, fault.wait(120))
        self.finish(task_id)
        self.assert_moved_once(ids, 'cmp1')

    def test_message_bus_restarts(self):
        """The drain does not need the bus; new work finds it again."""
        ids, task_id = self.begin()
        self.bus.stop()
        time.sleep(AWAY_SECONDS)
        self.bus.start()
        self.finish(task_id)
        self.assert_moved_once(ids, 'cmp1')
        cloud.wait(lambda: self._dry_run().status_code == 200, 170,
                   'conductors answer over the bus again', 1)

    def _dry_run(self):
        return self.client.request(
            'POST', '/v1/hosts/cmp2/actions/shutdown', {'dry_run': True})

    def test_database_restarts(self):
        """The task stops where it stands and goes on afterwards (CC6)."""
        ids, task_id = self.begin()
        self.mariadb.stop()
        time.sleep(AWAY_SECONDS)
        self.mariadb.start()
        cloud.wait(self.client.answers, 60, 'the API has its database')
        self.finish(task_id)
        self.assert_moved_once(ids, 'cmp1')


class StopCase(base.IntegrationCase):
    """An orderly stop of the installed programs, in mid-drain."""

    conductors = 2
    forged = False
    more = f'[host_tasks]\nmax_moves = 2\n[conductor]\nlease = {LEASE}\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.node_id = cls.client.enrol_fake('cmp1', 1)

    def test_sigterm(self):
        """The work is handed over at once (CC5, CC14)."""
        ids = self.cloud.boot('cmp1', 8)
        task_id = self.shutdown('cmp1')
        cloud.wait(lambda: self.client.task(task_id)['progress']['running'],
                   60, 'moves are under way', 0.05)
        busy = next(worker for worker in self.workers
                    if task_id in worker.text())
        other = next(worker for worker in self.workers
                     if worker is not busy)
        busy.stop()
        # It is renewed with every quarter, so it does not end before.
        cloud.wait(lambda: task_id in other.text(), LEASE * 0.7,
                   'the other conductor goes on', 0.1)
        self.finish(task_id)
        self.assert_moved_once(ids, 'cmp1')
        busy.start()

    def test_lost_cast(self):
        """A task whose message was lost is found (EV4)."""
        processes.mysql(
            f'INSERT INTO {self.installation.name}.tasks (id, name, status, '
            'params, generation, created_at, heartbeat_at) VALUES '
            "('11111111-2222-3333-4444-555555555555', 'node.power', "
            f"'PENDING', '{{\"node_id\": {self.node_id}, "
            '"action": "power-off"}\', 0, UTC_TIMESTAMP(), '
            'UTC_TIMESTAMP())')
        self.finish('11111111-2222-3333-4444-555555555555', seconds=20)
