# SPDX-License-Identifier: Apache-2.0
"""Power controls, their assignments and their secrets."""

import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.db import models
from cloudmanager.db import nodes
from cloudmanager.db import power_controls
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base


class ControlsCase(base.DbTestCase):

    def control(self, number=1, **values):
        return power_controls.create_control(self.context, {
            'title': f'c{number}', 'control_type': 'FakeDevice',
            'protocol_type': 'fake', 'host': f'10.0.0.{number}',
            'port_number': 1, **values})['id']

    def node(self, **values):
        return nodes.create_node(self.context, values)['id']

    def assign(self, node, control, port='1', **values):
        return power_controls.assign(self.context, node, {
            'power_control_id': control, 'power_control_port': port,
            **values})

    def defaults(self, node):
        return {row['power_control_id']: row['is_default'] for row in
                power_controls.list_assignments(self.context, node)}


@base.databases()
class ControlsTestCase(ControlsCase):

    def test_secrets_are_not_shown(self):
        control = self.control(password='cipher', ssh_key='cipher')
        for shown in (power_controls.get_control(self.context, control),
                      *power_controls.list_controls(
                          self.context, common_query.Query())):
            self.assertNotIn('cipher', str(shown))
        self.assertEqual('cipher', power_controls.get_device(
            self.context, control)['password'])

    def test_address_is_unique(self):
        self.control()
        other = self.control(2)
        error = self.assertRaises(exception.NameTaken, self.control)
        self.assertIn('FakeDevice@10.0.0.1:1', str(error))
        error = self.assertRaises(
            exception.NameTaken, power_controls.update_control,
            self.context, other, {'host': '10.0.0.1'})
        self.assertIn('FakeDevice@10.0.0.1:1', str(error))

    def test_delete_in_use(self):
        control, node = self.control(), self.node()
        self.assign(node, control)
        error = self.assertRaises(
            exception.InUse, power_controls.delete_control, self.context,
            control)
        self.assertEqual((409, True), (error.code,
                                       f'node {node}' in str(error)))
        power_controls.unassign(self.context, node, control)
        power_controls.delete_control(self.context, control)
        self.assertRaises(exception.PowerControlNotFound,
                          power_controls.get_control, self.context, control)

    def test_unknown(self):
        for function, args in ((power_controls.get_control, ()),
                               (power_controls.get_device, ()),
                               (power_controls.delete_control, ()),
                               (power_controls.update_control, ({},))):
            self.assertRaises(exception.PowerControlNotFound, function,
                              self.context, 10 ** 6, *args)

    def test_delete_and_assign_raced(self):
        """Either the control is gone or it is assigned, never half."""
        control, node = self.control(), self.node()

        def act(number):
            if number % 2:
                return power_controls.delete_control(self.context, control)
            return self.assign(node, control, str(number))

        calls = base.Together(6, act)

        self.assertLessEqual(
            {type(error) for error in calls.raised},
            {exception.InUse, exception.PowerControlNotFound})
        present = self.execute(sa.select(models.PowerControl.id))
        self.assertEqual(
            len(present), len(power_controls.list_assignments(
                self.context, node)))

    def test_statements_of_a_list(self):
        """DB3: controls with their outputs are two statements."""
        node = self.node()
        for number in range(20):
            self.assign(node, self.control(number))
        with self.statements() as sent:
            found = power_controls.list_controls(self.context,
                                                 common_query.Query())
        self.assertEqual(2, len([s for s in sent if 'SELECT' in s]))
        self.assertEqual([1] * 20, [len(control['outputs'])
                                    for control in found])


