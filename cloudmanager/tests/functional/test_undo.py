# SPDX-License-Identifier: Apache-2.0
"""Undoing tasks over HTTP."""

from cloudmanager.common import exception
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.functional import base


class UndoTestCase(base.ApiTestCase):

    def task(self, name='aggregate.apply', **values):
        """Insert a task that has ended; return its id."""
        values = {'params': {'aggregate_id': 7}, **values}
        task, _ = db_tasks.create_task(
            self.context, name, targets=['x:1'], **values)
        token = db_tasks.set_post_token(self.context, task['id'], None, 0)
        claimed = db_tasks.claim(self.context, task['id'], token, 'one')
        db_tasks.finish(self.context, task['id'], claimed['generation'],
                        'SUCCESS')
        return task['id']

    def undo(self, task_id, body=None, status=202):
        return self.call('POST', f'/v1/tasks/{task_id}/actions/undo',
                         body or {}, status)

    def test_plan(self):
        task_id = self.task()
        self.conductor.plan = {'moves': [], 'left': []}
        answer = self.undo(task_id, {'dry_run': True}, 200)
        self.assertEqual({'plan': {'moves': [], 'left': []}}, answer.json)
        self.assertEqual([('undo', task_id, {'dry_run': True})],
                         self.conductor.checked)
        self.assertEqual([], self.conductor.posted)

    def test_begins(self):
        task_id = self.task()
        answer = self.undo(task_id)
        (made,) = self.conductor.posted
        self.assertEqual({'task_id': made}, answer.json)
        task = db_tasks.get_task(self.context, made)
        self.assertEqual(('task.undo', {'task_id': task_id}),
                         (task['name'], task['params']))
        # A double request is not judged by what the first has done.
        self.conductor.check_error = exception.TaskNotUndoable(
            task=task_id, reason='it is on its way')
        self.assertEqual(answer.json, self.undo(task_id).json)

    def test_kept_apart(self):
        """It acts on what the task acted on, however often it is undone."""
        aggregate, host = self.task(), self.task(
            'host.shutdown', params={}, host='cmp1')
        several = self.task('hosts.restart', params={'hosts': ['cmp2',
                                                               'cmp3']})
        again = self.task('task.undo', params={'task_id': host})
        for task_id, target in ((aggregate, 'aggregate:7'),
                                (several, 'host:cmp3'),
                                (again, 'host:cmp1')):
            made = self.undo(task_id).json['task_id']
            self.assertEqual(made, db_tasks.find_running(
                self.context, target)['id'])
        answer = self.undo(host, status=409)
        self.assertEqual('cloudmanager.task.conflict',
                         answer.json['errors'][0]['code'])

    def test_refused(self):
        task_id = self.task()
        self.conductor.check_error = exception.TaskNotUndoable(
            task=task_id, reason='it has moved no servers')
        answer = self.undo(task_id, status=409)
        self.assertEqual('cloudmanager.task.not_undoable',
                         answer.json['errors'][0]['code'])
        self.undo('x', status=404)
        self.undo(task_id, {'more': 1}, 400)
