# SPDX-License-Identifier: Apache-2.0
"""From plans to the items of a task."""

from cloudmanager.common import exception
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.db import inventory as db_inventory
from cloudmanager.db import nodes as db_nodes
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.conductor import fakes_case

OFF = {'allow_off_vm': True}
REBUILD = {'allow_evacuate': True}
BOTH = {**OFF, **REBUILD}
LIVE, COLD = Action.LIVE, Action.COLD
EVACUATE, OFFLOAD = Action.EVACUATE, Action.OFFLOAD
# vm_state: ladders without flags, with allow_off_vm, with allow_evacuate
# and with both
LADDERS = {
    'active': ([LIVE], [LIVE, COLD], [LIVE, EVACUATE],
               [LIVE, COLD, EVACUATE]),
    'paused': ([LIVE], [LIVE], [LIVE, EVACUATE], [LIVE, EVACUATE]),
    'stopped': ([COLD], [COLD], [COLD, EVACUATE], [COLD, EVACUATE]),
    'shelved': ([OFFLOAD],) * 4,
    'suspended': ([], [], [EVACUATE], [EVACUATE]),
    'rescued': ([], [], [EVACUATE], [EVACUATE]),
    'error': ([], [], [EVACUATE], [EVACUATE]),
    'resized': ([], [], [EVACUATE], [EVACUATE]),
    'soft-delete': ([],) * 4,
}


def move(server_id, **values):
    return MoveItem(kind=ItemKind.SERVER, object_id=server_id, **values)


class LadderTestCase(fakes_case.ConductorCase):

    def ladder(self, params, **values):
        self.nova.add('vm1', **values)
        return plans.ladder_of(self.nova.server('vm1'), params, 'src')

    def test_every_state(self):
        """DR4 DR14: what may be done in each state, by what is allowed."""
        for state, ladders in LADDERS.items():
            for params, expected in zip(({}, OFF, REBUILD, BOTH), ladders,
                                        strict=True):
                found = self.ladder(params, vm_state=state)
                self.assertEqual(expected, found.ladder, (state, params))
                self.assertEqual(not expected, bool(found.error),
                                 (state, params))
                self.assertFalse(found.wait)

    def test_busy(self):
        found = self.ladder({}, task_state='rebooting')
        self.assertEqual((True, [LIVE], None),
                         (found.wait, found.ladder, found.error))

    def test_leaving(self):
        found = self.ladder({}, task_state='migrating')
        self.assertEqual((True, [], None),
                         (found.wait, found.ladder, found.error))


class ItemTestCase(fakes_case.ConductorCase):

    def items_of(self, action='shutdown', **params):
        plan = plans.make_plan(self.tools, action, 'src', params)
        return {entry.id: plans.item_of(entry, params)
                for entry in plan.servers}

    def test_states(self):
        self.nova.add('runs')
        self.nova.add('error', vm_state='error')
        self.nova.add('busy', task_state='rebooting')
        self.nova.add('never', metadata={'recovery_priority': '0'})
        found = self.items_of()
        self.assertEqual(
            {'runs': 'PENDING', 'error': 'FAILED', 'busy': 'PENDING',
             'never': 'PENDING'},
            {key: item.state for key, item in found.items()})
        self.assertIn('repair it', found['error'].error)
        self.assertTrue(found['busy'].wait)
        self.assertIn(found['runs'].destination, ('dst1', 'dst2'))
        self.assertEqual('SKIPPED',
                         self.items_of('evacuate')['never'].state)

    def test_locks(self):
        """EV8: what may come to be evacuated is locked then."""
        self.nova.add('vm1')
        for locked in (True, False):
            self.config(group='host_tasks', lock_servers=locked)
            for action in ('shutdown', 'evacuate'):
                self.assertEqual(locked, self.items_of(action)['vm1'].lock)

    def test_priority_key(self):
        self.config(group='host_tasks', priority_key='urgency')
        self.nova.add('vm1', metadata={'urgency': '9',
                                       'recovery_priority': '1'})
        self.assertEqual(9, self.items_of('evacuate')['vm1'].priority)

    def test_nothing_is_touched(self):
        self.nova.add('vm1')
        self.items_of()
        self.assertEqual([], self.nova.sent)

    def test_unknown_host(self):
        """DR2: names are exact; a part of one is another host."""
        self.assertRaises(exception.HostNotFound, plans.make_plan,
                          self.tools, 'shutdown', 'sr', {})

    def test_other_destination(self):
        self.nova.add('vm1')
        run = self.run_of()
        for evacuating in (False, True):
            for refused, expected in (
                    (['dst1'], 'dst2'), (['dst2'], 'dst1'),
                    (['dst1', 'dst2'], None)):
                item = move('vm1', refused=refused)
                self.assertEqual(expected, plans.destinations(
                    self.tools, run, 'src', [item],
                    evacuating=evacuating).get('vm1'))

    def test_other_destination_unreadable(self):
        """Then the choice is left to Nova."""
        self.nova.outages = [(0, 10 ** 9)]
        self.assertEqual({}, plans.destinations(
            self.tools, self.run_of(), 'src',
            [move('vm1')], evacuating=False))


class ReservedTestCase(fakes_case.ConductorCase):

    def destination(self):
        self.nova.add('vm1')
        return plans.make_plan(self.tools, 'shutdown', 'src',
                               {}).destinations.get('vm1')

    def test_reserved_hosts_are_no_destinations(self):
        """By their own name, or by that of the host they stand for."""
        db_nodes.create_node(self.context, {'name': 'dst1',
                                            'is_reserved': True})
        self.assertEqual('dst2', self.destination())
        node = db_nodes.create_node(self.context, {
            'name': 'mine', 'is_reserved': True})
        db_inventory.apply(self.context, [db_inventory.Update(
            next(row for row in db_inventory.list_nodes(self.context)
                 if row['id'] == node['id']), {'compute_host': 'dst2'})])
        self.assertIsNone(self.destination())

    def test_out_of_use(self):
        """A node that is not active is no reserve."""
        db_nodes.create_node(self.context, {
            'name': 'dst1', 'is_reserved': True, 'active': False})
        db_nodes.create_node(self.context, {'name': 'dst2',
                                            'is_reserved': True})
        self.assertEqual('dst1', self.destination())
