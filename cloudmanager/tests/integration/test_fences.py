# SPDX-License-Identifier: Apache-2.0
"""A living host is not fenced for what happens while it is emptied."""

import os
import signal

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud


class FencesTestCase(base.IntegrationCase):
    """One server of cmp1 is on its way, so that others wait for it."""

    slow = 'cmp1'
    more = ('[host_tasks]\nmax_moves = 1\nsettle_timeout = 10\n'
            'move_timeout = 300\n')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bmc = cls.enrol_ipmi('cmp1')

    def setUp(self):
        super().setUp()
        self.bmc.switch(True)
        cloud.start(self.slow)

    def begin(self, count):
        """Begin to empty cmp1; return the task, who moves and who waits."""
        servers = self.cloud.boot('cmp1', count)
        task_id = self.shutdown('cmp1', allow_evacuate=True)

        def moving():
            return [server for server in servers
                    if [migration.status for migration in
                        self.cloud.migrations(server)] == ['running']]

        (first,) = cloud.wait(moving, 60, 'a migration runs')
        return task_id, first, [server for server in servers
                                if server != first]

    def migration(self, server):
        return self.cloud.migrations(server)[0].id

    def assert_not_fenced(self, servers):
        self.assertFalse(self.cloud.service('cmp1').forced_down)
        for server in servers:
            self.assertEqual([], self.cloud.actions(server, 'evacuate'))

    def test_resized_while_it_waits(self):
        """FD3: what is left of a resize is named, and its owner decides."""
        task_id, first, (second,) = self.begin(2)
        nova = self.cloud.nova
        nova.servers.resize(second, self.cloud.flavors['m1.tiny'])
        cloud.wait(lambda: self.cloud.server(second).status
                   == 'VERIFY_RESIZE', 60, 'the second is resized')
        nova.server_migrations.live_migrate_force_complete(
            first, self.migration(first))
        task = self.finish(task_id, 'FAILURE')
        self.assertIn(second, task['result'])
        self.assert_not_fenced([first, second])
        self.assertEqual('Chassis Power is on', self.ipmitool(self.bmc))
        # The half that stayed is whole, so the owner may go back.
        nova.servers.revert_resize(second)
        cloud.wait(lambda: self.cloud.server(second).status == 'ACTIVE', 60,
                   'the resize is reverted')
        self.assertEqual('cmp1', self.cloud.host_of(
            self.cloud.server(second)))

    def test_error_while_its_guest_runs(self):
        """FD4: its state is reset, and it is moved like the others."""
        task_id, first, _ = self.begin(1)
        # From now on migrations end by themselves.
        cloud.start()
        # Nova would not abort the migration of a server in error, so the
        # conductor must not look between the two.
        (worker,) = self.workers
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            self.cloud.nova.server_migrations.live_migration_abort(
                first, self.migration(first))
            cloud.wait(lambda: self.cloud.migrations(first)[0].status
                       == 'cancelled', 30, 'the migration is aborted')
            self.cloud.nova.servers.reset_state(first, 'error')
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        self.finish(task_id)
        self.assert_not_fenced([first])
        found = self.cloud.server(first)
        self.assertEqual('ACTIVE', found.status)
        self.assertNotEqual('cmp1', self.cloud.host_of(found))
        self.assertEqual(2, len(self.cloud.actions(first,
                                                   'live-migration')))
        self.assertEqual('Chassis Power is off', self.ipmitool(self.bmc))
