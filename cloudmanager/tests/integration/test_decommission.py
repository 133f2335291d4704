# SPDX-License-Identifier: Apache-2.0
"""Hosts of a real OpenStack are taken out of it for good."""

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import machines
from cloudmanager.tests.integration import nova_db

PATH = '/v1/hosts/cmp1/actions/decommission'
MOVE = {'allow_live_migrate': True, 'allow_migrate': True}


class DecommissionCase(base.IntegrationCase):

    more = '[power]\nsoft_timeout = 5\nconfirm_timeout = 10\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bmc = cls.enrol_ipmi('cmp1')
        cls.machine = machines.Machine('cmp1', cls.bmc.directory).start()
        cls.addClassCleanup(cls.machine.stop)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.bring_back)
        self.aggregate = self.cloud.nova.aggregates.create('racks', None)
        self.addCleanup(self.remove_aggregate)
        for host in ('cmp1', 'cmp2'):
            self.aggregate.add_host(host)

    def remove_aggregate(self):
        found = self.cloud.nova.aggregates.get(self.aggregate.id)
        for host in found.hosts:
            found.remove_host(host)
        found.delete()

    def bring_back(self):
        """Let the host be a new one of the cloud."""
        self.bmc.switch(True)
        cloud.minicloud('kill', 'cmp1')
        cloud.minicloud('run', 'cmp1')
        self.machine._runs = True

        def is_known():
            services = self.cloud.nova.services.list(
                host='cmp1', binary='nova-compute')
            return services and services[0].state == 'up' and [
                item for item in self.cloud.nova.hypervisors.list()
                if item.hypervisor_hostname == 'cmp1']

        cloud.wait(is_known, 90, 'cmp1 is a host of Nova', 0.5)
        nova_db.archive_services()

    def decommission(self, **flags):
        return self.client.start_task(PATH, {**MOVE, **flags})

    def providers(self):
        return self.cloud.placement.get(
            '/resource_providers?name=cmp1').json()['resource_providers']

    def is_gone(self):
        """Tell whether nothing of the host is left in the cloud."""
        found = self.cloud.nova.aggregates.get(self.aggregate.id)
        return not (
            self.cloud.nova.services.list(host='cmp1')
            or 'cmp1' in found.hosts or self.providers()
            or any(item.hypervisor_hostname == 'cmp1' for item in
                   self.cloud.nova.hypervisors.list()))

    def as_it_was(self):
        self.assertEqual('enabled', self.cloud.service('cmp1').status)
        self.assertIn('cmp1', self.cloud.nova.aggregates.get(
            self.aggregate.id).hosts)
        self.assertEqual('Chassis Power is on', self.ipmitool(self.bmc))


class FlowTestCase(DecommissionCase):

    def test_all_is_well(self):
        servers = self.cloud.boot('cmp1', 4)
        self.cloud.nova.servers.stop(servers[0])
        cloud.wait(lambda: self.cloud.server(
            servers[0]).status == 'SHUTOFF', 30, 'it is stopped')
        task = self.finish(self.decommission())
        self.assertIn('racks', task['result'])
        self.assertTrue(self.is_gone())
        self.assertEqual('Chassis Power is off', self.ipmitool(self.bmc))
        found = self.cloud.all_servers()
        self.assertEqual(set(servers), set(found))
        for server in found.values():
            self.assertNotEqual('cmp1', self.cloud.host_of(server))
        self.assertEqual('SHUTOFF', found[servers[0]].status)
        (node,) = self.client.call('GET', '/v1/nodes/?name=cmp1')['nodes']
        self.assertEqual((0, None), (node['condition'],
                                     node['hypervisor_id']))
        # Neither host nor power is in doubt any more: nothing to do.
        answer = self.client.request('POST', PATH, MOVE)
        self.assertEqual(404, answer.status_code)

    def test_open_migration(self):
        """AP10: 409 with a list; with wait it goes on when they end."""
        (server,) = self.cloud.boot('cmp1', 1)
        self.cloud.migrate(server)
        cloud.wait(lambda: self.cloud.server(
            server).status == 'VERIFY_RESIZE', 60, 'it waits')
        answer = self.client.request('POST', PATH, MOVE)
        self.assertEqual(409, answer.status_code, answer.text)
        self.assertIn(server, answer.text)
        self.as_it_was()
        task_id = self.decommission(wait=True)
        cloud.wait(lambda: self.client.task(task_id)['status'] == 'STARTED',
                   30, 'the task has begun')
        self.cloud.nova.servers.confirm_resize(server)
        self.finish(task_id)
        self.assertTrue(self.is_gone())

    def test_server_that_stays(self):
        """Undone; the second attempt, with more allowed, succeeds."""
        self.cloud.boot('cmp1', 2)
        task = self.finish(self.decommission(
            allow_live_migrate=False, allow_migrate=False), 'FAILURE')
        self.assertEqual({'FAILED'},
                         {item['state'] for item in task['items']})
        self.as_it_was()
        self.finish(self.decommission())
        self.assertTrue(self.is_gone())

    def test_power_does_not_go(self):
        """Before the point of no return all is undone."""
        (self.bmc.directory / 'refuse_off').write_text('1')
        self.addCleanup((self.bmc.directory / 'refuse_off').unlink,
                        missing_ok=True)
        (self.bmc.directory / 'soft_delay').write_text('never')
        self.addCleanup((self.bmc.directory / 'soft_delay').unlink)
        task = self.finish(self.decommission(), 'FAILURE')
        self.assertIn('refused power off', task['result'])
        self.as_it_was()
