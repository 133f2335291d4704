# SPDX-License-Identifier: Apache-2.0
"""Tasks: rights, fences and retention."""

import datetime

import sqlalchemy as sa
from taskflow.persistence import models as tf_models

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import persistence
from cloudmanager.db import api as db_api
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import query as common_query
from cloudmanager.tests import base


class TaskCase(base.DbTestCase):
    """Helpers."""

    def setUp(self):
        super().setUp()
        self.execute(sa.insert(models.Node), [
            {'id': 7, 'node_class_id': 1, 'node_type_id': 1,
             'image_id': 1}])

    def create(self, host='cmp1', name='host.shutdown', **params):
        return db_tasks.create_task(
            self.context, name, targets=[f'host:{host}', 'node:7'],
            params=params, host=host)

    def claimed(self):
        """Return a task that was claimed by one conductor."""
        task, _ = self.create()
        token = db_tasks.set_post_token(self.context, task['id'], None, 0)
        return db_tasks.claim(self.context, task['id'], token, 'one')

    def age(self, task_id, **seconds):
        """Move times of a task into the past."""
        self.execute(sa.update(models.Task).where(
            models.Task.id == task_id).values({
                name: clock.utcnow() - datetime.timedelta(seconds=value)
                for name, value in seconds.items()}))

    def row(self, task_id):
        return db_tasks.get_task(self.context, task_id)


@base.databases()
class CreateTestCase(TaskCase):

    def test_new(self):
        task, new = self.create(fenced=True)

        self.assertTrue(new)
        stored = self.row(task['id'])
        self.assertEqual('PENDING', stored['status'])
        self.assertEqual({'fenced': True}, stored['params'])
        self.assertEqual(('user', 'project', self.context.request_id),
                         (stored['user_id'], stored['project_id'],
                          stored['request_id']))
        self.assertEqual(0, stored['generation'])

    def test_equal_is_found(self):
        """AP12: the same request again is the same task."""
        first, _ = self.create(fenced=True)
        second, new = self.create(fenced=True)
        self.assertFalse(new)
        self.assertEqual(first['id'], second['id'])
        self.assertEqual(1, len(db_tasks.list_tasks(
            self.context, common_query.Query())))

    def test_other_params_conflict(self):
        first, _ = self.create(fenced=True)
        error = self.assertRaises(exception.TaskConflict, self.create)
        self.assertIn(first['id'], str(error))
        self.assertEqual(409, error.code)

    def test_other_action_conflicts(self):
        """AP12: another task on the same host is a conflict."""
        self.create()
        self.assertRaises(exception.TaskConflict, self.create,
                          name='host.evacuate')

    def test_without_targets(self):
        """What acts on nothing keeps nobody off, and is kept off by none."""
        row, new = db_tasks.create_task(self.context, 'demo', targets=[],
                                        params={})
        self.assertTrue(new)
        self.assertEqual([], self.execute(
            sa.select(models.TaskTarget.target)))
        self.assertEqual('demo', db_tasks.get_task(self.context,
                                                   row['id'])['name'])

    def test_one_shared_target_conflicts(self):
        """Nothing of the second task stays behind."""
        self.create()
        self.assertRaises(exception.TaskConflict, self.create, host='cmp2')
        self.assertIsNone(db_tasks.find_running(self.context, 'host:cmp2'))
        self.assertEqual(1, len(db_tasks.list_tasks(
            self.context, common_query.Query())))

    def test_targets_differ_by_case(self):
        self.create()
        task, new = db_tasks.create_task(
            self.context, 'host.shutdown', targets=['host:CMP1'], params={})
        self.assertTrue(new)
        self.assertEqual(task['id'], db_tasks.find_running(
            self.context, 'host:CMP1')['id'])

    def test_free_after_the_end(self):
        task = self.claimed()
        db_tasks.finish(self.context, task['id'], task['generation'],
                        db_tasks.SUCCESS)
        again, new = self.create()
        self.assertTrue(new)
        self.assertNotEqual(task['id'], again['id'])

    def test_raced(self):
        """EV1, EV2: of eight equal requests at once one makes a task."""
        calls = base.Together(8, lambda number: self.create(fenced=True))

        self.assertEqual([], calls.raised)
        self.assertEqual(1, sum(new for _, new in calls.results))
        self.assertEqual(1, len({task['id'] for task, _ in calls.results}))

    def test_raced_different(self):
        """EV2: of eight different requests at once one is carried out."""
        calls = base.Together(8, lambda number: self.create(number=number))

        self.assertEqual(1, len([r for r in calls.results if r]))
        self.assertEqual({exception.TaskConflict},
                         {type(error) for error in calls.raised})

    def test_unknown(self):
        self.assertRaises(exception.TaskNotFound, self.row, 'nothing')


