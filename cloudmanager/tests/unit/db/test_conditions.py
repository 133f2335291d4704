# SPDX-License-Identifier: Apache-2.0
"""Conditions follow what is stored of nodes."""

import datetime

import fixtures
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import conditions as db_conditions
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import conditions
from cloudmanager.tests import base

UP = {'compute_status': 'enabled', 'compute_state': 'up'}


class ConditionsCase(base.DbTestCase):

    def node(self, name, **values):
        """Create a node, past everything that judges it."""
        row = db_nodes.create_node(self.context, {'name': name})
        if values:
            self.set(row['id'], **values)
        return row['id']

    def set(self, node_id, **values):
        self.execute(sa.update(models.Node).where(
            models.Node.id == node_id).values(**values))

    def get(self, node_id):
        return db_nodes.get_node(self.context, node_id)

    def condition(self, node_id):
        row = self.get(node_id)
        return row['condition'], row['condition_reason']

    def refresh(self, *node_ids):
        return db_conditions.refresh(self.context, node_ids or None)


@base.databases()
class RefreshTestCase(ConditionsCase):

    def test_all(self):
        up = self.node('up', **UP)
        down = self.node('down', condition=1, compute_status='enabled',
                         compute_state='forced_down')
        new = self.node('new')
        changes = self.refresh()
        self.assertEqual({up, down}, {item.node_id for item in changes})
        self.assertEqual((1, None), self.condition(up))
        self.assertEqual((3, 'Its nova-compute is down.'),
                         self.condition(down))
        self.assertEqual((0, None), self.condition(new))
        self.assertEqual([], self.refresh())

    def test_some(self):
        first, second = self.node('a', **UP), self.node('b', **UP)
        self.refresh(second)
        self.assertEqual(0, self.condition(first)[0])
        self.assertEqual(1, self.condition(second)[0])

    def test_reason_goes_with_its_cause(self):
        node = self.node('a', condition=1, compute_status='enabled',
                         compute_state='down')
        self.refresh()
        self.set(node, compute_state='up')
        self.refresh()
        self.assertEqual((1, None), self.condition(node))

    def test_only_compute_hosts_have_a_compute(self):
        node = self.node('a', node_class_id=2, node_type_id=8, condition=2,
                         **UP)
        self.refresh()
        self.assertEqual(2, self.condition(node)[0])

    def test_number_of_statements(self):
        """However many there are."""
        rows = [{'name': f'n{number}', 'node_class_id': 1,
                 'node_type_id': 1, 'image_id': 1, **UP}
                for number in range(1200)]
        self.execute(sa.insert(models.Node), rows)
        with self.statements() as found:
            changes = self.refresh()
        self.assertEqual(1200, len(changes))
        statements = [item for item in found
                      if item.startswith(('SELECT', 'UPDATE'))]
        self.assertLessEqual(len(statements), 2 + 3, statements)

    def test_what_somebody_else_changed(self):
        """An operator's word between reading and writing stands."""
        node = self.node('a', **UP)
        read = db_conditions._busy

        def busy(context, rows):
            self.set(node, condition=4)
            return read(context, rows)

        self.useFixture(fixtures.MockPatchObject(db_conditions, '_busy',
                                                 busy))
        self.refresh()
        self.assertEqual(4, self.condition(node)[0])


