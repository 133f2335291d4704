# SPDX-License-Identifier: Apache-2.0
"""What is left to do with a server that Nova has moved."""

from unittest import mock

from cloudmanager.common import exception
from cloudmanager.conductor.moves import arrivals
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.conductor.moves import moves_case


class ArrivalsCase(moves_case.MoveCase):

    def setUp(self):
        super().setUp()
        self.arrivals = arrivals.Arrivals(
            self.task, self.tools, moves_case.SOURCE, self.calls, self.slots,
            self.record, self.ends)
        self.finished = self.migration('finished')


class ConfirmTestCase(ArrivalsCase):

    def confirm(self, age=1.0, phase=Phase.FOLLOW, **values):
        self.nova.set('vm1', **values)
        item = self.item(phase=phase, action=Action.COLD, age=age)
        self.arrivals.confirm(item, self.finished)
        return item

    def test_confirmed(self):
        item = self.confirm(vm_state='resized', host='dst1')
        self.assertEqual([('confirm_resize', 'vm1')], self.nova.sent)
        self.assertEqual(Phase.CONFIRM, item.attempt.phase)
        self.assertEqual(['confirm'], [
            row['memory']['attempt']['phase'] for row in self.task.saved])
        self.ended()

    def test_again(self):
        """It is asked for until Nova has done it; the phase is known."""
        self.confirm(phase=Phase.CONFIRM, vm_state='resized', host='dst1')
        self.assertEqual([('confirm_resize', 'vm1')], self.nova.sent)
        self.assertEqual([], self.task.saved)

    def test_not_now(self):
        for values in ({'vm_state': 'resized', 'task_state': 'x'},
                       {'vm_state': 'active', 'task_state': None}):
            self.confirm(host='dst1', **values)
        self.ended()
        self.assertEqual([], self.nova.sent)

    def test_in_error(self):
        """On another host it came, if badly; on the old one it did not."""
        self.confirm(vm_state='error', host='src')
        self.ended()
        self.confirm(vm_state='error', host='dst1')
        ((name, server),) = self.ends.calls
        self.assertEqual(('arrived', 'dst1'), (name, server.host))

    def test_overdue(self):
        self.confirm(age=401, vm_state='resized', host='dst1')
        self.assertEqual(
            [('overdue', 'its move was not confirmed in time',
              self.finished)], self.ends.calls)
        self.assertEqual([], self.nova.sent)

    def test_deleted(self):
        self.nova.delete('vm1')
        self.arrivals.confirm(self.item(action=Action.COLD), self.finished)
        self.ended('gone')


class OverTestCase(ArrivalsCase):

    def over(self, lock_taken=False, age=1.0, item=None):
        item = item or self.item(age=age)
        item.attempt.lock_taken = lock_taken
        self.arrivals.over(item, 'dst1')
        return item

    def test_left(self):
        """A list tells that it has left: it need not be looked at."""
        self.over()
        self.assertEqual([('count',), ('done', 'dst1')], self.ends.calls)
        self.assertEqual(0, self.nova.reads['server'])

    def test_not_looked_at_yet(self):
        self.record.left = None
        self.over()
        self.ended()
        self.assertEqual(0, self.nova.reads['server'])

    def test_in_error(self):
        self.record.in_error = True
        self.nova.set('vm1', host='dst1', vm_state='error')
        self.over()
        self.ended('arrived')

    def test_stays(self):
        """Nova's word is not enough, but it has its time."""
        self.record.left = False
        self.over(age=99)
        self.ended()
        self.over(age=101)
        self.assertEqual(
            [('failed', 'Nova says that the migration is over, but the '
              'server is still on src')], self.ends.calls)

    def test_looks_are_saved(self):
        """The last move looks at once, others wait for one another."""
        for name in ('vm1', 'vm2'):
            self.slots.start(order.Item(name, moves_case.SOURCE))
        self.record.left = None
        self.over()
        self.assertEqual(['vm2'], [one.id for one in self.slots.running])
        self.slots.finish('vm2')
        self.over()
        self.assertEqual([False, True], [soon for _, soon in
                                         self.record.looks])

    def test_since_when(self):
        """A look counts if it came after the move was seen to be over."""
        self.record.left = None
        item = self.over()
        for answered_at in (5.0, 9.0):
            self.record.answered_at = answered_at
            self.over(item=item)
        self.arrivals.forget(item)
        self.over(item=item)
        self.assertEqual([0.0, 0.0, 0.0, 9.0],
                         [over_at for over_at, _ in self.record.looks])