@base.databases()
class NodesTestCase(TaskCase):
    """A task acts on nodes that are there, and they stay until its end."""

    def begin(self, *node_ids):
        return db_tasks.create_task(
            self.context, 'nodes.reset', params={},
            targets=[f'node:{node_id}' for node_id in node_ids])

    def test_missing(self):
        error = self.assertRaises(exception.NodeNotFound, self.begin, 7, 8)
        self.assertEqual(8, error.kwargs['node'])
        self.assertEqual([], self.execute(sa.select(models.Task.id)))

    def test_deleted_at_the_same_time(self):
        """Either the node goes or the task begins."""
        def act(number):
            if number:
                return db_nodes.delete_node(self.context, 7)
            return self.begin(7)

        for _ in range(10):
            calls = base.Together(2, act)
            (error,) = calls.raised
            if isinstance(error, exception.NodeNotFound):
                self.assertIs(error, calls.errors[0])
                self.execute(sa.insert(models.Node), [
                    {'id': 7, 'node_class_id': 1, 'node_type_id': 1,
                     'image_id': 1}])
            else:
                self.assertIsInstance(error, exception.TaskConflict)
                self.assertIs(error, calls.errors[1])
                task, _ = calls.results[0]
                db_tasks.finish(self.context, task['id'], 0,
                                db_tasks.SUCCESS)


@base.databases()
class ServerTestCase(TaskCase):
    """A task of a server, and one of its host that has it as an item."""

    def begin(self, server='vm1', host='cmp1', name='server.wakeup'):
        return db_tasks.create_task(
            self.context, name, targets=[f'server:{server}'], params={},
            host=host, server_id=server)

    def add_item(self, task, server, state='PENDING'):
        db_tasks.add_items(self.context, task['id'], task['generation'], [
            {'kind': 'server', 'object_id': server, 'state': state}])

    def test_same_on_another_host(self):
        """AP12: a server that has moved is the same server."""
        first, _ = self.begin()
        second, new = self.begin(host='cmp2')
        self.assertEqual((first['id'], False), (second['id'], new))
        self.assertRaises(exception.TaskConflict, self.begin,
                          name='server.repair')
        self.assertTrue(self.begin('vm2')[1])

    def test_mover(self):
        drain = self.claimed()
        for server, state in (('vm1', 'PENDING'), ('vm2', 'RUNNING'),
                              ('vm3', 'DONE'), ('vm4', 'FAILED'),
                              ('vm5', 'SKIPPED')):
            self.add_item(drain, server, state)
        for server, expected in (('vm1', True), ('vm2', True),
                                 ('vm3', False), ('vm4', False),
                                 ('vm5', False), ('vm6', False)):
            found = db_tasks.find_mover(self.context, server)
            self.assertEqual(drain['id'] if expected else None,
                             found and found['id'], server)
            self.assertIsNone(db_tasks.find_mover(
                self.context, server, drain['id']))
        db_tasks.finish(self.context, drain['id'], drain['generation'],
                        'FAILURE')
        self.assertIsNone(db_tasks.find_mover(self.context, 'vm1'))

    def test_holders(self):
        first, _ = self.begin('vm1')
        second, _ = self.begin('vm2')
        self.create()
        self.assertEqual(
            {'server:vm1': first['id'], 'server:vm2': second['id']},
            db_tasks.find_holders(self.context, (
                f'server:vm{number}' for number in range(1200))))
        self.assertEqual({}, db_tasks.find_holders(self.context, ()))


