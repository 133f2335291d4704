# SPDX-License-Identifier: Apache-2.0
"""Conductors are killed while hosts are restarted and decommissioned."""

import random
import threading
import time

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import test_decommission
from cloudmanager.tests.integration import test_kills
from cloudmanager.tests.integration import test_restart


def wait_for(workers):
    """Wait until conductors have got over their last start."""
    cloud.wait(lambda: processes.all_run(workers), 60,
               'both conductors run', 0.1)


class Harasser:
    """Kills one of two conductors again and again, while both run.

    :ivar kills: how many there were
    """

    def __init__(self, workers, seed, most):
        self._workers = workers
        self._random = random.Random(seed)
        self._most = most
        self.kills = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._ended.set()
        self._thread.join(60)

    def _run(self):
        while self.kills < self._most and not self._ended.is_set():
            wait_for(self._workers)
            if self._ended.wait(self._random.uniform(0, 2.5)):
                return
            victim = self._random.choice(self._workers)
            victim.kill()
            self.kills += 1
            victim.start()


class RestartKillsTestCase(test_restart.RestartCase):

    conductors = 2
    more = test_restart.RestartCase.more + '[conductor]\nlease = 2\n'

    def test_kills(self):
        """No host is restarted without need, no server moved without."""
        seed = test_kills.seed_of(self)
        kills = 0
        while kills < test_kills.KILLS:
            servers = []
            for number, host in enumerate(cloud.COMPUTES, 1):
                servers += self.cloud.boot(host, number)
            task_id = self.restart(*cloud.COMPUTES)
            with Harasser(self.workers, seed + kills,
                          test_kills.KILLS - kills) as harasser:
                task = self.finish(task_id, seconds=600)
            kills += harasser.kills
            self.assertEqual(dict.fromkeys(cloud.COMPUTES, 'DONE'), {
                item['id']: item['state'] for item in task['items']})
            self.assertEqual(set(cloud.COMPUTES), self.enabled())
            self.assertEqual(sorted(cloud.COMPUTES), sorted(
                part['host'] for part in self.parts(task_id)))
            found = self.cloud.all_servers()
            self.assertEqual(set(servers), set(found))
            self.assertEqual({'ACTIVE'}, {server.status
                                          for server in found.values()})
            # Once off each host, and once more off the first one's targets.
            for server in servers:
                self.assertLessEqual(len(self.cloud.actions(
                    server, 'live-migration')), 2)
            self._tidy()
            wait_for(self.workers)


class DecommissionKillsTestCase(test_decommission.DecommissionCase):

    conductors = 2
    more = (test_decommission.DecommissionCase.more
            + '[conductor]\nlease = 2\n')

    def test_kills(self):
        """Each time the host is gone, and its servers moved once."""
        seed = test_kills.seed_of(self)
        kills = 0
        begun = time.monotonic()
        while kills < test_kills.KILLS:
            servers = self.cloud.boot('cmp1', 4)
            # Who is killed while it checks a request cannot answer it.
            task_id = self.decommission()
            with Harasser(self.workers, seed + kills, 7) as harasser:
                self.finish(task_id, seconds=300)
            kills += harasser.kills
            self.assertTrue(self.is_gone())
            self.assert_moved_once(servers, 'cmp1')
            self.bring_back()
            self.aggregate.add_host('cmp1')
            self.cloud.clear()
            wait_for(self.workers)
            self.assertLess(time.monotonic() - begun, 600)
