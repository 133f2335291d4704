# SPDX-License-Identifier: Apache-2.0
"""What is done about a move that does not end."""

from cloudmanager.common import clock
from cloudmanager.conductor.moves import supervision
from cloudmanager.conductor.records.moves import Policy
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.conductor import fakes
from cloudmanager.tests.unit.conductor.moves import moves_case


class WatchCase(moves_case.MoveCase):

    def setUp(self):
        super().setUp()
        self.watch = supervision.Supervisor(self.task, self.tools, self.calls,
                                    self.ends)
        self.listed = [self.migration('running', 4, 400),
                       self.migration('running', 5, 500)]
        self.nova.records = []
        self.nova.server_migrations = lambda server_id: self.listed

    def look(self, item, **values):
        self.watch.look_after(item, self.migration('running', **values))


class AgeTestCase(WatchCase):

    def test_left_alone(self):
        """Before its time it is not even looked at."""
        for age, action in ((99, Action.LIVE), (399, Action.OFFLOAD)):
            self.watch.look_after(self.item(action=action, age=age), None)
        self.look(self.item(age=29))
        self.look(self.item(action=Action.COLD, age=399))
        self.ended()
        self.assertEqual([], self.task.saved)

    def test_lost(self):
        self.watch.look_after(self.item(age=101), None)
        self.assertEqual([('failed', 'Nova has no record of the move')],
                         self.ends.calls)

    def test_overdue(self):
        """Four times its time is the end of it, with a record or without."""
        for migration in (None, self.migration('running')):
            self.ends.calls.clear()
            self.watch.look_after(self.item(age=401), migration)
            self.assertEqual([('overdue', 'it was not over after 401 s',
                               migration)], self.ends.calls)


class ProgressTestCase(WatchCase):

    def test_progress_is_of_this_migration(self):
        """It is remembered, and the move goes on."""
        item = self.item(age=31)
        self.look(item)
        self.assertEqual((500, 500, clock.utcnow()),
                         (item.attempt.last, item.attempt.least,
                          item.attempt.checked_at))
        self.assertEqual(500, self.last()['memory']['attempt']['last'])
        self.assertEqual([], self.nova.sent)

    def test_no_progress_is_told(self):
        self.listed = self.listed[:1]
        item = self.item(age=31)
        self.look(item)
        self.assertEqual((None, clock.utcnow()),
                         (item.attempt.last, item.attempt.checked_at))

    def stalled(self, policy=''):
        """Look at a move twice, a stall timeout apart."""
        item = self.item(age=31, slow=policy)
        self.look(item)
        self.clock.sleep(61)
        self.task.saved.clear()
        self.seen = []
        for name in ('abort_migration', 'force_complete'):
            inner = getattr(self.nova, name)
            setattr(self.nova, name, self.noting(name, inner))
        self.look(item)
        return item

    def noting(self, name, inner):
        def ask(*args):
            self.seen.append((name, *args, self.last()['memory']['attempt']))
            return inner(*args)
        return ask

    def check_asked(self, name, policy):
        """Nova was asked after it had been written down."""
        ((found, server_id, number, attempt),) = self.seen
        self.assertEqual((name, 'vm1', 5), (found, server_id, number))
        self.assertEqual((policy, clock.utcnow().isoformat()),
                         (attempt['intervened'], attempt['intervened_at']))

    def test_abort(self):
        item = self.stalled()
        self.check_asked('abort_migration', 'abort')
        self.assertEqual(Policy.ABORT, item.attempt.intervened)

    def test_force(self):
        item = self.stalled('force-complete')
        self.check_asked('force_complete', 'force-complete')
        self.assertEqual(Policy.FORCE, item.attempt.intervened)

    def test_wait(self):
        item = self.stalled('wait')
        self.assertEqual([], self.seen)
        self.assertIsNone(item.attempt.intervened)

    def test_unanswered(self):
        """Nobody knows, so it is asked for once more."""
        self.nova.script['abort_migration', 'vm1'] = [fakes.LOST]
        item = self.stalled()
        self.assertIsNone(item.attempt.intervened)
        self.assertNotIn('intervened', self.last()['memory']['attempt'])
        self.ended()

    def test_abort_that_was_asked_for(self):
        item = self.item()
        self.watch.abort(item, self.migration('running'))
        self.assertEqual([('abort_migration', 'vm1')], self.nova.sent)
        self.assertEqual(Policy.ABORT, item.attempt.intervened)
