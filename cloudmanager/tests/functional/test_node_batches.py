# SPDX-License-Identifier: Apache-2.0
"""Switching several nodes, and how nodes may be switched off."""

import threading

from cloudmanager.db import tasks as db_tasks
from cloudmanager.power import exceptions as power_exc
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

PATH = '/v1/nodes/actions/reset'


class MannerTestCase(base.ApiTestCase):
    """PW18: soft, hard, and the time between."""

    def setUp(self):
        super().setUp()
        self.node_id = self.powered_node(name='mnode1')['id']

    def act(self, action, body, status=202):
        return self.call('POST', f'/v1/nodes/{self.node_id}/actions/'
                                 f'{action}', body, status)

    def test_handed_on(self):
        for action in ('power-off', 'reset'):
            for body in ({}, {'type': 'soft'}, {'type': 'hard'},
                         {'type': 'soft', 'soft_timeout': 3600},
                         {'soft_timeout': 1}):
                answer = self.act(action, body)
                task = self.get(answer.headers['Location'])
                self.assertEqual({'node_id': self.node_id, 'action': action,
                                  **body}, task['params'])
                self.finish(task['id'])

    def test_refused(self):
        for action in ('power-off', 'reset'):
            for body in ({'type': 'gentle'}, {'type': None}, {'type': 1},
                         {'soft_timeout': 0}, {'soft_timeout': 3601},
                         {'soft_timeout': '5'}, {'soft_timeout': True},
                         {'type': 'hard', 'soft_timeout': 5},
                         {'force': True}):
                self.act(action, body, 400)
        self.act('power-on', {'type': 'soft'}, 400)

    def test_another_manner_is_another_request(self):
        self.act('power-off', {'type': 'soft'})
        self.act('power-off', {'type': 'hard'}, 409)


@tests_base.databases()
class ResetsTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.config(group='power', batch_timeout=10.0)
        self.nodes = [self.powered_node(name=f'n{number}')['id']
                      for number in range(3)]
        #: What becomes of each node; done if not said otherwise.
        self.errors = {}
        #: Those that are not done in time.
        self.slow = ()
        self.conductor.run_task = self.run_task

    def run_task(self, context, task_id):
        """Do the task as a conductor would, a little later."""
        self.conductor.posted.append(task_id)
        thread = threading.Timer(0.15, self.do, (task_id,))
        thread.start()
        self.addCleanup(thread.join, 10)

    def do(self, task_id):
        task = db_tasks.get_task(self.context, task_id)
        values = task['generation']
        db_tasks.add_items(self.context, task_id, values, [
            {'kind': 'node', 'object_id': str(key), 'action': 'reset'}
            for key in task['params']['node_ids']])
        for item in db_tasks.items(self.context, [task_id])[task_id]:
            if int(item['object_id']) in self.slow:
                continue
            error = self.errors.get(int(item['object_id']))
            db_tasks.update_item(
                self.context, task_id, values, item['id'],
                {'state': 'FAILED' if error else 'DONE', 'error': error})
        if not self.slow:
            self.finish(task_id, 'FAILURE' if self.errors else 'SUCCESS')

    def reset(self, ids, **values):
        return self.call('POST', PATH, {'node_ids': ids, **values}, 200)

    def test_as_documented(self):
        answer = self.reset(self.nodes)
        self.assertEqual((self.nodes, [], {}), tuple(
            answer.json[name] for name in ('success', 'failed', 'errors')))
        task = self.get(f'/v1/tasks/{answer.json["task_id"]}')
        self.assertEqual(
            ('nodes.reset', {'node_ids': self.nodes},
             answer.json['task_id'], 'admin-id'),
            (task['name'], task['params'], task['id'], task['user_id']))

    def test_each_on_its_own(self):
        """Who cannot be reset keeps nobody from it, and is named."""
        bare = self.node(name='bare')['id']
        busy = self.powered_node(name='busy')['id']
        db_tasks.create_task(self.context, 'node.power', params={},
                             targets=[f'node:{busy}'])
        self.errors = {self.nodes[1]: 'it will not'}
        wanted = [*self.nodes, bare, 999, busy, self.nodes[0]]
        found = self.reset(wanted, type='hard').json
        self.assertEqual([self.nodes[0], self.nodes[2]], found['success'])
        self.assertEqual([self.nodes[1], bare, 999, busy],
                         found['failed'])
        self.assertEqual('it will not', found['errors'][
            str(self.nodes[1])])
        self.assertIn('no power control', found['errors'][str(bare)])
        self.assertIn('could not be found', found['errors']['999'])
        self.assertIn('node.power of user user', found['errors'][str(busy)])

    def test_volume_work(self):
        """Where LVM moves data, only who says hard switches a node off."""
        db_tasks.create_task(self.context, 'volume.mirror', host='n1',
                             targets=['volume:v'],
                             params={'volume_id': 'v'})
        found = self.reset(self.nodes).json
        self.assertEqual([self.nodes[1]], found['failed'])
        self.assertIn('volume:v', found['errors'][str(self.nodes[1])])
        self.assertEqual(self.nodes,
                         self.reset(self.nodes, type='hard').json['success'])

    def test_nobody_can_be_reset(self):
        found = self.reset([998, 999])
        self.assertEqual(([], [998, 999], None), tuple(
            found.json[name] for name in ('success', 'failed', 'task_id')))
        self.assertEqual([], self.conductor.posted)

    def test_not_in_time(self):
        """What is not known yet is under way, neither done nor failed.

        (FP10)
        """
        self.config(group='power', batch_timeout=1.0)
        done, failed, slow = self.nodes
        self.errors = {failed: 'it will not'}
        self.slow = (slow,)
        # What it does in time, it does before the request looks.
        self.conductor.run_task = lambda context, task_id: self.do(task_id)
        found = self.reset(self.nodes).json
        self.assertEqual(
            ([done], [failed], [slow], {str(failed): 'it will not'}),
            tuple(found[name] for name in ('success', 'failed', 'running',
                                           'errors')))
        self.assertEqual('PENDING', self.get(
            f'/v1/tasks/{found["task_id"]}')['status'])

    def test_not_begun_in_time(self):
        """FP10"""
        self.config(group='power', batch_timeout=1.0)
        self.conductor.run_task = lambda context, task_id: None
        found = self.reset(self.nodes).json
        self.assertEqual(([], [], self.nodes, {}), tuple(
            found[name] for name in ('success', 'failed', 'running',
                                     'errors')))
        self.assertIsNotNone(found['task_id'])

    def test_twice(self):
        """AP12: the same again waits for the same task."""
        found = tests_base.Together(
            2, lambda number: self.reset(self.nodes).json)
        self.assertEqual([], found.raised)
        self.assertEqual(1, len(set(self.conductor.posted)))
        self.assertEqual(found.results[0], found.results[1])

    def test_refused(self):
        for ids in (None, [], ['1'], [0], [True], [1.5], 1, {}, [-1],
                    [2 ** 31], list(range(1, 1002))):
            self.assertIn('node_ids', self.error(
                'POST', PATH, {'node_ids': ids})['detail'])
        self.error('POST', PATH, {})
        self.error('POST', PATH, {'node_ids': [1], 'type': 'x'})


