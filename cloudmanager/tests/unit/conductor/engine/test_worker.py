# SPDX-License-Identifier: Apache-2.0
"""The engine runs tasks to their end."""

import datetime
import sqlite3
import time
from unittest import mock

import fixtures
import sqlalchemy as sa
from sqlalchemy import event
from taskflow.types import failure

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import boards
from cloudmanager.conductor.engine import persistence
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.db import api as db_api
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base
from cloudmanager.tests.unit.conductor.engine import worker_case

#: Makes workers miss a lost job after one lease.
ONE_LEASE = fixtures.MonkeyPatch(
    'cloudmanager.conductor.engine.worker.LOST_JOB_LEASES', 1)


class RunMixin:
    """What holds with every jobboard and database."""

    def test_success(self):
        self.script.actions['b'] = lambda run: setattr(
            run, 'result', '3 moved')
        worker, task_id = self.worker(), self.create()
        worker.post(task_id)

        row = self.ended(task_id)

        self.assertEqual(('SUCCESS', '3 moved', None, None, 1), (
            row['status'], row['result'], row['traceback'], row['owner'],
            row['generation']))
        self.assertEqual(['a', 'b', 'c'], self.script.steps())
        self.assertIsNone(db_tasks.find_running(self.context, 'host:cmp1'))
        self.no_jobs()

    def test_failure(self):
        """The error is kept, secrets masked, and earlier steps put back."""
        def fail(run):
            raise exception.TaskFailed(
                reason="refused: {'password': 'hunter2', 'a': 1}")

        self.script.actions['b'] = fail
        worker, task_id = self.worker(), self.create()
        worker.post(task_id)

        row = self.ended(task_id)

        self.assertEqual('FAILURE', row['status'])
        self.assertEqual(['a', 'b', '-b', '-a'], self.script.steps())
        self.assertIn('refused', row['result'])
        self.assertIn('Traceback', row['traceback'])
        self.assertNotIn('hunter2', str(row))
        self.no_jobs()

    def test_graceful_stop(self):
        """CC5, CC14: a stop leaves no claimed job, and others go on."""
        gate = worker_case.PoliteGate(self)
        self.script.actions['b'] = gate
        one, task_id = self.worker('one'), self.create()
        one.post(task_id)
        self.assertTrue(gate.entered.wait(10))

        one.stop(5)

        (job,) = self.jobs(only_unclaimed=True)
        self.assertEqual(task_id, job.details['task_id'])
        self.assertEqual('STARTED', self.row(task_id)['status'])
        self.script.actions.clear()
        self.worker('two')
        row = self.ended(task_id)
        self.assertEqual(('SUCCESS', 2), (row['status'],
                                          row['generation']))
        # CC11: the finished step is not run again.
        self.assertEqual(['b', 'c'], self.script.steps('two'))

    def test_dead_worker(self):
        """CC3: the task of a dead worker goes on, and it writes nothing."""
        gate = worker_case.Gate(self)
        self.script.actions['b'] = lambda run: dead_runs.append(run) or gate(
            run)
        dead_runs = []
        dead, task_id = self.dead(), self.create()
        dead.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        self.freeze(dead)
        self.script.actions.clear()

        started = time.monotonic()
        self.worker('two')
        row = self.ended(task_id)

        self.assertLess(time.monotonic() - started, worker_case.TAKE_OVER)
        self.assertEqual(('SUCCESS', 2), (row['status'],
                                          row['generation']))
        self.assertEqual(['a', 'b'], self.script.steps('dead'))
        self.assertEqual(['b', 'c'], self.script.steps('two'))
        self._wakes_up(gate, dead_runs[0], row)

    def _wakes_up(self, gate, run, row):
        """The dead worker goes on: nothing of it is seen any more."""
        self.assertRaises(exception.LeaseLost, run.keep,
                          worker_case.Memory(asked=True))
        self.assertRaises(engine_run.HandOver, run.guard)
        gate.opened.set()
        base.wait_for(lambda: run.lost.is_set(), 5)
        self.assertEqual(row, self.row(row['id']))
        self.assertEqual(['a', 'b'], self.script.steps('dead'))

    def test_lost_job(self):
        """A job that the board forgot is posted again."""
        task_id = self.create()
        self.useFixture(ONE_LEASE)
        poster = self.worker('poster', start=False)
        poster._board = boards.connect()
        self.addCleanup(poster._board.close)
        poster.post(task_id)
        token = self.row(task_id)['post_token']
        self.lose_jobs()
        self.worker()

        row = self.ended(task_id, 15)

        self.assertEqual('SUCCESS', row['status'])
        self.assertNotEqual(token, row['post_token'])
        self.assertEqual(['a', 'b', 'c'], self.script.steps())