class LockedTestCase(ArrivalsCase):
    """Whose lock is on a server that has arrived one list tells of all."""

    def setUp(self):
        super().setUp()
        self.nova.add('vm2')
        self.slots.start(order.Item('vm9', moves_case.SOURCE))
        self.later = []

    def over(self, name='vm1', lock_taken=True):
        item = self.item(name=name)
        item.attempt.lock_taken = lock_taken
        self.arrivals.over(item, 'dst1')

    def arrive(self, *names, **values):
        for name in names:
            self.nova.set(name, **{'host': 'dst1', 'locked': True, **values})

    def end_others(self):
        """Let no other move be under way."""
        self.slots.finish('vm9')

    def ends_of(self):
        return [(name, server.id) for name, server in self.ends.calls]

    def test_together(self):
        self.arrive('vm1', 'vm2')
        self.over('vm1')
        self.clock.sleep(1.5)
        self.over('vm2', lock_taken=None)
        self.over('vm1')
        self.assertEqual([], self.ends.calls)
        self.clock.sleep(0.5)
        self.over('vm1')
        self.assertEqual([('arrived', 'vm1'), ('arrived', 'vm2')],
                         self.ends_of())
        self.assertEqual((1, 0), (self.nova.reads['locked_servers'],
                                  self.nova.reads['server']))

    def test_the_last(self):
        """It has nobody to wait for."""
        self.end_others()
        self.arrive('vm1')
        self.over()
        self.assertEqual([('arrived', 'vm1')], self.ends_of())

    def test_meanwhile(self):
        """Who comes while the list is read is in the next one."""
        self.end_others()
        self.calls.start = lambda *call: self.later.append(call)
        self.over('vm1')
        self.over('vm1')
        self.over('vm2')
        self.arrive('vm1', 'vm2')
        (call,) = self.later
        del self.calls.start
        self.calls.start(*call)
        self.assertEqual([('arrived', 'vm1')], self.ends_of())
        self.over('vm2')
        self.assertEqual([('arrived', 'vm1'), ('arrived', 'vm2')],
                         self.ends_of())

    def test_outage(self):
        """If it cannot be read, it is read again."""
        self.end_others()
        self.arrive('vm1')
        read = self.nova.locked_servers
        self.nova.locked_servers = mock.Mock(
            side_effect=exception.CloudUnreachable(service='Nova',
                                                   reason='503'))
        self.assertRaises(exception.CloudUnreachable, self.over)
        self.nova.locked_servers = read
        self.over()
        self.assertEqual([('arrived', 'vm1')], self.ends_of())

    def test_not_locked(self):
        """Somebody else has unlocked it: only the server tells the rest."""
        self.end_others()
        self.arrive('vm1', locked=False)
        self.over()
        self.assertEqual([('arrived', 'vm1')], self.ends_of())
        self.assertEqual(1, self.nova.reads['server'])

    def test_deleted(self):
        self.end_others()
        self.nova.delete('vm1')
        self.over()
        self.assertEqual([('gone',)], self.ends.calls)

    def test_stays(self):
        self.end_others()
        self.arrive('vm1', host='src')
        self.over()
        self.assertEqual([], self.ends.calls)
        self.arrive('vm1')
        self.over()
        self.assertEqual([('arrived', 'vm1')], self.ends_of())


class UnlockTestCase(ArrivalsCase):

    def test_locked(self):
        self.ends.locked = True
        self.arrivals.unlock(self.item())
        self.ended('unlock')

    def test_not_locked(self):
        self.nova.set('vm1', host='dst2')
        self.arrivals.unlock(self.item())
        self.assertEqual([('done', 'dst2')], self.ends.calls)
