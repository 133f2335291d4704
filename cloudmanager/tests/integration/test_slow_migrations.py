# SPDX-License-Identifier: Apache-2.0
"""Live migrations that do not end by themselves, on a real Nova."""

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud


class SlowMigrationsTestCase(base.IntegrationCase):
    """Those off cmp1 last until somebody intervenes (DR7)."""

    slow = 'cmp1'
    more = ('[host_tasks]\nmove_timeout = 20\nmove_timeout_per_gib = 0\n'
            'stall_timeout = 10\nmigration_retries = 0\n')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.enrol_fake('cmp1')

    def statuses(self, server):
        return [item.status for item in self.cloud.migrations(server)]

    def test_abort(self):
        """Aborted, and moved by the next step of the ladder."""
        (server,) = self.cloud.boot('cmp1', 1)
        task = self.finish(self.shutdown('cmp1', allow_off_vm=True))
        (item,) = task['items']
        self.assertEqual(('DONE', 'cold-migrate'),
                         (item['state'], item['action']))
        self.assertEqual({'cancelled', 'confirmed'},
                         set(self.statuses(server)))

    def test_owner_wants_it_forced(self):
        """A server's own word decides for it; the others do not wait."""
        forced, = self.cloud.boot('cmp1', 1, meta={
            'slow_migration': 'force-complete'})
        aborted, = self.cloud.boot('cmp1', 1)
        task = self.finish(self.shutdown('cmp1'), 'FAILURE')
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
