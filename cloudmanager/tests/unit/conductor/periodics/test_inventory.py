# SPDX-License-Identifier: Apache-2.0
"""Nodes are kept in agreement with Nova."""

import threading

import fixtures

from cloudmanager.common import exception
from cloudmanager.conductor.periodics import inventory
from cloudmanager.conductor.periodics import members
from cloudmanager.db import nodes as db_nodes
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base
from cloudmanager.tests import clocks
from cloudmanager.tests.unit.conductor import fakes


@base.databases()
class InventoryTestCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(level=20))
        self.nova = fakes.FakeNova(clocks.Clock())
        self.nova.reset(('cmp1', 'cmp2'))
        self.hosts = ['me']
        self.stopping = threading.Event()
        self.work = inventory.Inventory(
            self.get_nova, lambda: members.Members('me', self.hosts))
        self.error = None

    def get_nova(self):
        if self.error:
            raise self.error
        return self.nova

    def round(self):
        self.work.run(self.stopping)
        return {row['name']: row for row in db_nodes.list_nodes(
            self.context, common_query.Query())}

    def conditions(self, nodes):
        return {name: row['condition'] for name, row in nodes.items()}

    def test_from_nova_to_nodes(self):
        nodes = self.round()
        self.assertEqual({'cmp1': 1, 'cmp2': 1}, self.conditions(nodes))
        self.assertEqual('QEMU', nodes['cmp1']['node_type']['name'])
        self.nova.computes['cmp1'].status = 'disabled'
        self.nova.computes['cmp2'].alive = False
        nodes = self.round()
        self.assertEqual({'cmp1': 2, 'cmp2': 3}, self.conditions(nodes))
        self.assertEqual('Its nova-compute is down.',
                         nodes['cmp2']['condition_reason'])
        del self.nova.computes['cmp2']
        self.assertEqual('Nova does not know its hypervisor any more.',
                         self.round()['cmp2']['condition_reason'])
        self.nova.add_host('cmp2')
        self.assertEqual({'cmp1': 2, 'cmp2': 1},
                         self.conditions(self.round()))

    def test_reads_of_a_round(self):
        """As many requests for a thousand hosts as for two."""
        self.round()
        self.assertEqual({'hypervisors': 1, 'services': 1},
                         dict(self.nova.reads))

    def test_auto_enroll_off(self):
        self.config(group='inventory', auto_enroll=False)
        db_nodes.create_node(self.context, {'name': 'cmp2'})
        nodes = self.round()
        self.assertEqual(['cmp2'], list(nodes))
        self.assertEqual('rp-cmp2', nodes['cmp2']['hypervisor_id'])

    def test_not_the_owner(self):
        """One conductor does it for all."""
        rounds = 0
        for own in ('a', 'b', 'c'):
            work = inventory.Inventory(
                self.get_nova,
                lambda own=own: members.Members(own, ['a', 'b', 'c']))
            before = self.nova.reads['services']
            work.run(self.stopping)
            rounds += self.nova.reads['services'] - before
        self.assertEqual(1, rounds)

    def test_no_cloud(self):
        """That is said once; conditions follow power all the same."""
        self.error = exception.CloudNotConfigured(setting='x')
        node = db_nodes.create_node(self.context, {
            'name': 'a', 'node_class_id': 4})
        db_nodes.update_node(self.context, node['id'],
                             {'power_state': 'power_on'})
        for _ in range(3):
            self.assertEqual({'a': 1}, self.conditions(self.round()))
        self.assertEqual(1, self.logger.output.count('are not compared'))

    def test_nova_is_away(self):
        """Nothing changes but what does not depend on it."""
        nodes = self.round()
        self.nova.outages.append((0, 10 ** 9))
        self.assertEqual(self.conditions(nodes),
                         self.conditions(self.round()))
        self.assertIn('cannot be compared', self.logger.output)

    def test_at_one_moment(self):
        """Two conductors that both believe to be the one."""
        together = base.Together(3, lambda number: inventory.Inventory(
            self.get_nova, lambda: members.Members('me', [])).run(
                self.stopping))
        self.assertEqual([], together.raised)
        self.assertEqual({'cmp1': 1, 'cmp2': 1},
                         self.conditions(self.round()))
