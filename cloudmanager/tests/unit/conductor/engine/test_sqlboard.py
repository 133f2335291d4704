# SPDX-License-Identifier: Apache-2.0
"""The SQL jobboard under TaskFlow's interface."""

import time

import sqlalchemy as sa
from taskflow import exceptions
from taskflow import states
from taskflow.jobs import backends
from taskflow.jobs import base as jobs_base
from taskflow.persistence import models as tf_models

from cloudmanager.conductor.engine import boards
from cloudmanager.conductor.engine import sqlboard
from cloudmanager.db import models
from cloudmanager.tests import base

LEASE = 30.0


@base.databases()
class BoardTestCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.board = self.connect()

    def connect(self, name='board'):
        board = backends.fetch(name, {'board': 'cloudmanager_sql',
                                      'ttl': LEASE})
        board.connect()
        self.addCleanup(board.close)
        return board

    def jobs(self, board=None, **kwargs):
        return list((board or self.board).iterjobs(ensure_fresh=True,
                                                   **kwargs))

    def names(self, **kwargs):
        return [job.name for job in self.jobs(**kwargs)]

    def expire(self):
        self.execute(sa.update(models.Job).values(expires_at=1.0))

    def claimed(self, who='one'):
        self.board.post('job')
        (job,) = self.jobs()
        self.board.claim(job, who)
        return job

    def overtaken(self):
        """Return a job as its old owner sees it, and the new owner's."""
        old = self.claimed()
        self.expire()
        (new,) = self.jobs(only_unclaimed=True)
        self.board.claim(new, 'two')
        return old, new

    def test_post_with_an_owner(self):
        """It is claimed from the beginning, with a lease."""
        job = self.board.post('job', details={'a': [1]}, owner='one')
        self.assertEqual(1, job.generation)
        self.assertEqual(states.CLAIMED, job.state)
        self.assertEqual('one', self.board.find_owner(job))
        self.assertTrue(LEASE - 10 < job.expires_in() <= LEASE)
        self.assertEqual([], self.names(only_unclaimed=True))
        other, = self.jobs()
        self.assertEqual({'a': [1]}, other.details)
        self.assertRaises(exceptions.UnclaimableJob, self.board.claim,
                          other, 'two')
        self.assertTrue(job.extend_expiry(LEASE))
        self.expire()
        other, = self.jobs(only_unclaimed=True)
        self.board.claim(other, 'two')
        self.assertFalse(job.extend_expiry(LEASE))
        self.assertRaises(exceptions.JobFailure, self.board.consume, job,
                          'one')
        self.board.consume(other, 'two')
        self.assertEqual([], self.names())

    def test_post(self):
        book = tf_models.LogBook('book')
        posted = self.board.post('job', book=book, details={'a': [1]})
        (job,) = self.jobs()
        self.assertEqual((posted.uuid, 'job', {'a': [1]}, book.uuid, 'book'),
                         (job.uuid, job.name, job.details, job.book_uuid,
                          job.book_name))
        self.assertEqual(states.UNCLAIMED, job.state)
        self.assertIsNotNone(job.created_on)
        self.assertIsNone(job.last_modified)
        self.assertEqual(1, self.board.job_count)

    def test_order(self):
        """Higher priority first, then in the order of posting."""
        for name, priority in (('b', 'NORMAL'), ('d', 'LOW'),
                               ('c', 'NORMAL'), ('a', 'VERY_HIGH')):
            self.board.post(name, priority=priority)
        self.assertEqual(['a', 'b', 'c', 'd'], self.names())
        self.assertEqual(jobs_base.JobPriority.VERY_HIGH,
                         self.jobs()[0].priority)

    def test_boards_are_apart(self):
        self.board.post('job')
        self.assertEqual([], self.jobs(self.connect('other')))

    def test_claim(self):
        job = self.claimed()
        self.assertEqual(states.CLAIMED, job.state)
        self.assertEqual('one', self.board.find_owner(job))
        self.assertAlmostEqual(LEASE, job.expires_in(), delta=5)
        self.assertEqual([], self.names(only_unclaimed=True))
        self.assertEqual(['job'], self.names())

    def test_post_claimed(self):
        """It is there, and nobody else gets it in between."""
        posted = boards.post_claimed(self.board, 'job', {'a': 1}, 'one')
        (job,) = self.jobs()
        self.assertEqual(({'a': 1}, 'one'),
                         (job.details, self.board.find_owner(job)))
        self.assertTrue(posted.extend_expiry(LEASE))
        self.assertEqual([], self.names(only_unclaimed=True))

    def test_claim_twice(self):
        job = self.claimed()
        self.assertRaises(exceptions.UnclaimableJob, self.board.claim, job,
                          'two')
        self.assertEqual('one', self.board.find_owner(job))

    def test_claim_raced(self):
        """EV2: of eight that claim a job at once one gets it."""
        self.board.post('job')

        def claim(number):
            (job,) = self.jobs(self.board)
            self.board.claim(job, f'worker-{number}')
            return number

        calls = base.Together(8, claim)

        (winner,) = [n for n in calls.results if n is not None]
        self.assertEqual({exceptions.UnclaimableJob},
                         {type(error) for error in calls.raised})
        (job,) = self.jobs()
        self.assertEqual(f'worker-{winner}', self.board.find_owner(job))

    def test_lease_runs_out(self):
        """CC3: an owner that died is succeeded; by the real clock."""
        self.board.post('job')
        (job,) = self.jobs()
        self.board.claim(job, 'one', expiry=0.3)
        self.assertEqual([], self.names(only_unclaimed=True))

        base.wait_for(lambda: self.names(only_unclaimed=True), 5)

        (again,) = self.jobs(only_unclaimed=True)
        self.assertIsNone(self.board.find_owner(again))
        self.board.claim(again, 'two')
        self.assertEqual('two', self.board.find_owner(job))

    def test_clock(self):
        """Seconds since 1970, whatever the server's time zone."""
        job = self.claimed()
        (row,) = self.execute(sa.select(models.Job.expires_at))
        self.assertAlmostEqual(time.time() + LEASE, row[0], delta=10)
        self.assertEqual(row[0], self.board.row(job).expires_at)

    def test_extend(self):
        job = self.claimed()
        self.assertTrue(job.extend_expiry(300))
        self.assertAlmostEqual(300, job.expires_in(), delta=5)

    def test_extend_late(self):
        """A lease that ran out counts while nobody took it."""
        job = self.claimed()
        self.expire()
        self.assertTrue(job.extend_expiry(LEASE))
        self.assertEqual('one', self.board.find_owner(job))

    def test_extend_by_the_old_generation(self):
        """CC6: who was succeeded learns it when it extends."""
        old, new = self.overtaken()
        self.assertFalse(old.extend_expiry(300))
        self.assertAlmostEqual(LEASE, new.expires_in(), delta=5)

    def test_extend_unclaimed(self):
        self.board.post('job')
        (job,) = self.jobs()
        self.assertFalse(job.extend_expiry(300))

    def test_same_name_old_generation(self):
        """The fence holds against a former life of the same name too."""
        old = self.claimed('one')
        self.expire()
        (new,) = self.jobs(only_unclaimed=True)
        self.board.claim(new, 'one')
        self.assertFalse(old.extend_expiry(300))
        for action in (self.board.consume, self.board.abandon,
                       self.board.trash):
            self.assertRaises(exceptions.JobFailure, action, old, 'one')
        self.assertEqual(states.CLAIMED, new.state)

    def test_stale_owner_is_refused(self):
        old, new = self.overtaken()
        for action in (self.board.consume, self.board.abandon,
                       self.board.trash):
            self.assertRaises(exceptions.JobFailure, action, old, 'one')
        self.assertEqual(states.CLAIMED, new.state)
        self.assertEqual('two', self.board.find_owner(new))

    def test_owner_needed(self):
        self.board.post('job')
        (job,) = self.jobs()
        for action in (self.board.consume, self.board.abandon,
                       self.board.trash):
            self.assertRaises(exceptions.JobFailure, action, job, 'one')
            self.assertRaises(ValueError, action, job, '')
        self.assertEqual(['job'], self.names(only_unclaimed=True))

    def test_consume(self):
        job = self.claimed()
        self.board.consume(job, 'one')
        self.assertEqual([], self.names())
        self.assertEqual(states.COMPLETE, job.state)
        self.assertTrue(job.wait(timeout=1))
        for action in (self.board.consume, self.board.claim):
            self.assertRaises(exceptions.NotFound, action, job, 'one')

    def test_abandon(self):
        job = self.claimed()
        self.board.abandon(job, 'one')
        self.assertEqual(states.UNCLAIMED, job.state)
        self.assertEqual(['job'], self.names(only_unclaimed=True))
        self.assertFalse(job.extend_expiry(30))
        self.assertRaises(exceptions.JobFailure, self.board.abandon, job,
                          'one')

    def test_trash(self):
        job = self.claimed()
        self.board.trash(job, 'one')
        self.assertEqual([], self.names())
        self.assertEqual(0, self.board.job_count)
        self.assertRaises(exceptions.UnclaimableJob, self.board.claim, job,
                          'two')

    def test_persists(self):
        job = self.claimed()
        self.assertIs(True, self.board.connected)
        self.board.close()
        self.assertIs(False, self.board.connected)

        other = self.connect()

        (found,) = self.jobs(other)
        self.assertEqual((job.uuid, 'one'), (found.uuid,
                                             other.find_owner(found)))
        self.assertTrue(job.extend_expiry(LEASE))

    def test_wait(self):
        self.assertRaises(exceptions.NotFound, self.board.wait, 0)
        self.board.post('job')
        self.assertEqual(['job'], [job.name for job in self.board.wait(5)])
        (job,) = self.jobs()
        self.board.claim(job, 'one')
        self.assertEqual(['job'], [job.name for job in self.board.wait(5)])

    def test_failures_are_the_interface_s(self):
        """TaskFlow's users see its own errors, not the database's."""
        job = self.claimed()
        engine = sa.create_engine(f'sqlite:///{self.directory}/none')
        self.addCleanup(engine.dispose)
        self.board._engine.dispose()
        self.board._engine = engine
        for call in (lambda: self.board.claim(job, 'one'),
                     lambda: self.board.consume(job, 'one'),
                     lambda: self.board.post('other'),
                     lambda: self.board.job_count, self.jobs,
                     lambda: job.extend_expiry(1)):
            self.assertRaises(exceptions.JobFailure, call)

    def test_priorities_are_all_known(self):
        self.assertEqual(
            {priority.value for priority in jobs_base.JobPriority},
            set(sqlboard.PRIORITIES))
