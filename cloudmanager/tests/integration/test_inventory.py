# SPDX-License-Identifier: Apache-2.0
"""Nodes follow a real OpenStack."""

import time

from cloudmanager.conductor.hosts import reserve
from cloudmanager.planning import open_resizes
from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import place

OUT, ENABLED, DISABLED, ALARM, RESERVED = range(5)


class InventoryCase(base.IntegrationCase):

    more = '[inventory]\nsync_interval = 1\ncache_seconds = 1\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nodes = cloud.wait(cls.all_nodes, 30,
                               'the computes have become nodes')

    @classmethod
    def all_nodes(cls):
        found = {node['name']: node for node in
                 cls.client.call('GET', '/v1/nodes/')['nodes']}
        return found if set(cloud.COMPUTES) <= set(found) and all(
            found[name]['condition'] == ENABLED
            for name in cloud.COMPUTES) else None

    def path(self, host):
        return f'/v1/nodes/{self.nodes[host]["id"]}'

    def node(self, host, query=''):
        return self.client.call('GET', self.path(host) + query)

    def becomes(self, host, condition):
        """Wait for a condition; return its reason."""
        return cloud.wait(
            lambda: (node := self.node(host)['node'])['condition']
            == condition and node, 30,
            f'{host} has condition {condition}')['condition_reason']

    def hypervisors(self):
        """Return what Nova answers at 2.87, by id."""
        found = self.cloud.compute.get(
            '/os-hypervisors/detail', microversion='2.87').json()
        return {item['id']: item for item in found['hypervisors']}


class NodesTestCase(InventoryCase):

    def test_enrolled(self):
        for host in cloud.COMPUTES:
            node = self.nodes[host]
            self.assertEqual(
                ('hypervisor', '', [place.address()], None), (
                    node['node_class']['name'], node['node_type']['name'],
                    node['ip_addresses'], node['hypervisor_lost_at']))
        self.assertEqual(set(self.hypervisors()), {
            node['hypervisor_id'] for node in self.nodes.values()})

    def test_os_hypervisor(self):
        """As Nova has it, in lists and single; ratios as Placement has."""
        wanted = self.hypervisors()
        cloud.wait(lambda: 'warnings' not in self.client.call(
            'GET', '/v1/nodes/?with_os_object=true'), 10,
            'everything was read')
        listed = self.client.call(
            'GET', '/v1/nodes/?with_os_object=true')['nodes']
        self.assertEqual(4, len(listed))
        one = self.node('cmp1', '?with_os_object=true')
        for node in (*listed, one['node']):
            own = wanted[node['hypervisor_id']]
            # What changes all the time, and by what others do.
            self.assertEqual(
                {key: own[key] for key in own if key != 'servers'},
                node['os_hypervisor'])
            self.assertEqual((16.0, 1.0), (node['cpu_allocation_ratio'],
                                           node['ram_allocation_ratio']))
        self.assertIsNone(one['node']['nas'])

    def test_lists_do_not_wait(self):
        """What is old is answered while Nova takes its time."""
        path = '/v1/nodes/?with_os_object=true'
        before = cloud.wait(
            lambda: 'warnings' not in (found := self.client.call(
                'GET', path)) and found, 10, 'everything was read')
        self.addCleanup(cloud.minicloud, 'resume', 'nova-api')
        cloud.minicloud('pause', 'nova-api')
        # By then it is older than cache_seconds.
        time.sleep(2)
        found = self.client.call('GET', path)
        self.assertEqual(
            {node['name']: node['os_hypervisor'] for node in before['nodes']},
            {node['name']: node['os_hypervisor'] for node in found['nodes']})


class ConditionsTestCase(InventoryCase):

    def test_service(self):
        """Disabled, enabled, forced down and up again."""
        service = self.cloud.service('cmp3')
        self.cloud.nova.services.disable_log_reason(service.id, 'disk')
        self.assertIn('disabled', self.becomes('cmp3', DISABLED))
        self.cloud.nova.services.enable(service.id)
        self.assertIsNone(self.becomes('cmp3', ENABLED))
        self.cloud.nova.services.force_down(service.id, True)
        self.assertIn('down', self.becomes('cmp3', ALARM))
        self.cloud.nova.services.force_down(service.id, False)
        self.becomes('cmp3', ENABLED)

    def test_reserve(self):
        """A host with servers is none to reserve; an empty one is."""
        path = f'{self.path("cmp3")}/actions/reserve'
        (server,) = self.cloud.boot('cmp3', 1)
        answer = self.client.request('POST', path, {'is_reserved': True})
        self.assertEqual(409, answer.status_code)
        self.assertIn(server, answer.text)
        self.assertEqual('enabled', self.cloud.service('cmp3').status)
        self.cloud.clear()
        self.client.call('POST', path, {'is_reserved': True}, 204)
        service = self.cloud.service('cmp3')
        self.assertEqual(('disabled', reserve.REASON), (
            service.status, service.disabled_reason))
        node = self.node('cmp3')['node']
        self.assertEqual((True, RESERVED), (node['is_reserved'],
                                            node['condition']))
        self.client.call('POST', path, {'is_reserved': False}, 204)
        self.assertEqual('enabled', self.cloud.service('cmp3').status)
        self.assertEqual(ENABLED, self.node('cmp3')['node']['condition'])


class ResizeTestCase(InventoryCase):

    def test_unconfirmed(self):
        """The old half of a server elsewhere keeps its host on."""
        self.client.enrol_fake('cmp1')
        server, other = self.cloud.boot('cmp1', 2)
        self.cloud.migrate(server, 'cmp2')
        cloud.wait(lambda: self.cloud.server(server).status
                   == 'VERIFY_RESIZE', 60, 'the server is on cmp2')
        task = self.finish(self.shutdown('cmp1'), 'FAILURE')
        states = {item['id']: item['state'] for item in task['items']}
        self.assertEqual({server: 'FAILED', other: 'DONE'}, states)
        self.assertIn(server, task['result'])
        self.assertIn(open_resizes.ADVICE, task['result'])
        self.assertEqual([], self.client.call(
            'GET', f'{self.path("cmp1")}/power-actions/')['power_actions'])
        self.becomes('cmp1', DISABLED)
        self.cloud.nova.servers.confirm_resize(server)
        self.finish(self.shutdown('cmp1'))
        self.assertEqual(
            ('power_off', DISABLED), tuple(
                self.node('cmp1')['node'][key]
                for key in ('power_state', 'condition')))
