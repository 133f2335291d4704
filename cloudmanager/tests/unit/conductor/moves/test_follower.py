# SPDX-License-Identifier: Apache-2.0
"""What comes next for a move, by its item and Nova's records."""

import types

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.moves import follower
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.domain.task_states import Cancel
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.conductor.moves import moves_case

LATE = 'Nova found no host that takes it'


class FollowerCase(moves_case.MoveCase):

    def setUp(self):
        super().setUp()
        self.follower = follower.Follower(
            self.task, self.tools, moves_case.SOURCE, self.calls, self.slots,
            self.record, self.ends)

    def step(self, status=None, **values):
        """Take a step of a move whose record has a status."""
        self.record.migration = self.migration(status) if status else None
        item = self.item(**values)
        self.follower.step(item)
        return item


class RecordTestCase(FollowerCase):

    def test_finished(self):
        self.nova.set('vm1', host='dst1')
        self.step('completed')
        self.ended('arrived')

    def test_failed(self):
        self.step('error')
        self.assertEqual(
            [('failed', 'Nova ended the migration with status error',
              self.record.migration)], self.ends.calls)

    def test_cold(self):
        self.nova.set('vm1', host='dst1', vm_state='resized')
        item = self.step('finished', action=Action.COLD)
        self.assertEqual(Phase.CONFIRM, item.attempt.phase)
        self.assertEqual([('confirm_resize', 'vm1')], self.nova.sent)

    def test_cancelled(self):
        """Only what Nova can abort is aborted, and only if it is to be."""
        for cancel, status, action, aborted in (
                (Cancel.ABORT, 'running', Action.LIVE, True),
                (Cancel.FINISH, 'running', Action.LIVE, False),
                (None, 'running', Action.LIVE, False),
                (Cancel.ABORT, 'preparing', Action.LIVE, False),
                (Cancel.ABORT, 'running', Action.COLD, False)):
            self.ends.cancel = cancel
            self.nova.sent.clear()
            self.step(status, action=action)
            self.assertEqual([('abort_migration', 'vm1')] if aborted else [],
                             self.nova.sent)
        self.ended()

    def test_not_over(self):
        self.step('running', age=401)
        self.ended('overdue')


class WithoutRecordTestCase(FollowerCase):

    def ages(self, item, until):
        """Step each second; at which ages was the server looked at?"""
        found = []
        while item.attempt.age < until:
            before = self.nova.reads['server']
            self.follower.step(item)
            if self.nova.reads['server'] > before:
                found.append(round(item.attempt.age))
            self.clock.sleep(1)
        return found

    def test_looks(self):
        """Less and less often, since Nova lists a record late."""
        self.config(group='host_tasks', move_timeout=1000)
        self.nova.set('vm1', task_state='migrating')
        self.assertEqual([4, 8, 16, 32, 62, 92],
                         self.ages(self.item(), 100))

    def test_another_try(self):
        """It begins anew to look, and so does one that was not seen."""
        self.nova.set('vm1', task_state='migrating')
        item = self.item()
        self.assertEqual([4, 8], self.ages(item, 10))
        self.follower.begin(item)
        self.assertEqual(Phase.ASK, item.attempt.phase)
        item.attempt.phase = Phase.FOLLOW
        self.assertEqual([4, 8], self.ages(item, 10))

        def fail():
            raise exception.CloudUnreachable(service='Nova', reason='503')

        self.follower.collect(item, fail)
        self.assertEqual([10, 20], self.ages(item, 21))

    def test_moved_by_somebody_else(self):
        self.nova.set('vm1', host='dst2')
        self.step(age=5)
        self.ended('arrived')

    def failing(self, message='Error', **values):
        """Step where Nova's action has ended without a record."""
        self.ends.asked = [types.SimpleNamespace(
            action='live-migration', start_time=clock.utcnow(),
            message=message)]
        return self.step(age=5, **values)

    def test_no_host(self):
        self.failing()
        self.assertEqual([('failed', LATE)], self.ends.calls)

    def test_record_came_late(self):
        """It is judged in the next round, and remembered."""
        self.record.late = self.migration('error')
        self.failing()
        self.ended()

    def test_goes_on(self):
        self.failing(message=None)
        self.nova.set('vm1', task_state='migrating')
        self.failing()
        self.ended()

    def test_lost(self):
        self.step(age=101)
        self.assertEqual([('failed', 'Nova has no record of the move')],
                         self.ends.calls)


class PhaseTestCase(FollowerCase):

    def test_ask(self):
        """Whether it was asked is found out before anything else."""
        item = self.step('running', phase=Phase.ASK)
        self.assertEqual(Phase.FOLLOW, item.attempt.phase)
        self.ended()

    def test_unlock(self):
        self.ends.locked = True
        self.step('error', phase=Phase.UNLOCK)
        self.ended('unlock')

    def test_offload(self):
        self.nova.set('vm1', vm_state='shelved')
        self.step(action=Action.OFFLOAD)
        self.ended()
        self.nova.set('vm1', vm_state='shelved_offloaded', host=None)
        self.step(action=Action.OFFLOAD)
        self.assertEqual([('done', None)], self.ends.calls)

    def test_offload_does_not_end(self):
        self.nova.set('vm1', vm_state='shelved')
        self.step(action=Action.OFFLOAD, age=401)
        self.ended('overdue')

    def test_since_when_it_is_over(self):
        """What was seen of one try says nothing of the next."""
        self.record.left = None
        item = self.item()
        item.attempt.lock_taken = False
        self.record.migration = self.migration('completed')
        self.follower.step(item)
        self.record.answered_at = 7.0
        self.follower.begin(item)
        item.attempt.lock_taken = False
        self.follower.step(item)
        self.assertEqual([0.0, 7.0], [at for at, _ in self.record.looks])


class DeletedTestCase(FollowerCase):
    """A server that is deleted between two requests stops nobody."""

    def fail(self, *args):
        raise exception.NotFound('Nova: server vm1')

    def test_step(self):
        self.nova.server_migrations = self.fail
        self.step('running', age=31)
        self.ended()

    def test_collect(self):
        taken = []
        self.follower.collect(self.item(), lambda: taken.append(1))
        self.assertEqual([1], taken)
        self.follower.collect(self.item(), self.fail)
        self.ended()