class FactsTestCase(ConditionsCase):
    """What counts as what."""

    def power(self, state, **values):
        return {'power_state': state, 'power_state_at': clock.utcnow(),
                **values}

    def host(self, **values):
        return self.node('cmp1', condition=1, **UP, **values)

    def test_task_on_host_or_node(self):
        for target in ('host:cmp1', 'node:{}', 'host:nova-name'):
            with self.subTest(target):
                node = self.node('cmp1', condition=1,
                                 compute_host='nova-name',
                                 compute_status='enabled',
                                 compute_state='down')
                task, _ = db_tasks.create_task(
                    self.context, 'host.shutdown',
                    targets=[target.format(node)], params={}, host='x')
                self.refresh()
                self.assertEqual((2, 'A task works on it.'),
                                 self.condition(node))
                db_tasks.finish(self.context, task['id'], 0,
                                db_tasks.SUCCESS)
                self.refresh()
                self.assertEqual(3, self.condition(node)[0])
                db_nodes.delete_node(self.context, node)

    def test_task_on_another_host(self):
        """DR2: one whose name only begins like it."""
        node = self.node('cmp1', condition=1, compute_status='enabled',
                         compute_state='down')
        self.execute(sa.insert(models.Node), [
            {'id': node * 10, 'node_class_id': 1, 'node_type_id': 1,
             'image_id': 1}])
        db_tasks.create_task(self.context, 'host.shutdown',
                             targets=['host:cmp10', f'node:{node}0'],
                             params={}, host='cmp10')
        self.refresh()
        self.assertEqual(3, self.condition(node)[0])

    def test_power_lost(self):
        node = self.host(**self.power('power_off'))
        self.refresh()
        self.assertEqual(3, self.condition(node)[0])

    def test_switched_off_here(self):
        node = self.host(**self.power('power_off', power_off_wanted=True))
        self.refresh()
        self.assertEqual((2, 'It was switched off.'), self.condition(node))

    def test_on_again(self):
        """A wish to be off is over when the node is seen on."""
        node = self.host(**self.power('power_on', power_off_wanted=True))
        self.refresh()
        self.assertEqual(1, self.condition(node)[0])
        self.assertFalse(self.get(node)['power_off_wanted'])
        self.set(node, **self.power('power_off'))
        self.refresh()
        self.assertEqual(3, self.condition(node)[0])

    def test_not_off_yet(self):
        """While a task switches it off, the wish stands."""
        node = self.host(**self.power('power_on', power_off_wanted=True))
        db_tasks.create_task(self.context, 'node.power',
                             targets=[f'node:{node}'],
                             params={'node_id': node})
        self.refresh()
        self.assertTrue(self.get(node)['power_off_wanted'])

    def test_unreadable(self):
        node = self.host(**self.power(None, power_state_reason='no answer'))
        self.refresh()
        self.assertEqual((3, 'Its power state cannot be read.'),
                         self.condition(node))

    def test_old_reading(self):
        """A host that runs is on, whatever was read an hour ago."""
        node = self.host(power_state='power_off', power_state_at=(
            clock.utcnow() - datetime.timedelta(hours=1)))
        self.refresh()
        self.assertEqual(1, self.condition(node)[0])

    def test_written_by_hand(self):
        """A power state without a time is an operator's."""
        node = self.node('s', node_class_id=4, node_type_id=11,
                         power_state='power_on')
        self.refresh()
        self.assertEqual(1, self.condition(node)[0])


@base.databases()
class NoteTestCase(ConditionsCase):

    def test_exact_host(self):
        """DR2."""
        first = self.node('cmp1', **UP)
        other = self.node('cmp10', **UP)
        upper = self.node('CMP1', **UP)
        bound = self.node('mine', compute_host='cmp1', **UP)
        self.refresh()
        db_conditions.note_compute(self.context, 'cmp1', 'disabled', 'up')
        self.assertEqual(
            [2, 1, 1, 2], [self.condition(node)[0] for node in (
                first, other, upper, bound)])
        db_conditions.note_compute(self.context, 'cmp1', 'enabled', 'up')
        self.assertEqual((1, None), self.condition(first))

    def test_lost_hosts_stay_lost(self):
        """Until the comparison with Nova finds them."""
        for status in ('absent', 'renamed'):
            node = self.node(status, condition=1, compute_status=status)
            db_conditions.note_compute(self.context, status, 'enabled',
                                       'up')
            self.refresh()
            self.assertEqual(3, self.condition(node)[0])


class WrittenTestCase(ConditionsCase):
    """What an operator writes to a node."""

    def test_flags_take_effect_at_once(self):
        node = self.node('a')
        db_nodes.update_node(self.context, node, {'is_reserved': True})
        self.assertEqual((4, 'It is reserved.'), self.condition(node))
        db_nodes.update_node(self.context, node, {'active': False})
        self.assertEqual((0, 'It is not active.'), self.condition(node))
        row = db_nodes.create_node(self.context, {'is_reserved': True})
        self.assertEqual(conditions.RESERVED, row['condition'])

    def test_written_condition(self):
        """It stays until nodes are looked at; 0 longer than that."""
        node = self.node('a', condition=1, compute_status='disabled',
                         compute_state='up')
        for written, later in ((1, 2), (0, 0)):
            row = db_nodes.update_node(self.context, node, {
                'condition': written, 'active': True})
            self.assertEqual(written, row['condition'])
            self.refresh()
            self.assertEqual(later, self.condition(node)[0])
        self.set(node, **UP)
        self.refresh()
        self.assertEqual(1, self.condition(node)[0])

    def test_rebound(self):
        """Another name or hypervisor: what was known is of another."""
        old = {'compute_host': 'h', 'compute_state': 'up',
               'hypervisor_lost_at': clock.utcnow()}
        for status, values, kept in (
                ('enabled', {'name': 'b'}, False),
                ('enabled', {'name': 'a', 'title': 'x'}, True),
                ('enabled', {'hypervisor_id': 'u2'}, False),
                ('enabled', {'hypervisor_id': 'u1'}, True),
                ('renamed', {'hypervisor_id': 'u1'}, False),
                ('renamed', {'title': 'x'}, True)):
            node = self.node('a', hypervisor_id='u1',
                             compute_status=status, **old)
            row = db_nodes.update_node(self.context, node, values)
            self.assertEqual(kept, row['compute_host'] == 'h', values)
            self.assertEqual(kept, row['compute_status'] is not None)
            self.assertEqual(kept, row['hypervisor_lost_at'] is not None)
            db_nodes.delete_node(self.context, node)