@base.databases()
class ClaimTestCase(TaskCase):

    def test_first_claim(self):
        task = self.claimed()
        self.assertEqual(('STARTED', 1, 'one'), (
            task['status'], task['generation'], task['owner']))
        self.assertIsNotNone(task['started_at'])

    def test_take_over_keeps_the_start(self):
        first = self.claimed()
        second = db_tasks.claim(self.context, first['id'],
                                first['post_token'], 'two')
        self.assertEqual((2, 'two', first['started_at']), (
            second['generation'], second['owner'], second['started_at']))

    def test_old_token(self):
        """The job that was posted before the last one counts no more."""
        task = self.claimed()
        token = db_tasks.set_post_token(self.context, task['id'],
                                        task['post_token'], 0)
        self.assertIsNone(db_tasks.claim(
            self.context, task['id'], task['post_token'], 'two'))
        self.assertEqual('two', db_tasks.claim(
            self.context, task['id'], token, 'two')['owner'])

    def test_ended(self):
        task = self.claimed()
        db_tasks.finish(self.context, task['id'], 1, db_tasks.SUCCESS)
        self.assertIsNone(db_tasks.claim(
            self.context, task['id'], task['post_token'], 'two'))
        self.assertIsNone(db_tasks.set_post_token(
            self.context, task['id'], task['post_token'], 0))

    def test_raced(self):
        """Each claim has a generation of its own."""
        task = self.claimed()
        calls = base.Together(8, lambda number: db_tasks.claim(
            self.context, task['id'], task['post_token'], str(number)))
        self.assertEqual([], calls.raised)
        self.assertEqual(list(range(2, 10)), sorted(
            claimed['generation'] for claimed in calls.results))

    def test_post_token_raced(self):
        """Of eight who found a task unposted one posts it."""
        task, _ = self.create()
        calls = base.Together(8, lambda number: db_tasks.set_post_token(
            self.context, task['id'], None, 0))
        won = [token for token in calls.results if token]
        self.assertEqual([], calls.raised)
        self.assertEqual([self.row(task['id'])['post_token']], won)

    def test_post_token_of_a_living_task(self):
        task = self.claimed()
        self.assertIsNone(db_tasks.set_post_token(
            self.context, task['id'], task['post_token'], 30))
        self.age(task['id'], heartbeat_at=31)
        self.assertIsNotNone(db_tasks.set_post_token(
            self.context, task['id'], task['post_token'], 30))


