# SPDX-License-Identifier: Apache-2.0
"""Servers are woken, reset, balanced and cloned."""

from tempest import config
from tempest.common import waiters
from tempest.lib import decorators

from cloudmanager_tempest_plugin.tests.scenario import base

CONF = config.CONF


class ServersScenario(base.ScenarioCase):

    @decorators.idempotent_id('0bb2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_wake_up(self):
        """A stopped server runs again; of one that runs nothing is asked."""
        server_id, = self.boot(1)
        self.compute.stop_server(server_id)
        waiters.wait_for_server_status(self.compute, server_id, 'SHUTOFF')
        for _ in range(2):
            self.finish(self.servers.act(server_id, 'wakeup'))
            self.assertEqual('ACTIVE', self.server(server_id)['status'])
        self.assertEqual(1, self.actions(server_id, 'start'))

    @decorators.idempotent_id('0bb2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_reset(self):
        server_id, = self.boot(1)
        self.compute.reset_state(server_id, state='error')
        self.assertEqual('ERROR', self.server(server_id)['status'])
        self.finish(self.servers.act(server_id, 'reset-reboot', reboot=True))
        self.assertEqual('ACTIVE', self.server(server_id)['status'])
        self.assertEqual(1, self.actions(server_id, 'reboot'))

    @decorators.idempotent_id('0bb2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_repair(self):
        """What has nothing is told so, and left alone."""
        server_id, = self.boot(1)
        host = self.host_of(server_id)
        task = self.finish(self.servers.act(server_id, 'repair'))
        self.assertTrue(task['result'])
        self.assertEqual(('ACTIVE', host), (
            self.server(server_id)['status'], self.host_of(server_id)))
        self.assertEqual(0, self.actions(server_id, 'reboot'))


class CloneScenario(base.ScenarioCase):

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.cloudmanager_feature_enabled.clone:
            raise cls.skipException('servers are not cloned')

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        users = cls.os_admin.users_v3_client.list_users()['users']
        roles = cls.os_admin.roles_v3_client.list_roles()['roles']
        found = (
            cls.os_admin.credentials.project_id,
            next(user['id'] for user in users
                 if user['name'] == CONF.cloudmanager.service_user),
            next(role['id'] for role in roles
                 if role['name'] == CONF.cloudmanager.service_role))
        client = cls.os_admin.roles_v3_client
        client.create_user_role_on_project(*found)
        cls.addClassResourceCleanup(client.delete_role_from_user_on_project,
                                    *found)

    @decorators.attr(type='slow')
    @decorators.idempotent_id('0cb2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_clone(self):
        """Clones have the flavor and the project of their source."""
        server_id, = self.boot(1)
        name = self.name('clone')
        task = self.finish(self.servers.act(
            server_id, 'clone', count=2, name=f'{name}-{{number}}'))
        found = [server for server in
                 self.compute.list_servers(name=name)['servers']]
        for server in found:
            self.addCleanup(self._gone, server['id'])
        self.assertEqual({f'{name}-1', f'{name}-2'},
                         {server['name'] for server in found}, task)
        source = self.server(server_id)
        for server in found:
            clone = self.server(server['id'])
            self.assertEqual('ACTIVE', clone['status'])
            for field in ('tenant_id', 'flavor', 'metadata'):
                self.assertEqual(source[field], clone[field], field)
