# SPDX-License-Identifier: Apache-2.0
"""Binding nodes to virtual controllers over the API."""

from cloudmanager.common import exception
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.functional import base
from cloudmanager.tests.functional.test_node_modes import AWAY

CONTROLLER = '2eec580b-12f8-4518-bf79-3dc5529617da'
BODY = {'controller_uuid': CONTROLLER, 'hostnames': ['cmp1', 'cmp2']}
ACTIONS = ('attach', 'detach')


class ControllersTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.ids = [self.node(name=name)['id'] for name in BODY['hostnames']]
        self.conductor.params = {'node_ids': self.ids}

    def act(self, action, status=202, **body):
        return self.call('POST', f'/v1/nodes/actions/{action}',
                         {**BODY, **body}, status=status)

    def test_task(self):
        answer = self.act('attach', controller_uuid=CONTROLLER.upper())
        task = db_tasks.get_task(self.context, answer.json['task_id'])
        self.assertEqual(('hosts.attach', {**BODY, 'node_ids': self.ids}),
                         (task['name'], task['params']))
        self.assertEqual(f'/v1/tasks/{task["id"]}',
                         answer.headers['Location'])

    def test_twice(self):
        """The same again is the same task; the others are in its way."""
        first = self.act('attach').json
        self.assertEqual(first, self.act('attach').json)
        self.assertEqual(1, len(self.conductor.checked))
        for action, body in (('detach', {}),
                             ('attach', {'hostnames': ['cmp2']})):
            found = self.act(action, status=409, **body).json['errors'][0]
            self.assertEqual('cloudmanager.task.conflict', found['code'])
        self.call('POST', '/v1/hosts/cmp1/actions/shutdown', {}, status=409)

    def test_dry_run(self):
        for action in ACTIONS:
            answer = self.act(action, dry_run=True, status=200)
            self.assertEqual({'plan': self.conductor.plan}, answer.json)
        self.assertEqual([], self.conductor.posted)

    def test_refused(self):
        for action in ACTIONS:
            for error, status in (
                    (AWAY, 503), (exception.Conflict(reason='no'), 409),
                    (exception.NodeNotFound(node='cmp1'), 404),
                    (exception.ServerNotFound(server=CONTROLLER), 404)):
                self.conductor.check_error = error
                self.act(action, status=status)
        self.assertEqual([], self.conductor.posted)

    def test_bad_bodies(self):
        for action in ACTIONS:
            for body in (
                    {'controller_uuid': wrong} for wrong in (
                        None, '', 'x', '../x', f'{CONTROLLER}\n', 7)):
                self.act(action, status=400, **body)
            for wrong in (None, [], 'cmp1', [''], ['a b'], ['a\nb'], [7],
                          ['x' * 300], {'cmp1': 1}):
                self.act(action, status=400, hostnames=wrong)
            self.act(action, status=400, force=True)
        self.assertEqual([], self.conductor.checked)