@base.databases()
class FenceTestCase(TaskCase):
    """A generation that was succeeded can write nothing."""

    def setUp(self):
        super().setUp()
        self.old = self.claimed()
        db_tasks.add_items(self.context, self.old['id'], 1, [
            {'kind': 'server', 'object_id': 'a'}])
        (self.item,) = self._items()
        self.new = db_tasks.claim(self.context, self.old['id'],
                                  self.old['post_token'], 'two')

    def _items(self):
        return db_tasks.items(self.context, [self.old['id']])[
            self.old['id']]

    def _refused(self, function, *args, **kwargs):
        self.assertRaises(exception.LeaseLost, function, self.context,
                          self.old['id'], 1, *args, **kwargs)
        self.assertEqual(self.new, self.row(self.old['id']))
        self.assertEqual([self.item], self._items())

    def test_check(self):
        self._refused(db_tasks.check)
        self.assertIsNone(db_tasks.check(self.context, self.old['id'], 2))

    def test_heartbeat(self):
        self.assertFalse(db_tasks.heartbeat(self.context, self.old['id'],
                                            1))
        self.assertEqual(self.new, self.row(self.old['id']))
        self.assertTrue(db_tasks.heartbeat(self.context, self.old['id'],
                                           2))

    def test_remember(self):
        self._refused(db_tasks.remember, {'plan': 1})

    def test_update_item(self):
        self._refused(db_tasks.update_item, self.item['id'],
                      {'state': 'DONE'})

    def test_add_items(self):
        self._refused(db_tasks.add_items, [
            {'kind': 'server', 'object_id': 'b'}])

    def test_finish(self):
        self._refused(db_tasks.finish, db_tasks.FAILURE)
        self.assertIsNotNone(db_tasks.find_running(self.context,
                                                   'host:cmp1'))

    def test_owner_writes(self):
        """What is refused to the old owner is open to the new one."""
        args = self.context, self.old['id'], 2
        db_tasks.remember(*args, {'a': 1, 'b': 1})
        db_tasks.remember(*args, {'b': 2})
        db_tasks.update_item(*args, self.item['id'], {'state': 'DONE'})
        db_tasks.add_items(*args, [{'kind': 'server', 'object_id': 'a'},
                                   {'kind': 'server', 'object_id': 'b'}])
        self.assertEqual({'a': 1, 'b': 2},
                         self.row(self.old['id'])['memory'])
        self.assertEqual([('a', 'DONE'), ('b', 'PENDING')], [
            (item['object_id'], item['state']) for item in self._items()])

    def test_item_of_another_task(self):
        task, _ = db_tasks.create_task(self.context, 'host.shutdown',
                                       targets=['host:x'], params={})
        token = db_tasks.set_post_token(self.context, task['id'], None, 0)
        db_tasks.claim(self.context, task['id'], token, 'two')
        db_tasks.update_item(self.context, task['id'], 1, self.item['id'],
                             {'state': 'DONE'})
        self.assertEqual([self.item], self._items())

    def test_claim_passes_no_write(self):
        """Raced writes of an old owner never undo its successor's claim."""
        def write(number):
            if number == 0:
                db_tasks.claim(self.context, self.old['id'],
                               self.old['post_token'], 'three')
                return 0
            db_tasks.remember(self.context, self.old['id'], 2,
                              {str(number): True})
            return number

        calls = base.Together(8, write)

        self.assertLessEqual({type(error) for error in calls.raised},
                             {exception.LeaseLost})
        written = {str(number) for number in calls.results if number}
        task = self.row(self.old['id'])
        self.assertEqual(written, set(task['memory'] or ()))
        self.assertEqual((3, 'three'), (task['generation'], task['owner']))


@base.databases()
class LifeTestCase(TaskCase):

    def test_finish(self):
        task = self.claimed()
        db_tasks.finish(self.context, task['id'], 1, db_tasks.FAILURE,
                        result='no', traceback='lines')
        row = self.row(task['id'])
        self.assertEqual(('FAILURE', 'no', 'lines', None), (
            row['status'], row['result'], row['traceback'], row['owner']))
        self.assertIsNotNone(row['finished_at'])

    def test_finish_twice(self):
        task = self.claimed()
        db_tasks.finish(self.context, task['id'], 1, db_tasks.SUCCESS)
        self.assertRaises(exception.LeaseLost, db_tasks.finish,
                          self.context, task['id'], 1, db_tasks.FAILURE)
        self.assertEqual('SUCCESS', self.row(task['id'])['status'])

    def test_cancel(self):
        task = self.claimed()
        db_tasks.request_cancel(self.context, task['id'], 'abort')
        self.assertEqual('abort', db_tasks.check(self.context, task['id'],
                                                 1))

    def test_cancel_ended(self):
        task = self.claimed()
        db_tasks.finish(self.context, task['id'], 1, db_tasks.SUCCESS)
        error = self.assertRaises(
            exception.TaskFinished, db_tasks.request_cancel, self.context,
            task['id'], 'finish')
        self.assertIn('SUCCESS', str(error))

    def test_cancel_unknown(self):
        self.assertRaises(exception.TaskNotFound, db_tasks.request_cancel,
                          self.context, 'nothing', 'finish')

    def test_unattended(self):
        fresh, _ = self.create()
        self.assertEqual([], db_tasks.unattended(self.context, 5,
                                                 posted=False))
        self.age(fresh['id'], heartbeat_at=6)
        (found,) = db_tasks.unattended(self.context, 5, posted=False)
        self.assertEqual(fresh['id'], found['id'])
        self.assertEqual([], db_tasks.unattended(self.context, 5,
                                                 posted=True))

    def test_unattended_posted(self):
        """One with a job is no task that was never posted."""
        task = self.claimed()
        self.age(task['id'], heartbeat_at=6)
        self.assertEqual([], db_tasks.unattended(self.context, 5,
                                                 posted=False))
        (found,) = db_tasks.unattended(self.context, 5, posted=True)
        self.assertEqual(task['id'], found['id'])
        db_tasks.heartbeat(self.context, task['id'], 1)
        self.assertEqual([], db_tasks.unattended(self.context, 5,
                                                 posted=True))

    def test_items_at_the_end(self):
        """DR16: no server waits for what is not going to be done."""
        for status, words in (('REVOKED', 'was cancelled'),
                              ('FAILURE', 'ended before')):
            task = self.claimed()
            db_tasks.add_items(self.context, task['id'], 1, [
                {'kind': 'server', 'object_id': state, 'state': state}
                for state in ('PENDING', 'RUNNING', 'DONE', 'FAILED')])
            db_tasks.finish(self.context, task['id'], 1, status)
            found = {item['object_id']: item for item in db_tasks.items(
                self.context, [task['id']])[task['id']]}
            self.assertEqual(
                {'PENDING': 'SKIPPED', 'RUNNING': 'FAILED', 'DONE': 'DONE',
                 'FAILED': 'FAILED'},
                {key: item['state'] for key, item in found.items()})
            self.assertIn(words, found['PENDING']['error'])
            self.assertIn(words, found['RUNNING']['error'])
            self.assertIsNone(found['DONE']['error'])

    def test_progress(self):
        task = self.claimed()
        db_tasks.add_items(self.context, task['id'], 1, [
            {'kind': 'server', 'object_id': str(number), 'state': state}
            for number, state in enumerate(
                ('DONE', 'SKIPPED', 'FAILED', 'RUNNING', 'PENDING'))])
        found = db_tasks.progress(self.context, [task['id'], 'other'])
        self.assertEqual({'total': 5, 'done': 2, 'failed': 1,
                          'running': 1}, found[task['id']])
        self.assertEqual(0, found['other']['total'])