@tests_base.databases()
class PowerTestCase(base.ApiTestCase):
    """Switching several nodes on or off by one task."""

    def setUp(self):
        super().setUp()
        self.nodes = [self.powered_node(name=f'n{number}')['id']
                      for number in range(3)]

    def power(self, action, status=202, **values):
        return self.call('POST', f'/v1/nodes/actions/{action}', {
            'node_ids': self.nodes, **values}, status)

    def test_one_task(self):
        for action, more in (
                ('power-on', {}), ('power-off', {}),
                ('power-off', {'type': 'soft', 'soft_timeout': 9})):
            answer = self.power(action, **more)
            self.assertEqual(([], {}), (answer.json['failed'],
                                        answer.json['errors']))
            task = self.get(answer.headers['Location'])
            self.assertEqual(answer.json['task_id'], task['id'])
            self.assertEqual(
                ('nodes.power', {'node_ids': self.nodes, 'action': action,
                                 **more}), (task['name'], task['params']))
            self.assertEqual(answer.json, self.power(action, **more).json)
            self.assertEqual([task['id']], self.conductor.posted)
            self.conductor.posted.clear()
            self.finish(task['id'])

    def test_each_on_its_own(self):
        """Who cannot be switched keeps nobody from it, and is named."""
        bare = self.node(name='bare')['id']
        busy = self.powered_node(name='busy')['id']
        db_tasks.create_task(self.context, 'node.power', params={},
                             targets=[f'node:{busy}'])
        wanted = [*self.nodes, bare, 999, busy, self.nodes[0]]
        found = self.power('power-off', node_ids=wanted).json
        self.assertEqual([bare, 999, busy], found['failed'])
        self.assertIn('no power control', found['errors'][str(bare)])
        self.assertIn('could not be found', found['errors']['999'])
        self.assertIn('node.power of user user', found['errors'][str(busy)])
        self.assertEqual(self.nodes, self.get(
            f'/v1/tasks/{found["task_id"]}')['params']['node_ids'])

    def test_nobody_can_be_switched(self):
        bare = self.node(name='bare')['id']
        error = self.error('POST', '/v1/nodes/actions/power-on',
                           {'node_ids': [bare, 999]}, 409)
        self.assertEqual('cloudmanager.node.none_to_switch', error['code'])
        for text in (f'Node {bare} has no power control', '999'):
            self.assertIn(text, error['detail'])
        self.assertEqual([], self.conductor.posted)

    def test_refused(self):
        for action, values in (
                ('power-on', {'type': 'soft'}), ('power-off', {'type': 'x'}),
                ('power-off', {'type': 'hard', 'soft_timeout': 5}),
                ('power-off', {'node_ids': []}),
                ('power-on', {'node_ids': None})):
            self.power(action, 400, **values)
        self.call('POST', '/v1/nodes/actions/power-off',
                  {'node_ids': self.nodes}, 403, user='reader')


class HealthTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.path = f'/v1/nodes/{self.powered_node(name="n")["id"]}/health'

    def test_answer(self):
        found = self.get(self.path, user='reader')['health']
        self.assertEqual('ok', found['status'])

    def test_errors(self):
        device = 'ipmi://SupermicroRackDevice@bmc:623'
        for status, error in (
                (501, power_exc.PowerUnsupported(device=device,
                                                 request='health')),
                (503, power_exc.PowerUnreachable(device=device))):
            self.conductor.health_error = error
            self.assertEqual(error.message, self.error(
                'GET', self.path, status=status)['detail'])

    def test_nobody_to_ask(self):
        bare = self.node(name='bare')['id']
        self.assertEqual('cloudmanager.node.no_power_control', self.error(
            'GET', f'/v1/nodes/{bare}/health', status=409)['code'])
        self.error('GET', '/v1/nodes/99/health', status=404)
