# SPDX-License-Identifier: Apache-2.0
"""What a worker looks for, how often, and how much it takes."""

import datetime
import threading
import time

import fixtures
from oslo_context import context as oslo_context
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base
from cloudmanager.tests.unit.conductor.engine import worker_case


class Board:
    """A jobboard that only keeps what is posted.

    :ivar looks: how often it was looked at
    """

    def __init__(self):
        self.details = []
        self.looks = 0

    def post(self, name, details):
        self.details.append(details)

    def iterjobs(self, **kwargs):
        self.looks += 1
        return [Job(details) for details in self.details]

    def close(self):
        pass


class Job:

    def __init__(self, details):
        self.details = details


class SweepTestCase(worker_case.WorkerCase):
    """A worker that is not started, with a board that shows all."""

    def setUp(self):
        super().setUp()
        self.made, self.board_now = self.worker(start=False), Board()
        self.made._board = self.board_now
        self.made._has_room = lambda: False

    def silent(self, task_id, seconds):
        """Have the last sign of life of a task be so long ago."""
        self.execute(sa.update(models.Task).where(
            models.Task.id == task_id).values(
                heartbeat_at=clock.utcnow()
                - datetime.timedelta(seconds=seconds)))

    def posted(self):
        found, self.board_now.details = self.board_now.details, []
        return found

    def test_lost_cast(self):
        """A task is posted once, a second after nobody was told of it."""
        task_id = self.create()
        for seconds, expected in ((0, 0), (0.5, 0), (1.5, 1), (1.5, 0)):
            self.silent(task_id, seconds)
            self.made._sweep()
            found = self.posted()
            self.assertEqual(expected, len(found), seconds)
            for details in found:
                self.assertEqual(
                    {'task_id': task_id,
                     'token': self.row(task_id)['post_token']}, details)

    def test_lost_job(self):
        """A job is missed after three leases, and not while it is there."""
        task_id = self.create()
        old = db_tasks.set_post_token(self.context, task_id, None, 0)
        self.silent(task_id, 2.5 * worker_case.LEASE)
        self.made._sweep()
        self.assertEqual([], self.posted())
        self.silent(task_id, 3.2 * worker_case.LEASE)
        present = {'task_id': task_id, 'token': old}
        self.board_now.details = [present]
        self.made._sweep()
        self.assertEqual([present], self.posted())
        self.made._sweep()
        (details,) = self.posted()
        self.assertNotEqual(old, details['token'])
        self.assertEqual({'task_id': task_id,
                          'token': self.row(task_id)['post_token']}, details)

    def test_what_is_in_the_queue(self):
        """The sweep leaves it to the thread that posts, if that can."""
        task_id = self.create()
        self.silent(task_id, 1.5)
        self.made.post(task_id)
        self.made._sweep()
        self.assertEqual([], self.posted())
        self.made._post = self._fail
        self.assertRaises(OSError, self.made._post_new)
        del self.made._post
        self.made._sweep()
        self.assertEqual([task_id], [details['task_id']
                                     for details in self.posted()])

    def _fail(self, *args, **kwargs):
        raise OSError('no jobboard')

    def test_board_is_left_alone(self):
        """Nobody reads all jobs while no task is overdue."""
        self.create()
        self.made._sweep()
        self.assertEqual(0, self.board_now.looks)

    def test_posted_at_once(self):
        """After 16 posts the board is looked at, and then they go on."""
        for number in range(20):
            self.made.post(self.create(target=f'host:{number}'))
        self.made._wake.clear()
        self.made._post_new()
        self.assertEqual(16, len(self.posted()))
        self.assertTrue(self.made._wake.is_set())
        self.made._wake.clear()
        self.made._post_new()
        self.assertEqual(4, len(self.posted()))
        self.assertFalse(self.made._wake.is_set())

    def test_post_of_what_is_posted(self):
        task_id = self.create()
        for _ in range(2):
            self.made.post(task_id)
        self.made._post_new()
        self.assertEqual([task_id], [details['task_id']
                                     for details in self.posted()])


class LivingTestCase(worker_case.WorkerCase):

    def test_looks_at_the_board(self):
        """As often as configured, but a message does not wait for it."""
        self.config(group='conductor', poll_interval=60)
        board, looks = Board(), []
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.engine.boards.connect', lambda: board))
        made = self.worker(start=False)
        made._claim_jobs = lambda: looks.append(len(board.details))
        made._has_room = lambda: False
        made.start()
        self.addCleanup(made.stop, 5)
        base.wait_for(lambda: looks)
        time.sleep(0.2)
        self.assertEqual([0], looks)
        made.post(self.create())
        base.wait_for(lambda: len(looks) > 1)
        self.assertEqual([0, 1], looks)

    def test_takes_what_it_has_threads_for(self):
        """CC14: what it cannot run at once is there for others."""
        self.config(group='conductor', workers=1)
        gate = worker_case.Gate(self)
        self.script.actions['a'] = gate
        made = self.worker()
        tasks = [self.create(target=f'host:{number}') for number in range(3)]
        for task_id in tasks:
            made.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        base.wait_for(lambda: len(self.jobs()) == 3)
        time.sleep(4 * worker_case.POLL)
        self.assertEqual(2, len(self.jobs(only_unclaimed=True)))
        gate.opened.set()
        for task_id in tasks:
            self.assertEqual('SUCCESS', self.ended(task_id)['status'])

    def test_request_id(self):
        """What a step logs and asks bears the id of the user's request."""
        seen = []
        self.script.actions['a'] = lambda run: seen.append(
            (run.context.global_request_id, oslo_context.get_current()
             is run.context))
        made, task_id = self.worker(), self.create('single')
        made.post(task_id)
        self.ended(task_id)
        self.assertEqual([(self.context.request_id, True)], seen)

    def overtake(self, run):
        """Have another conductor own the task of a run."""
        token = self.row(run.task_id)['post_token']
        db_tasks.claim(self.context, run.task_id, token, 'other')

    def test_job_ends_with_its_task(self):
        """Nobody has to find it when its lease runs out."""
        self.config(group='conductor', lease=60)
        made, task_id = self.worker(), self.create()
        made.post(task_id)
        self.ended(task_id)
        self.no_jobs()

    def test_overtaken_at_the_end(self):
        """CC6: it writes no end, and leaves the job to the other one."""
        runs = []

        def step(run):
            runs.append(run)
            self.overtake(run)

        self.script.actions['a'] = step
        made, task_id = self.worker(), self.create('single')
        made.post(task_id)
        base.wait_for(lambda: runs and runs[0].lost.is_set())
        base.wait_for(lambda: not made._runs)
        self.assertEqual(('STARTED', 'other'), (
            self.row(task_id)['status'], self.row(task_id)['owner']))
        self.assertEqual([], self.jobs(only_unclaimed=True))

    def test_overtaken_in_a_step(self):
        """CC6: a long step learns it from the thread that renews."""
        gate, runs = worker_case.Gate(self), []
        self.script.actions['a'] = lambda run: runs.append(run) or gate(run)
        made, task_id = self.worker(), self.create('single')
        made.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        self.assertFalse(runs[0].lost.is_set())
        self.overtake(runs[0])
        base.wait_for(lambda: runs[0].lost.is_set())
        gate.opened.set()

    def test_stop_leaves_nothing(self):
        before = set(threading.enumerate())
        made, task_id = self.worker(), self.create()
        made.post(task_id)
        self.ended(task_id)
        self.no_jobs()
        begun = time.monotonic()
        made.stop(30)
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(set(), set(threading.enumerate()) - before)
        self.assertFalse(made._board.connected)
