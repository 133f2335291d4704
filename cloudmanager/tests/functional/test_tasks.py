# SPDX-License-Identifier: Apache-2.0
"""Tasks: lists, details, cancelling."""

import datetime

import sqlalchemy as sa

from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

START = datetime.datetime(2018, 10, 25, 6, 30)


class TasksCase(base.ApiTestCase):

    def task(self, minutes=0, name='host.shutdown', host='cmp1', **values):
        """Insert a task that was created some minutes after the first."""
        row, _ = db_tasks.create_task(
            self.context, name, targets=[f'test:{self.uuid()}'],
            params={'allow_off_vm': True}, host=host)
        self.execute(sa.update(models.Task)
                     .where(models.Task.id == row['id'])
                     .values(created_at=START + datetime.timedelta(
                         minutes=minutes), **values))
        return row['id']

    def ids(self, query=''):
        return self.get(f'/v1/tasks/{query}')['tasks']


@tests_base.databases()
class ListTestCase(TasksCase):

    def test_newest_first(self):
        """Only ids, as documented."""
        ids = [self.task(minutes) for minutes in range(3)]
        self.assertEqual({'tasks': list(reversed(ids))},
                         self.get('/v1/tasks/'))

    def test_same_moment(self):
        ids = {self.task() for _ in range(5)}
        seen, path = [], '/v1/tasks/?limit=2'
        while path:
            found = self.get(path)
            seen += found['tasks']
            links = found.get('tasks_links')
            path = links[0]['href'] if links else None
        self.assertEqual((5, ids), (len(seen), set(seen)))

    def test_detail(self):
        task_id = self.task()
        (found,) = self.ids('?detail=true')
        self.assertEqual(
            (task_id, 'host.shutdown', 'PENDING', 'cmp1',
             '2018-10-25T06:30:00', None, None,
             {'total': 0, 'done': 0, 'failed': 0, 'running': 0}),
            tuple(found[key] for key in (
                'id', 'name', 'status', 'host', 'created_at', 'started_at',
                'finished_at', 'progress')))
        self.assertEqual([task_id], self.ids('?detail=false'))
        self.error('GET', '/v1/tasks/?detail=perhaps')

    def test_filters(self):
        first = self.task(0, host='cmp1')
        second = self.task(1, 'host.evacuate', 'cmp2', status='STARTED',
                           server_id='s1', started_at=START)
        for query, ids in (
                ('status=STARTED', [second]), ('status=in:PENDING,STARTED',
                                               [second, first]),
                ('name=host.shutdown', [first]),
                ('name=like:host.%25', [second, first]),
                ('host=cmp2', [second]), ('host=cmp', []),
                ('server=s1', [second]), ('server_id=s1', [second]),
                ('server=null', [first]), (f'id={first}', [first]),
                ('created_at=2018-10-25T06:30:00', [first]),
                ('created_at=gt:2018-10-25T06:30:00', [second]),
                ('created_at=lte:2018-10-25T06:30:00', [first]),
                ('started_at=not:null', [second]),
                ('sort=created_at:asc', [first, second]),
                ('sort=host:desc', [second, first]),
                ('status=PENDING&host=cmp2', [])):
            for more in ('', '&detail=false'):
                self.assertEqual(ids, self.ids(f'?{query}{more}'), query)
            self.assertEqual(ids, [task['id'] for task in self.ids(
                f'?{query}&detail=true')])
        for query in ('traceback=x', 'result=x', 'params=x', 'x=1',
                      'id=like:x', 'created_at=x', 'sort=result',
                      'marker=x', 'marker=%00', 'host=%00'):
            self.error('GET', f'/v1/tasks/?{query}')

    def test_statements(self):
        """A page takes the same few statements whatever its length."""
        for minutes in range(5):
            self.task(minutes)
        with self.statements() as few:
            self.ids('?detail=true&limit=1')
        with self.statements() as many:
            self.ids('?detail=true')
        self.assertEqual(len(few), len(many))


