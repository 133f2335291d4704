# SPDX-License-Identifier: Apache-2.0
"""Nodes in reserve have no servers and get none."""

from cloudmanager.common import exception
from cloudmanager.conductor.hosts import reserve
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor import fakes_case


class ReserveTestCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.node = db_nodes.create_node(self.context, {
            'name': 'src', 'hypervisor_id': 'rp-src'})['id']
        self.error = None

    def get_tools(self):
        if self.error:
            raise self.error
        return self.tools

    def set(self, reserved, node=None):
        reserve.set_reserved(self.context, self.get_tools,
                             node or self.node, reserved)
        return db_nodes.get_node(self.context, node or self.node)

    def refused(self, error=exception.Conflict):
        found = self.assertRaises(error, self.set, True)
        row = db_nodes.get_node(self.context, self.node)
        self.assertFalse(row['is_reserved'])
        return str(found)

    def service(self, host='src'):
        return self.nova.service(host)

    def test_in_and_out(self):
        row = self.set(True)
        self.assertEqual((True, 4, 'It is reserved.'), (
            row['is_reserved'], row['condition'], row['condition_reason']))
        self.assertEqual(('disabled', reserve.REASON), (
            self.service().status, self.service().disabled_reason))
        row = self.set(False)
        self.assertEqual((False, 1), (row['is_reserved'],
                                      row['condition']))
        self.assertEqual('enabled', self.service().status)

    def test_twice(self):
        self.set(True)
        self.set(True)
        self.set(False)
        self.set(False)
        self.assertEqual(1, self.nova.count('disable_service'))
        self.assertEqual(1, self.nova.count('enable_service'))

    def test_servers_on_it(self):
        self.nova.add('vm1', 'vm2')
        self.assertIn('vm1', self.refused())
        self.assertEqual('enabled', self.service().status)

    def test_old_halves(self):
        """A resize off the host that may be reverted yet."""
        self.nova.resize_off('vm1')
        self.assertIn('vm1', self.refused())

    def test_servers_on_another(self):
        """DR2."""
        self.nova.add_host('src1')
        self.nova.add('vm1', host='src1')
        self.assertTrue(self.set(True)['is_reserved'])

    def test_server_that_came_meanwhile(self):
        """The service is disabled before servers are counted."""
        disable = self.nova.disable_service

        def late(service_id, reason):
            self.nova.add('late')
            disable(service_id, reason)

        self.nova.disable_service = late
        self.assertIn('late', self.refused())
        self.assertEqual('enabled', self.service().status)

    def test_server_that_is_on_its_way(self):
        self.nova.add('late', host=None, vm_state='building')
        self.placement.chosen['late'] = 'src'
        self.assertIn('late', self.refused())
        self.assertEqual('enabled', self.service().status)

    def test_many_are_not_all_named(self):
        self.nova.add(*(f'vm{number}' for number in range(100)))
        text = self.refused()
        self.assertIn('100 server(s)', text)
        self.assertLess(len(text), 255)

    def test_disabled_by_an_operator(self):
        """DR26: it stays disabled, in reserve and after it."""
        self.nova.computes['src'].status = 'disabled'
        self.nova.computes['src'].disabled_reason = 'disk'
        self.set(True)
        row = self.set(False)
        self.assertEqual(('disabled', 'disk'), (
            self.service().status, self.service().disabled_reason))
        self.assertEqual([], self.nova.arrived)
        self.assertEqual(2, row['condition'])

    def test_servers_cannot_be_counted(self):
        def away(host):
            raise exception.CloudUnreachable(service='Nova', reason='503')

        self.nova.servers_on = away
        self.refused(exception.CloudUnreachable)
        self.assertEqual('enabled', self.service().status)

    def test_nova_refuses(self):
        self.nova.script['disable_service', 'src'] = [fakes.REFUSED]
        self.refused(exception.CloudRequestRefused)

    def test_task_in_the_way(self):
        for target in ('host:src', f'node:{self.node}'):
            task, _ = db_tasks.create_task(
                self.context, 'host.shutdown', targets=[target], params={},
                host='src')
            self.assertIn(task['id'],
                          self.refused(exception.TaskConflict))
            db_tasks.finish(self.context, task['id'], 0, db_tasks.REVOKED)
        self.assertEqual([], self.nova.sent)

    def test_other_classes(self):
        """Nova is not asked of a node that is no compute host."""
        other = db_nodes.create_node(self.context, {
            'name': 'src2', 'node_class_id': 2})['id']
        self.nova.outages.append((0, 10 ** 9))
        self.assertTrue(self.set(True, other)['is_reserved'])

    def test_unknown_to_nova(self):
        node = db_nodes.create_node(self.context, {'name': 'x'})['id']
        self.assertEqual(4, self.set(True, node)['condition'])

    def test_nameless(self):
        node = db_nodes.create_node(self.context, {})['id']
        self.assertTrue(self.set(True, node)['is_reserved'])

    def test_no_cloud(self):
        self.error = exception.CloudNotConfigured(setting='x')
        self.refused(exception.CloudNotConfigured)
        node = db_nodes.create_node(self.context, {'name': 'y'})['id']
        self.assertTrue(self.set(True, node)['is_reserved'])

    def test_unknown_node(self):
        self.assertRaises(exception.NodeNotFound, self.set, True, 99)
