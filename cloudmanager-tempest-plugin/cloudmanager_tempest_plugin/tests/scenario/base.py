# SPDX-License-Identifier: Apache-2.0
"""Hosts that are put out of use, and servers that must not suffer."""

import datetime
import time

from tempest import config
from tempest.common import waiters
from tempest.lib import exceptions as lib_exc
from tempest.lib.services.compute import base_compute_client

from cloudmanager_tempest_plugin.tests import base

CONF = config.CONF
#: Servers are booted on a host that is named, and services have UUIDs.
MICROVERSION = '2.74'
POWERED = 2


class ScenarioCase(base.CloudManagerCase):
    """Tests with servers of an administrator."""

    @classmethod
    def setup_clients(cls):
        super().setup_clients()
        cls.compute = cls.os_admin.servers_client
        cls.compute_services = cls.os_admin.services_client
        cls.aggregates = cls.os_admin.aggregates_client

    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, base_compute_client, 'COMPUTE_MICROVERSION',
                        base_compute_client.COMPUTE_MICROVERSION)
        base_compute_client.COMPUTE_MICROVERSION = MICROVERSION

    def until(self, condition, what):
        """Wait until a condition holds, and return its value."""
        deadline = time.monotonic() + CONF.cloudmanager.build_timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise lib_exc.TimeoutException(f'Not in time: {what}')
            time.sleep(CONF.cloudmanager.build_interval)

    # Servers

    def boot(self, count, host=None):
        """Boot servers, on a host if it is named; return their ids."""
        where = {} if host is None else {'host': host}
        made = []
        for _ in range(count):
            server = self.compute.create_server(
                name=self.name('server'), networks='none',
                imageRef=CONF.compute.image_ref,
                flavorRef=CONF.compute.flavor_ref, **where)['server']
            self.addCleanup(self._gone, server['id'])
            made.append(server['id'])
        for server_id in made:
            waiters.wait_for_server_status(self.compute, server_id, 'ACTIVE')
        return made

    def _gone(self, server_id):
        try:
            self.compute.delete_server(server_id)
            waiters.wait_for_server_termination(self.compute, server_id)
        except lib_exc.NotFound:
            return

    def server(self, server_id):
        return self.compute.show_server(server_id)['server']

    def host_of(self, server_id):
        return self.server(server_id)['OS-EXT-SRV-ATTR:host']

    def actions(self, server_id, action):
        """Return how often Nova was asked for something of a server."""
        found = self.compute.list_instance_actions(server_id)
        return [entry['action'] for entry in found['instanceActions']
                ].count(action)

    def assert_moved(self, server_ids, source, action):
        """Check that each server was moved once, and is well."""
        for server_id in server_ids:
            server = self.server(server_id)
            self.assertEqual('ACTIVE', server['status'])
            self.assertFalse(server['locked'])
            self.assertNotEqual(source, server['OS-EXT-SRV-ATTR:host'])
            self.assertEqual(1, self.actions(server_id, action), action)


class HostsScenarioCase(ScenarioCase):
    """Tests that put hosts out of use, one test after the other."""

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if len(CONF.cloudmanager.hosts) < POWERED:
            raise cls.skipException(
                f'[cloudmanager] hosts has less than {POWERED} hosts')

    def setUp(self):
        super().setUp()
        self.bring_back()
        self.addCleanup(self.bring_back)

    def compute_service(self, host):
        """Return what Nova says of the nova-compute of a host."""
        found = self.compute_services.list_services(
            host=host, binary='nova-compute')['services']
        self.assertEqual(1, len(found), f'nova-compute of {host}')
        return found[0]

    def bring_back(self):
        """Switch all hosts on, and enable them; they start together."""
        begun = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        nodes = {host: self.nodes.show(host)
                 for host in CONF.cloudmanager.hosts}
        starting = {host: self.nodes.act(node['id'], 'power-on')
                    for host, node in nodes.items()
                    if node['power_state'] != 'power_on'}
        for task_id in starting.values():
            self.finish(task_id)
        for host in nodes:
            self._enable(host, begun if host in starting else None)
        for host, node in nodes.items():
            self.until(lambda host=host, node=node:
                       self._in_use(host, node['id']),
                       f'{host} is in use again')

    def _enable(self, host, begun):
        """Have Nova use a host again.

        :param begun: moment before its start, if it has just been started
        """
        found = self.compute_service(host)
        if found['forced_down']:
            self.until(lambda: self._lift(found['id']),
                       f'Nova takes {host} for up')
        if found['status'] != 'enabled':
            # A nova-compute that is just starting would tell Placement that
            # it is disabled, and no server would come to it.
            self.until(lambda: begun is None or self._reports(host, begun),
                       f'nova-compute of {host} reports')
            self.compute_services.update_service(found['id'],
                                                 status='enabled')

    def _lift(self, service_id):
        # Nova refuses until the host has tidied up after an evacuation.
        try:
            self.compute_services.update_service(service_id,
                                                 forced_down=False)
        except lib_exc.BadRequest:
            return False
        return True

    def _reports(self, host, moment):
        """Tell whether nova-compute has reported after a moment."""
        found = self.compute_service(host)
        return found['state'] == 'up' and datetime.datetime.fromisoformat(
            found['updated_at']) > moment

    def _in_use(self, host, node_id):
        found = self.compute_service(host)
        return (found['state'] == 'up' and found['status'] == 'enabled'
                and self.nodes.show(node_id)['condition'] == 1)