@tests_base.databases()
class ShowTestCase(TasksCase):

    def test_with_items(self):
        task_id = self.task()
        db_tasks.add_items(self.context, task_id, 0, [
            {'kind': 'server', 'object_id': f's{number}', 'name': name,
             'state': state, 'action': 'live', 'source': 'cmp1',
             'destination': 'cmp2', 'priority': 5, 'attempts': 1,
             'error': error, 'memory': {'secret': 'inside'}}
            for number, (name, state, error) in enumerate((
                ('a', 'DONE', None), ('b', 'FAILED', 'no space'),
                ('c', 'RUNNING', None), ('d', 'SKIPPED', None),
                ('e', 'PENDING', None)))])
        found = self.get(f'/v1/tasks/{task_id}')
        self.assertEqual({'total': 5, 'done': 2, 'failed': 1, 'running': 1},
                         found['progress'])
        self.assertEqual(list('abcde'),
                         [item['name'] for item in found['items']])
        self.assertEqual(
            ('s1', 'server', 'FAILED', 'live', 'cmp1', 'cmp2', 1,
             'no space'),
            tuple(found['items'][1][key] for key in (
                'id', 'kind', 'state', 'action', 'source', 'destination',
                'attempts', 'error')))
        self.assertNotIn('inside', str(found))
        for name in ('memory', 'owner', 'generation', 'post_token',
                     'heartbeat_at', 'project_id'):
            self.assertNotIn(name, found)

    def test_ended(self):
        task_id = self.task()
        self.finish(task_id, result='all is well')
        found = self.get(f'/v1/tasks/{task_id}')
        self.assertEqual(('SUCCESS', 'all is well', None),
                         tuple(found[key] for key in (
                             'status', 'result', 'traceback')))
        self.assertRegex(found['finished_at'], r'T\d\d:\d\d:\d\d$')

    def test_unknown(self):
        for text in (self.uuid(), 'x', 'x' * 300, '1'):
            found = self.error('GET', f'/v1/tasks/{text}', status=404)
            self.assertEqual('cloudmanager.task.not_found', found['code'])
            self.error('POST', f'/v1/tasks/{text}/actions/cancel',
                       status=404)
        self.error('GET', f'/v1/tasks/{self.uuid()}?detail=true')


class CancelTestCase(TasksCase):

    def cancel(self, task_id, body=None, status=202):
        return self.call('POST', f'/v1/tasks/{task_id}/actions/cancel',
                         body, status)

    def test_choices(self):
        for body, wanted in ((None, 'finish'), ({}, 'finish'),
                             ({'running': 'finish'}, 'finish'),
                             ({'running': 'abort'}, 'abort')):
            task_id = self.task()
            answer = self.cancel(task_id, body)
            self.assertEqual(f'/v1/tasks/{task_id}',
                             answer.headers['Location'])
            self.assertEqual(b'', answer.body)
            self.assertEqual(wanted,
                             self.get(f'/v1/tasks/{task_id}')['cancel'])

    def test_change_of_mind(self):
        task_id = self.task()
        self.cancel(task_id)
        self.cancel(task_id, {'running': 'abort'})
        self.assertEqual('abort',
                         self.get(f'/v1/tasks/{task_id}')['cancel'])

    def test_refused(self):
        task_id = self.task()
        for body in ({'running': 'x'}, {'running': None}, {'running': 1},
                     {'force': True}, []):
            self.cancel(task_id, body, 400)
        self.assertIsNone(self.get(f'/v1/tasks/{task_id}')['cancel'])

    def test_ended(self):
        task_id = self.task()
        self.finish(task_id)
        found = self.cancel(task_id, status=409).json['errors'][0]
        self.assertEqual('cloudmanager.task.finished', found['code'])
        self.assertIn('SUCCESS', found['detail'])
