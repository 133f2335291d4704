# SPDX-License-Identifier: Apache-2.0
"""Nodes as the comparison with Nova reads and writes them."""

import sqlalchemy as sa

from cloudmanager.common import context as cm_context
from cloudmanager.db import inventory
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.tests import base

STATES = ('compute_status', 'compute_state')


def uuid(number):
    return f'00000000-0000-0000-0000-{number:012d}'


def new_row(number, **values):
    return {'name': f'cmp{number}', 'hypervisor_id': uuid(number),
            'node_class_id': 1, 'node_type_id': 2, 'image_id': 1,
            'ip_addresses': ['10.0.0.1'], 'cpu_amount': 2, **values}


@base.databases()
class InventoryTestCase(base.DbTestCase):

    def names(self):
        return {row['name'] for row in inventory.list_nodes(self.context)}

    def read(self, name):
        return next(row for row in inventory.list_nodes(self.context)
                    if row['name'] == name)

    def test_list(self):
        db_nodes.create_node(self.context, {'name': 'a',
                                            'hypervisor_id': uuid(1)})
        db_nodes.create_node(self.context, {'node_class_id': 2})
        first, second = inventory.list_nodes(self.context)
        self.assertEqual({*inventory.COLUMNS, 'is_hypervisor'}, set(first))
        self.assertEqual(('a', uuid(1), True, None), (
            first['name'], first['hypervisor_id'], first['is_hypervisor'],
            first['compute_host']))
        self.assertFalse(second['is_hypervisor'])

    def test_types(self):
        found = inventory.types_of_hypervisors(self.context)
        self.assertEqual((1, 2), found['QEMU'])
        self.assertEqual((1, 1), found[''])
        self.assertNotIn('Ceph', found)

    def test_enroll(self):
        rows = [new_row(number) for number in range(1, 1101)]
        with self.statements() as found:
            self.assertEqual(1100, inventory.enroll(self.context, rows))
        self.assertLess(len(found), 20)
        row = db_nodes.get_node(self.context, self.read('cmp7')['id'])
        self.assertEqual(
            (['hypervisor', 'QEMU', 'default'], ['10.0.0.1'], 0, True),
            ([row[kind]['name'] for kind in (
                'node_class', 'node_type', 'image')],
             *(row[key] for key in ('ip_addresses', 'condition', 'active'))))

    def test_enroll_what_is_there(self):
        """An operator or another conductor was faster with some."""
        inventory.enroll(self.context, [new_row(1)])
        db_nodes.create_node(self.context, {'name': 'cmp2', 'title': 'x'})
        added = inventory.enroll(self.context, [
            new_row(number) for number in (1, 2, 3)])
        self.assertEqual(1, added)
        self.assertEqual({'cmp1', 'cmp2', 'cmp3'}, self.names())
        self.assertIsNone(self.read('cmp2')['hypervisor_id'])

    def test_enroll_at_one_moment(self):
        """Two conductors enrol the same: each node is there once."""
        rows = [new_row(number) for number in range(20)]
        together = base.Together(4, lambda number: inventory.enroll(
            cm_context.admin_context(), rows))
        self.assertEqual([], together.raised)
        self.assertEqual(20, sum(together.results))
        self.assertEqual(20, len(self.names()))

    def test_apply(self):
        inventory.enroll(self.context, [new_row(1), new_row(2)])
        done = inventory.apply(self.context, [
            inventory.Update(self.read('cmp1'), {
                'compute_host': 'h', 'compute_status': 'enabled',
                'compute_state': 'up'})])
        self.assertEqual(1, done)
        self.assertEqual('h', self.read('cmp1')['compute_host'])
        self.assertIsNone(self.read('cmp2')['compute_host'])

    def test_states_in_few_statements(self):
        inventory.enroll(self.context, [
            new_row(number) for number in range(1000)])
        updates = [inventory.Update(row, dict(zip(STATES, (
            'enabled', 'up' if row['id'] % 2 else 'down'), strict=True)))
            for row in inventory.list_nodes(self.context)]
        with self.statements() as found:
            self.assertEqual(1000, inventory.apply(self.context, updates))
        self.assertLessEqual(
            len([item for item in found if item.startswith('UPDATE')]), 4)
        self.assertEqual({'up', 'down'}, {
            row['compute_state']
            for row in inventory.list_nodes(self.context)})

    def test_changed_meanwhile(self):
        """What an operator wrote after it was read stands."""
        inventory.enroll(self.context, [new_row(1), new_row(2)])
        stale = [self.read('cmp1'), self.read('cmp2')]
        db_nodes.update_node(self.context, stale[0]['id'],
                             {'name': 'other'})
        done = inventory.apply(self.context, [
            inventory.Update(row, {'compute_host': 'h'}) for row in stale])
        self.assertEqual(1, done)
        self.assertIsNone(self.read('other')['compute_host'])

    def test_unbound_is_not_any(self):
        """A node without a hypervisor is bound only while it has none."""
        node = db_nodes.create_node(self.context, {'name': 'cmp1'})
        stale = self.read('cmp1')
        db_nodes.update_node(self.context, node['id'],
                             {'hypervisor_id': uuid(9)})
        self.assertEqual(0, inventory.apply(self.context, [
            inventory.Update(stale, {'hypervisor_id': uuid(1)})]))
        self.assertEqual(uuid(9), self.read('cmp1')['hypervisor_id'])

    def test_taken_hypervisor(self):
        """One that another node got meanwhile is left to the next round."""
        inventory.enroll(self.context, [
            new_row(1, hypervisor_id=None), new_row(2, hypervisor_id=None),
            new_row(3)])
        done = inventory.apply(self.context, [
            inventory.Update(self.read('cmp1'), {'hypervisor_id': uuid(3)}),
            inventory.Update(self.read('cmp2'), {'hypervisor_id': uuid(2)})])
        self.assertEqual(1, done)
        self.assertEqual([None, uuid(2)], [
            self.read(name)['hypervisor_id'] for name in ('cmp1', 'cmp2')])

    def test_gone_meanwhile(self):
        inventory.enroll(self.context, [new_row(1)])
        stale = self.read('cmp1')
        self.execute(sa.delete(models.Node))
        self.assertEqual(0, inventory.apply(self.context, [
            inventory.Update(stale, {'compute_host': 'h'})]))