class BoardMixin(RunMixin):
    """What has to do with the jobboard more than with the database."""

    def test_cancel(self):
        """A cancelled task ends as REVOKED, its steps put back."""
        gate = worker_case.Gate(self)

        def until_cancelled(run):
            gate(run)
            run.checkpoint()

        self.script.actions['b'] = until_cancelled
        worker, task_id = self.worker(), self.create()
        worker.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        db_tasks.request_cancel(self.context, task_id, 'finish')
        gate.opened.set()

        row = self.ended(task_id)

        self.assertEqual(('REVOKED', None), (row['status'],
                                             row['traceback']))
        self.assertEqual(['a', 'b', '-b', '-a'], self.script.steps())
        self.no_jobs()

    def test_build_fails(self):
        """A flow that cannot be built ends its task, and does not loop."""
        worker = self.worker()
        for name, target, said in (
                ('broken', 'a', 'No cloud is configured'),
                ('no.such.flow', 'b', 'no.such.flow')):
            task_id = self.create(name, target)
            worker.post(task_id)
            row = self.ended(task_id)
            self.assertEqual(('FAILURE', 1), (row['status'],
                                              row['generation']))
            self.assertIn(said, row['result'])
        self.no_jobs()

    def test_stopped_worker_takes_no_work(self):
        """CC14"""
        worker = self.worker()
        worker.stop(5)
        task_id = self.create()
        boards.connect().post('late', details={'task_id': task_id,
                                               'token': 'any'})
        time.sleep(5 * worker_case.POLL)
        self.assertEqual([], self.script.steps())
        self.assertEqual('PENDING', self.row(task_id)['status'])

    def test_lost_cast(self):
        """A task that nobody was told of is found by the sweep."""
        task_id = self.create()
        self.worker()
        self.assertEqual('SUCCESS', self.ended(task_id)['status'])
        self.assertEqual(['a', 'b', 'c'], self.script.steps())

    def test_lost_job_of_a_running_task(self):
        """A board that forgets a running task's job disturbs nothing."""
        self.useFixture(ONE_LEASE)
        gate = worker_case.Gate(self)
        self.script.actions['b'] = gate
        worker, task_id = self.worker(), self.create()
        worker.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        self.lose_jobs()
        self.worker('two')
        time.sleep(2 * worker_case.LEASE)
        gate.opened.set()

        row = self.ended(task_id)

        self.assertEqual(('SUCCESS', 1), (row['status'],
                                          row['generation']))
        self.assertEqual(['a', 'b', 'c'], self.script.steps())

    def test_two_jobs_for_a_task(self):
        """Only the job that was posted last counts."""
        gate = worker_case.Gate(self)
        self.script.actions['a'] = gate
        task_id = self.create()
        board = boards.connect()
        self.addCleanup(board.close)
        for _ in range(3):
            token = db_tasks.set_post_token(
                self.context, task_id, self.row(task_id)['post_token'], 0)
            board.post(task_id, details={'task_id': task_id,
                                         'token': token})
        self.worker('one')
        self.worker('two')
        self.assertTrue(gate.entered.wait(10))
        base.wait_for(lambda: len(self.jobs()) == 1, 5)
        gate.opened.set()

        row = self.ended(task_id)

        self.assertEqual(('SUCCESS', 1), (row['status'],
                                          row['generation']))
        self.assertEqual(['a', 'b', 'c'], self.script.steps())
        self.no_jobs()

    def test_long_step_keeps_its_lease(self):
        """A step longer than the lease is not taken over."""
        gate = worker_case.Gate(self)
        self.script.actions['b'] = gate
        one, task_id = self.worker('one'), self.create()
        one.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        self.worker('two')
        time.sleep(1.7 * worker_case.LEASE)
        gate.opened.set()
        row = self.ended(task_id)
        self.assertEqual(('SUCCESS', 1), (row['status'],
                                          row['generation']))
        self.assertEqual([], self.script.steps('two'))