@base.databases()
class AssignmentsTestCase(ControlsCase):
    """A node with power controls has exactly one default."""

    def setUp(self):
        super().setUp()
        self.nodes = [self.node(), self.node()]
        self.controls = [self.control(number) for number in (1, 2, 3)]

    def test_devices(self):
        """What feeds a node, the default first, with all that drivers need."""
        node, (one, two, three) = self.nodes[0], self.controls
        for control, port in ((one, '1'), (two, '2'), (three, '3')):
            self.assign(node, control, port, is_default=control == two)
        self.assign(self.nodes[1], one, '4')
        self.assertEqual(
            [('2', power_controls.get_device(self.context, two)),
             ('1', power_controls.get_device(self.context, one)),
             ('3', power_controls.get_device(self.context, three))],
            power_controls.devices_of(self.context, node))
        self.assertEqual([], power_controls.devices_of(self.context, 10 ** 6))

    def test_first_is_the_default(self):
        node, (one, two, three) = self.nodes[0], self.controls
        self.assign(node, one, is_default=False)
        self.assign(node, two)
        self.assertEqual({one: True, two: False}, self.defaults(node))
        self.assign(node, three, is_default=True)
        self.assertEqual({one: False, two: False, three: True},
                         self.defaults(node))

    def test_default_is_handed_over(self):
        node, (one, two, three) = self.nodes[0], self.controls
        for control in self.controls:
            self.assign(node, control)
        power_controls.update_assignment(self.context, node, two,
                                         {'is_default': True})
        self.assertEqual({one: False, two: True, three: False},
                         self.defaults(node))
        power_controls.unassign(self.context, node, two)
        self.assertEqual({one: True, three: False}, self.defaults(node))
        power_controls.unassign(self.context, node, three)
        power_controls.unassign(self.context, node, one)
        self.assertEqual({}, self.defaults(node))

    def test_default_cannot_be_dropped(self):
        node, one = self.nodes[0], self.controls[0]
        self.assign(node, one)
        self.assertRaises(
            exception.Conflict, power_controls.update_assignment,
            self.context, node, one, {'is_default': False})
        self.assertEqual({one: True}, self.defaults(node))

    def test_other_nodes_keep_their_default(self):
        first, second = self.nodes
        one, two, _ = self.controls
        self.assign(first, one)
        self.assign(second, two)
        self.assign(second, one, '2', is_default=True)
        self.assertEqual({one: True}, self.defaults(first))
        self.assertEqual({one: True, two: False}, self.defaults(second))

    def test_output_is_taken(self):
        first, second = self.nodes
        one, two, _ = self.controls
        self.assign(first, one)
        self.assertRaises(exception.InUse, self.assign, second, one)
        self.assertRaises(exception.InUse, self.assign, first, one, '2')
        self.assign(second, two)
        self.assign(second, one, '2')
        self.assertRaises(
            exception.InUse, power_controls.update_assignment,
            self.context, second, one, {'power_control_port': '1'})

    def test_unknown(self):
        node, one = self.nodes[0], self.controls[0]
        self.assertRaises(exception.NodeNotFound, self.assign, 10 ** 6, one)
        self.assertRaises(exception.PowerControlNotFound, self.assign, node,
                          10 ** 6)
        self.assertRaises(exception.AssignmentNotFound,
                          power_controls.unassign, self.context, node, one)
        self.assertRaises(exception.AssignmentNotFound,
                          power_controls.update_assignment, self.context,
                          node, one, {'is_default': True})

    def test_one_default_when_raced(self):
        node = self.nodes[0]
        controls = self.controls + [self.control(9 + n) for n in range(5)]
        calls = base.Together(8, lambda number: self.assign(
            node, controls[number], is_default=True))
        self.assertEqual([], calls.raised)
        found = self.defaults(node)
        self.assertEqual(set(controls), set(found))
        self.assertEqual(1, sum(found.values()))

    def test_node_deleted_meanwhile(self):
        """An assignment and the deletion of its node do not collide."""
        node = self.nodes[0]

        def act(number):
            if number == 3:
                return nodes.delete_node(self.context, node)
            return self.assign(node, self.controls[number])

        calls = base.Together(4, act)

        self.assertLessEqual({type(error) for error in calls.raised},
                             {exception.NodeNotFound})
        self.assertRaises(exception.NodeNotFound, nodes.get_node,
                          self.context, node)
        self.assertEqual([], self.execute(
            sa.select(models.NodePowerControl.id)))

    def test_output_raced(self):
        """One of many nodes gets an output."""
        chosen = [self.node() for _ in range(8)]
        calls = base.Together(8, lambda number: self.assign(
            chosen[number], self.controls[0]))
        self.assertEqual(1, len([row for row in calls.results if row]))
        self.assertEqual({exception.InUse},
                         {type(error) for error in calls.raised})


@base.databases()
class ReencryptTestCase(ControlsCase):

    def setUp(self):
        super().setUp()
        secrets.create_key()

    def _stored(self, control):
        return power_controls.get_device(self.context, control)

    def test_reencrypt(self):
        """After a rotation the old keys are needed no more."""
        self._batches_of(2)
        controls = [self.control(number,
                                 password=secrets.encrypt(f'p{number}'))
                    for number in range(3)]
        both = self.control(8, password=secrets.encrypt('p'),
                            ssh_key=secrets.encrypt('k'))
        none = self.control(9)
        secrets.create_key()

        changed = power_controls.reencrypt(self.context)

        secrets.prune_keys(keep=1)
        self.assertEqual(4, changed)
        self.assertEqual(['p0', 'p1', 'p2'], [
            secrets.decrypt(self._stored(control)['password'])
            for control in controls])
        self.assertEqual('k', secrets.decrypt(
            self._stored(both)['ssh_key']))
        self.assertIsNone(self._stored(none)['password'])
        self.assertIsNone(self._stored(both)['updated_at'])

    def _batches_of(self, size):
        self.addCleanup(setattr, power_controls, 'REENCRYPT_BATCH',
                        power_controls.REENCRYPT_BATCH)
        power_controls.REENCRYPT_BATCH = size

    def test_unreadable_is_left(self):
        """One that no key opens neither stops the rest nor is lost."""
        bad = self.control(1, password='not a token')
        good = self.control(2, password=secrets.encrypt('p'))
        secrets.create_key()
        self.assertEqual(1, power_controls.reencrypt(self.context))
        secrets.prune_keys(keep=1)
        self.assertEqual('not a token', self._stored(bad)['password'])
        self.assertEqual('p', secrets.decrypt(
            self._stored(good)['password']))

    def test_concurrent_change_wins(self):
        """A secret that a user sets meanwhile is not put back."""
        control = self.control(1, password=secrets.encrypt('old'),
                               ssh_key=secrets.encrypt('key'))
        secrets.create_key()
        original, changed = secrets.rotate, []

        def rotate(stored):
            if not changed:
                changed.append(True)
                power_controls.update_control(
                    self.context, control,
                    {'password': secrets.encrypt('new')})
            return original(stored)

        self.addCleanup(setattr, secrets, 'rotate', original)
        secrets.rotate = rotate

        self.assertEqual(1, power_controls.reencrypt(self.context))

        secrets.prune_keys(keep=1)
        stored = self._stored(control)
        self.assertEqual(('new', 'key'), (
            secrets.decrypt(stored['password']),
            secrets.decrypt(stored['ssh_key'])))
