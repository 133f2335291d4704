# SPDX-License-Identifier: Apache-2.0
"""Conductors are killed while hosts are restarted and decommissioned."""

import random
import time

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import kills
from cloudmanager.tests.integration import test_decommission
from cloudmanager.tests.integration import test_kills
from cloudmanager.tests.integration import test_restart

# A kill within this many seconds after both conductors run.
LATEST_KILL = 2.5
# Of one decommission: one that is killed all the time never would end.
MOST_KILLS = 7


def harasser_of(case, seed, most):
    """Return who kills any of a test's conductors."""
    rng = random.Random(seed)
    return kills.Harasser(
        kills.Crew(case.workers, case.installation.name), rng,
        lambda: rng.choice(case.workers), LATEST_KILL, most)


class RestartKillsTestCase(test_restart.RestartCase):

    conductors = 2
    more = test_restart.RestartCase.more + '[conductor]\nlease = 2\n'

    def test_kills(self):
        """No host is restarted without need, no server moved without."""
        seed = test_kills.seed_of(self)
        done = 0
        while done < test_kills.KILLS:
            booted = self.cloud.boot_each({
                host: number
                for number, host in enumerate(cloud.COMPUTES, 1)})
            servers = [server for ids in booted.values() for server in ids]
            task_id = self.restart(*cloud.COMPUTES)
            with harasser_of(self, seed + done,
                             test_kills.KILLS - done) as harasser:
                task = self.finish(task_id, seconds=600)
            done += harasser.kills
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


class DecommissionKillsTestCase(test_decommission.DecommissionCase):

    conductors = 2
    more = (test_decommission.DecommissionCase.more
            + '[conductor]\nlease = 2\n')

    def test_kills(self):
        """Each time the host is gone, and its servers moved once."""
        seed = test_kills.seed_of(self)
        done = 0
        begun = time.monotonic()
        while done < test_kills.KILLS:
            servers = self.cloud.boot('cmp1', 4)
            # Who is killed while it checks a request cannot answer it.
            task_id = self.decommission()
            with harasser_of(self, seed + done, MOST_KILLS) as harasser:
                self.finish(task_id, seconds=300)
            done += harasser.kills
            self.assertTrue(self.is_gone())
            self.assert_moved_once(servers, 'cmp1')
            self.bring_back()
            self.aggregate.add_host('cmp1')
            self.cloud.clear()
            self.assertLess(time.monotonic() - begun, 600)