@base.databases(sqlite=False)
class ServersTestCase(RunMixin, worker_case.WorkerCase):
    """Jobboard, tasks and flows in one database on a server."""


class SQLiteTestCase(BoardMixin, worker_case.WorkerCase):
    """Jobboard, tasks and flows in one file."""


class RedisTestCase(BoardMixin, worker_case.WorkerCase):
    """Jobboard on Redis, the rest on SQLite."""

    board = 'redis'


class EndsTestCase(worker_case.WorkerCase):
    """Ends that need only one kind of jobboard."""

    def test_many_tasks(self):
        """More tasks than threads all end, each run once."""
        # However slow the machine is.
        self.config(group='conductor', lease=60)
        one, two = self.worker('one'), self.worker('two')
        tasks = [self.create(target=f'host:{n}') for n in range(8)]
        for number, task_id in enumerate(tasks):
            (one, two)[number % 2].post(task_id)
        for task_id in tasks:
            self.assertEqual('SUCCESS', self.ended(task_id, 30)['status'])
        self.assertEqual(8 * 3, len(self.script.log))

    def test_end_is_told(self):
        """When the task has ended, and whatever comes of telling it."""
        seen = []

        def end(run):
            seen.append(self.row(run.task_id)['status'])
            raise exception.CloudNotConfigured(setting='x')

        self.script.end = end
        worker = self.worker()
        for name in ('demo', 'broken'):
            task_id = self.create(name)
            worker.post(task_id)
            self.ended(task_id)
            self.no_jobs()
        self.assertEqual(['SUCCESS', 'FAILURE'], seen)

    def test_posts_raced(self):
        """EV1: a task that is cast to eight conductors is run once."""
        worker, task_id = self.worker(), self.create()
        calls = base.Together(8, lambda number: worker.post(task_id))
        self.assertEqual([], calls.raised)
        row = self.ended(task_id)
        self.assertEqual(1, row['generation'])
        self.assertEqual(['a', 'b', 'c'], self.script.steps())

    def test_sweep_leaves_alone_what_is_queued(self):
        """What this conductor was told of is not posted a second way."""
        made, ids = self.worker(start=False), [self.create(), self.create(
            target='host:cmp2')]
        made._board = boards.connect()
        self.addCleanup(made._board.close)
        self.execute(sa.update(models.Task).values(
            heartbeat_at=clock.utcnow() - datetime.timedelta(seconds=60)))
        made.post(ids[0])
        made._sweep()
        self.assertEqual([ids[1]], [job.name for job in self.jobs()])
        with mock.patch.object(db_tasks, 'set_post_token',
                               side_effect=OSError):
            self.assertRaises(OSError, made._post_new)
        made._sweep()
        self.assertEqual(sorted(ids),
                         sorted(job.name for job in self.jobs()))

    def test_hung_step_at_stop(self):
        """CC14: a step that does not stop loses its lease at the stop."""
        gate = worker_case.Gate(self)
        self.script.actions['b'] = gate
        one, task_id = self.worker('one'), self.create()
        one.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        one.stop(0.2)
        self.script.actions.clear()

        self.worker('two')
        row = self.ended(task_id)

        self.assertEqual(('SUCCESS', 2), (row['status'],
                                          row['generation']))
        gate.opened.set()

    def test_undo_that_fails(self):
        """A revert that raises hides no error and stops no other one."""
        def fail(run):
            raise exception.TaskFailed(reason='the first error')

        def fail_too(run):
            raise RuntimeError('the second error')

        self.script.actions['c'] = fail
        self.script.undo['b'] = fail_too
        worker, task_id = self.worker(), self.create()
        worker.post(task_id)
        row = self.ended(task_id)
        self.assertEqual('FAILURE', row['status'])
        self.assertEqual('the first error', row['result'])
        self.assertEqual(['a', 'b', 'c', '-c', '-b', '-a'],
                         self.script.steps())

    def test_memory_reaches_the_successor(self):
        """CC11: what a step remembered is known after a take-over."""
        gate, seen = worker_case.PoliteGate(self), []
        self.script.actions['a'] = lambda run: run.keep(
            worker_case.Memory(plan=[1, 2]))
        self.script.actions['b'] = gate
        one, task_id = self.worker('one'), self.create()
        one.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        one.stop(5)
        self.script.actions['b'] = lambda run: seen.append(
            run.recall(worker_case.Memory))
        self.worker('two')
        self.ended(task_id)
        self.assertEqual([worker_case.Memory(plan=[1, 2])], seen)

    def test_result_reaches_the_successor(self):
        """What a step told of the task is in its result after a take-over."""
        def tell(text):
            def action(run):
                run.result = '; '.join(filter(None, (run.result, text)))
            return action

        gate = worker_case.PoliteGate(self)
        self.script.actions.update(a=tell('two moved'), b=tell('in use'),
                                   c=gate)
        one, task_id = self.worker('one'), self.create()
        one.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        one.stop(5)
        self.script.actions['c'] = tell('one came back')
        self.worker('two')
        row = self.ended(task_id)
        self.assertEqual(['c'], self.script.steps('two'))
        self.assertEqual('two moved; in use; one came back', row['result'])

    def test_died_between_flow_and_task(self):
        """A flow that failed is not begun anew by a successor."""
        task_id = self.create()
        self._run_flow_alone(task_id)
        self.assertEqual(['a', 'b', '-b', '-a'], self.script.steps())
        self.script.log.clear()

        self.worker('two')
        row = self.ended(task_id)

        self.assertEqual(('FAILURE', []), (row['status'],
                                           self.script.steps()))
        self.assertIn('no way', row['result'])
        self.assertIn('Traceback', row['traceback'])

    def _run_flow_alone(self, task_id):
        """Run a task's flow as a worker that dies at the flow's end."""
        def fail(run):
            raise exception.TaskFailed(reason='no way')

        self.script.actions['b'] = fail
        token = db_tasks.set_post_token(self.context, task_id, None, 0)
        task = db_tasks.claim(self.context, task_id, token, 'dead')
        dead = self.worker('dead', start=False)
        run = engine_run.Run(self.context, task, dead._stopping)
        engine = db_api.create_engine()
        self.addCleanup(engine.dispose)
        dead._backend = persistence.Backend(engine)
        found = dead._run_flow(run)
        self.assertIsInstance(found, failure.Failure)
        boards.connect().post(task_id, details={'task_id': task_id,
                                                'token': token})
        self.script.actions.clear()

    def test_died_while_reverting(self):
        """What was not put back yet is put back by the successor."""
        def fail(run):
            raise exception.TaskFailed(reason='no way')

        gate = worker_case.PoliteGate(self)
        self.script.actions['c'] = fail
        self.script.undo['b'] = gate
        one, task_id = self.worker('one'), self.create()
        one.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        one.stop(5)
        self.script.undo.clear()

        self.worker('two')
        row = self.ended(task_id)

        self.assertEqual('FAILURE', row['status'])
        self.assertEqual('no way', row['result'])
        self.assertEqual(['-b', '-a'], self.script.steps('two'))

    def test_own_job_is_not_claimed_twice(self):
        """CC6: a lease that ran out in an outage is renewed, not raced."""
        gate = worker_case.Gate(self)
        self.script.actions['b'] = gate
        worker, task_id = self.worker(), self.create()
        worker.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        for _ in range(20):
            self.execute(sa.update(models.Job).values(expires_at=1.0))
            time.sleep(0.02)
        gate.opened.set()
        row = self.ended(task_id)
        self.assertEqual(('SUCCESS', 1), (row['status'],
                                          row['generation']))
        self.assertEqual(['a', 'b', 'c'], self.script.steps())

    def test_single_step(self):
        """Of a flow of one step TaskFlow keeps nothing."""
        worker, task_id = self.worker(), self.create('single')
        worker.post(task_id)
        self.assertEqual('SUCCESS', self.ended(task_id)['status'])
        self.assertEqual(['a'], self.script.steps())
        self.assertEqual([], self.execute(sa.text(
            'SELECT uuid FROM logbooks')))

    def test_single_step_fails(self):
        """It is put back, and its reason is that of the task."""
        def fail(run):
            raise exception.TaskFailed(reason='no way')

        self.script.actions['a'] = fail
        worker, task_id = self.worker(), self.create('single')
        worker.post(task_id)
        row = self.ended(task_id)
        self.assertEqual(('FAILURE', ['a', '-a']), (row['status'],
                                                    self.script.steps()))
        self.assertIn('no way', row['result'])
        self.assertIn('Traceback', row['traceback'])

    def test_died_in_a_single_step(self):
        """The successor begins it again and knows what it remembered."""
        gate, seen = worker_case.PoliteGate(self), []

        def first(run):
            run.keep(worker_case.Memory(asked=True))
            gate(run)

        self.script.actions['a'] = first
        one, task_id = self.worker('one'), self.create('single')
        one.post(task_id)
        self.assertTrue(gate.entered.wait(10))
        one.stop(5)
        self.script.actions['a'] = lambda run: seen.append(
            run.recall(worker_case.Memory))
        self.worker('two')
        self.assertEqual('SUCCESS', self.ended(task_id)['status'])
        self.assertEqual([worker_case.Memory(asked=True)], seen)

    def test_logbook_has_the_task_s_id(self):
        """The removal of old tasks relies on it."""
        worker, task_id = self.worker(), self.create()
        worker.post(task_id)
        self.ended(task_id)
        for table in ('logbooks', 'flowdetails'):
            self.assertEqual([(task_id,)], [tuple(row) for row in
                             self.execute(sa.text(
                                 f'SELECT uuid FROM {table}'))])
        self.assertEqual([(task_id,)] * 3, [tuple(row) for row in
                         self.execute(sa.text(
                             'SELECT parent_uuid FROM atomdetails'))])