@base.databases()
class PurgeTestCase(TaskCase):
    """CC13: tasks are kept by retention, and then go as a whole."""

    def _ended(self, days, host):
        task, _ = db_tasks.create_task(self.context, 'host.shutdown',
                                       targets=[host], params={})
        token = db_tasks.set_post_token(self.context, task['id'], None, 0)
        db_tasks.claim(self.context, task['id'], token, 'one')
        db_tasks.add_items(self.context, task['id'], 1, [
            {'kind': 'server', 'object_id': 'a'}])
        db_tasks.finish(self.context, task['id'], 1, db_tasks.SUCCESS)
        self.age(task['id'], finished_at=days * 86400)
        self._save_book(task['id'])
        return task['id']

    def _save_book(self, task_id):
        engine = db_api.create_engine()
        self.addCleanup(engine.dispose)
        book = tf_models.LogBook('host.shutdown', uuid=task_id)
        flow = tf_models.FlowDetail('host.shutdown', uuid=task_id)
        flow.add(tf_models.TaskDetail('step', task_id))
        book.add(flow)
        persistence.Backend(engine).get_connection().save_logbook(book)

    def _count(self, table):
        return self.execute(sa.text(f'SELECT COUNT(*) FROM {table}'))[0][0]

    def test_purge(self):
        old, kept = self._ended(31, 'a'), self._ended(29, 'b')
        running, _ = self.create()
        self.age(running['id'], created_at=60 * 86400)

        self.assertEqual(1, db_tasks.purge(self.context, 30))

        self.assertRaises(exception.TaskNotFound, self.row, old)
        self.assertEqual(kept, self.row(kept)['id'])
        self.assertEqual('PENDING', self.row(running['id'])['status'])
        for table in ('task_items', 'logbooks', 'flowdetails',
                      'atomdetails'):
            self.assertEqual(1, self._count(table), table)

    def test_in_batches(self):
        for host in 'abc':
            self._ended(31, host)
        counts = [db_tasks.purge(self.context, 30, batch=2)
                  for _ in range(3)]
        self.assertEqual([2, 1, 0], counts)
        self.assertEqual(0, self._count('atomdetails'))
