# SPDX-License-Identifier: Apache-2.0
"""Live migrations that do not end by themselves, on a real Nova."""

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud


class SlowMigrationsTestCase(base.IntegrationCase):
    """Those off two hosts last until somebody intervenes (DR7)."""

    slow = 'cmp1,cmp2'
    more = ('[host_tasks]\nmove_timeout = 20\nmove_timeout_per_gib = 0\n'
            'stall_timeout = 10\nmigration_retries = 0\n')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for number, host in enumerate(('cmp1', 'cmp2'), 1):
            cls.client.enrol_fake(host, number)

    def statuses(self, server):
        return [item.status for item in self.cloud.migrations(server)]

    def test_stalled(self):
        """Aborted, unless a server's owner wants it forced.

        The first host is emptied by the next step of the ladder, which the
        other one may not take.
        """
        booted = self.cloud.boot_each({'cmp1': 1, 'cmp2': 2})
        (server,), (forced, aborted) = booted.values()
        self.cloud.nova.servers.set_meta(
            forced, {'slow_migration': 'force-complete'})
        ladder = self.shutdown('cmp1', allow_off_vm=True)
        plain = self.shutdown('cmp2')

        (item,) = self.finish(ladder)['items']
        self.assertEqual(('DONE', 'cold-migrate'),
                         (item['state'], item['action']))
        self.assertEqual({'cancelled', 'confirmed'},
                         set(self.statuses(server)))

        task = self.finish(plain, 'FAILURE')
        states = {item['id']: item['state'] for item in task['items']}
        self.assertEqual({forced: 'DONE', aborted: 'FAILED'}, states)
        self.assertEqual(['completed'], self.statuses(forced))
        self.assertEqual(['cancelled'], self.statuses(aborted))
        self.assertEqual('ACTIVE', self.cloud.server(aborted).status)

    def test_cancelled_with_abort(self):
        """DR16: what runs is aborted at once and stays where it was."""
        (server,) = self.cloud.boot('cmp1', 1)
        task_id = self.shutdown('cmp1')
        cloud.wait(lambda: self.statuses(server) == ['running'], 30,
                   'the migration runs')
        self.client.call('POST', f'/v1/tasks/{task_id}/actions/cancel',
                         {'running': 'abort'}, 202)
        task = self.finish(task_id, 'REVOKED', 25)
        self.assertEqual('SKIPPED', task['items'][0]['state'])
        self.assertEqual(['cancelled'], self.statuses(server))
        self.assertEqual('cmp1', self.cloud.host_of(
            self.cloud.server(server)))
        self.assertEqual('enabled', self.cloud.service('cmp1').status)
