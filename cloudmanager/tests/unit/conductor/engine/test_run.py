# SPDX-License-Identifier: Apache-2.0
"""What the steps of a flow know of their task, and who may write it."""

import dataclasses
import sqlite3
import threading

import sqlalchemy as sa
from sqlalchemy import event

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records import item
from cloudmanager.conductor.records import stored
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import Cancel
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState
from cloudmanager.tests import base
from cloudmanager.tests import clocks


@dataclasses.dataclass
class Memory(stored.Record):
    plan: list[int] = dataclasses.field(default_factory=list)
    note: str | None = None


@dataclasses.dataclass(kw_only=True)
class Move(item.Item):
    tries: int = 0


class RunCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.clock = clocks.simulate(self)
        self.stopping = threading.Event()

    def make(self, name='demo', host='cmp1', server_id=None, number=1):
        task, _ = db_tasks.create_task(
            self.context, name, targets=[f'host:{number}'],
            params={'force': True}, host=host, server_id=server_id)
        return self.claim(task['id'])

    def claim(self, task_id):
        old = db_tasks.get_task(self.context, task_id)['post_token']
        token = db_tasks.set_post_token(self.context, task_id, old, 0)
        task = db_tasks.claim(self.context, task_id, token, 'me')
        return engine_run.Run(self.context, task, self.stopping)


class FactsTestCase(RunCase):

    def test_facts(self):
        run = self.make(server_id='s1')
        row = db_tasks.get_task(self.context, run.task_id)
        self.assertIs(self.context, run.context)
        self.assertEqual(
            ('demo', 'cmp1', 's1', {'force': True}, 1, row['created_at'],
             'user', row['user_name']),
            (run.name, run.host, run.server_id, run.params, run.generation,
             run.created_at, run.user_id, run.user_name))

    def test_about_nothing(self):
        run = self.make(host=None)
        self.assertEqual(('', '', Memory(), None), (
            run.host, run.server_id, run.recall(Memory), run.result))

    def test_user_name(self):
        self.context.user_name = 'joe'
        self.assertEqual('joe', self.make().user_name)


class GuardTestCase(RunCase):

    def check_hand_over(self, run):
        self.assertRaises(engine_run.HandOver, run.guard)
        self.assertRaises(engine_run.HandOver, run.checkpoint)
        self.assertIs(False, run.is_owned())

    def test_owner(self):
        run = self.make()
        self.assertIsNone(run.guard())
        self.assertIs(True, run.is_owned())
        run.checkpoint()

    def test_stopping(self):
        run = self.make()
        self.stopping.set()
        self.check_hand_over(run)
        self.assertFalse(run.lost.is_set())

    def test_lost(self):
        run = self.make()
        run.lost.set()
        self.check_hand_over(run)

    def test_succeeded(self):
        """CC6: who was succeeded learns it, writes nothing, and goes."""
        old = self.make()
        new = self.claim(old.task_id)
        self.assertIs(False, old.is_owned())
        self.assertFalse(old.lost.is_set())
        self.assertRaises(engine_run.HandOver, old.guard)
        self.assertTrue(old.lost.is_set())
        for write in (lambda: old.keep(Memory(note='a')),
                      lambda: old.add_items([]),
                      lambda: old.save(Move(kind=ItemKind.SERVER,
                                            object_id='s')),
                      lambda: old.begin_part('p', 'x', 'cmp1', {})):
            self.assertRaises(exception.LeaseLost, write)
        self.assertEqual(Memory(), old.recall(Memory))
        self.assertTrue(new.is_owned())

    def test_cancelled(self):
        for number, how in enumerate(Cancel):
            run = self.make(number=number)
            db_tasks.request_cancel(self.context, run.task_id, how)
            self.assertIs(how, run.guard())
            self.assertIs(True, run.is_owned())
            error = self.assertRaises(exception.TaskCancelled,
                                      run.checkpoint)
            self.assertIn(run.task_id, str(error))

    def test_database_is_away(self):
        """Other threads go on to ask; the step's own thread sees it."""
        run = self.make()

        def fail(*args):
            raise sqlite3.ProgrammingError('closed')

        event.listen(sa.Engine, 'do_execute', fail)
        try:
            self.assertIs(False, run.is_owned())
        finally:
            event.remove(sa.Engine, 'do_execute', fail)
        self.assertIs(True, run.is_owned())

    def test_pause(self):
        run, begun = self.make(), self.clock.monotonic()
        run.pause(7)
        self.assertAlmostEqual(7, self.clock.monotonic() - begun, places=3)
        run.lost.set()
        self.assertRaises(engine_run.HandOver, run.pause, 1)
        run.lost.clear()
        self.stopping.set()
        self.assertRaises(engine_run.HandOver, run.pause, 1)


class MemoryTestCase(RunCase):

    def test_recall_and_keep(self):
        run = self.make()
        memory = run.recall(Memory)
        self.assertIs(memory, run.recall(Memory))
        memory.plan.append(1)
        run.keep(memory)
        with self.statements() as sent:
            run.keep(memory)
        self.assertEqual([], sent)
        self.assertEqual({'plan': [1]}, db_tasks.get_task(
            self.context, run.task_id)['memory'])
        self.assertEqual([1], self.claim(run.task_id).recall(Memory).plan)

    def test_part(self):
        run = self.make()
        for _ in range(2):
            run.begin_part('p' * 36, 'host.restart', 'cmp2', {'a': 1})
        part = db_tasks.get_task(self.context, 'p' * 36)
        self.assertEqual(
            ('host.restart', 'cmp2', {'a': 1}, run.task_id),
            (part['name'], part['host'], part['params'], part['parent_id']))

    def test_part_without_room(self):
        run = self.make()
        room = db_tasks.Room(1, frozenset({'cmp9'}), clock.utcnow())
        self.assertRaises(exception.HostsOutOfUse, run.begin_part, 'p' * 36,
                          'host.restart', 'cmp2', {}, room)
        self.assertRaises(exception.TaskNotFound, db_tasks.get_task,
                          self.context, 'p' * 36)

    def test_items(self):
        run = self.make()
        self.assertEqual([], run.items(Move))
        first = Move(kind=ItemKind.SERVER, object_id='s1', tries=2)
        second = Move(kind=ItemKind.SERVER, object_id='s2')
        run.add_items([first, second])
        run.add_items([first])
        self.assertEqual(['s1', 's2'],
                         [one.object_id for one in run.items(Move)])
        found, other = run.items(Move)
        self.assertEqual((Move, 2, 0), (type(found), found.tries,
                                        other.tries))
        found.tries, found.state = 3, ItemState.DONE
        run.save(found)
        again, other = run.items(Move)
        self.assertEqual((3, ItemState.DONE, ItemState.PENDING),
                         (again.tries, again.state, other.state))