class Outage:
    """Cuts every connection to SQLite and lets none be made."""

    def __enter__(self):
        event.listen(sa.Engine, 'do_execute', self._fail)
        event.listen(sa.Engine, 'do_connect', self._fail)

    def __exit__(self, *args):
        event.remove(sa.Engine, 'do_execute', self._fail)
        event.remove(sa.Engine, 'do_connect', self._fail)

    @staticmethod
    def _fail(*args):
        raise sqlite3.ProgrammingError(
            'Cannot operate on a closed database.')


class OutageTestCase(worker_case.WorkerCase):
    """CC6: the engine outlives an outage of the database."""

    SECONDS = 3 * worker_case.LEASE

    def _begin(self, count):
        gate = worker_case.Gate(self)
        self.script.actions['b'] = gate
        workers = [self.worker('one'), self.worker('two')]
        tasks = [self.create(target=f'host:{n}') for n in range(count)]
        for task_id in tasks:
            workers[0].post(task_id)
        base.wait_for(lambda: self.script.steps().count('b') == count)
        return gate, tasks

    def _check(self, tasks):
        for task_id in tasks:
            self.assertEqual('SUCCESS', self.ended(task_id, 20)['status'])
        counts = {name: self.script.steps().count(name) for name in 'abc'}
        self.assertEqual(len(tasks), counts['a'])
        # What ran when the lights went out may be begun a second time.
        self.assertLessEqual(counts['b'], 2 * len(tasks))
        self.no_jobs(10)

    def test_step_ends_in_the_outage(self):
        gate, tasks = self._begin(3)
        with Outage():
            gate.opened.set()
            time.sleep(self.SECONDS)
        self._check(tasks)

    def test_step_outlasts_the_outage(self):
        """Nobody takes a living conductor's task in or after it."""
        gate, tasks = self._begin(1)
        with Outage():
            time.sleep(self.SECONDS)
        time.sleep(worker_case.LEASE)
        gate.opened.set()
        self._check(tasks)
