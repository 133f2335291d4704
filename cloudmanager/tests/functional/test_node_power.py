# SPDX-License-Identifier: Apache-2.0
"""Power of nodes: assignments, actions and their log."""

import fixtures

from cloudmanager.common import exception
from cloudmanager.db import power_actions as db_power_actions
from cloudmanager.db import power_outcomes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import power_types
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

ACTIONS = ('power-on', 'power-off', 'reset')


@tests_base.databases()
class AssignmentsTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.one = f'/v1/nodes/{self.node(name="mnode1")["id"]}'
        self.controls = f'{self.one}/power-controls/'

    def add(self, control, port, status=201, **values):
        return self.call('POST', self.controls, {
            'power_control_id': control['id'], 'power_control_port': port,
            **values}, status)

    def test_as_documented(self):
        control = self.control('SupermicroRackDevice', 'ipmi', title='test',
                               port_number=623)
        made = self.add(control, 1).json
        sample = {'is_default': True, 'is_initialized': False,
                  'power_control_id': control['id'],
                  'control_type': 'SupermicroRackDevice',
                  'power_control_title': 'test', 'power_control_port': '1',
                  'protocol_type': 'ipmi'}
        self.assertEqual({'power_control': sample}, made)
        self.assertEqual({'power_controls': [sample]},
                         self.get(self.controls))
        self.assertEqual(made, self.get(f'{self.controls}{control["id"]}'))
        self.assertEqual([sample],
                         self.get(self.one)['node']['node_controls'])

    def test_first_is_the_default(self):
        first, second, third = (self.control(host=f'bmc{n}')
                                for n in range(3))
        self.assertTrue(self.add(first, 1, is_default=False)
                        .json['power_control']['is_default'])
        self.assertFalse(self.add(second, 1)
                         .json['power_control']['is_default'])
        self.add(third, 1, is_default=True)
        self.assertEqual([False, False, True], self.defaults())
        self.call('PUT', f'{self.controls}{second["id"]}',
                  {'is_default': True}, 200)
        self.assertEqual([False, True, False], self.defaults())
        self.call('DELETE', f'{self.controls}{second["id"]}', status=204)
        self.assertEqual([True, False], self.defaults())
        self.error('PUT', f'{self.controls}{first["id"]}',
                   {'is_default': False}, 409)

    def defaults(self):
        return [row['is_default'] for row in
                self.get(self.controls)['power_controls']]

    def test_outputs(self):
        control = self.control()
        for port in (0, 9, -1, '0', '01', '9', 'x', '', '1.0', ' 1', '١',
                     '1' * 65, 10 ** 20):
            self.assertIn('power_control_port', self.add(
                control, port, 400).text, port)
        self.add(control, '8')
        one = f'{self.controls}{control["id"]}'
        self.assertEqual('3', self.call(
            'PUT', one, {'power_control_port': 3}, 200
        ).json['power_control']['power_control_port'])
        self.error('PUT', one, {'power_control_port': 9})

    def test_outputs_with_names(self):
        control = self.control('SshDevice', 'ssh', port_number=22)
        self.assertEqual('vm-1', self.add(control, 'vm-1').json[
            'power_control']['power_control_port'])

    def test_taken(self):
        control = self.control()
        self.add(control, 1)
        self.assertEqual('cloudmanager.in_use', self.add(
            control, 2, 409).json['errors'][0]['code'])
        other = self.node(name='mnode2')
        self.error('POST', f'/v1/nodes/{other["id"]}/power-controls/', {
            'power_control_id': control['id'], 'power_control_port': 1},
            409)
        self.assign(other['id'], control['id'], 2)
        self.error('PUT', f'/v1/nodes/{other["id"]}/power-controls/'
                   f'{control["id"]}', {'power_control_port': 1}, 409)

    def test_unknown(self):
        control = self.control()
        body = {'power_control_id': control['id'], 'power_control_port': 1}
        self.error('POST', '/v1/nodes/99/power-controls/', body, 404)
        self.error('GET', '/v1/nodes/99/power-controls/', status=404)
        self.error('POST', self.controls,
                   body | {'power_control_id': 99}, 404)
        for method, more in (('GET', None), ('DELETE', None),
                             ('PUT', {'is_default': True}),
                             ('PUT', {'power_control_port': 2})):
            found = self.error(method, f'{self.controls}{control["id"]}',
                               more, 404)
            self.assertIn('not_assigned', found['code'])

    def test_refused(self):
        for body in ({'power_control_id': 1}, {'power_control_port': 1},
                     {'power_control_id': None, 'power_control_port': 1},
                     {'power_control_id': 1, 'power_control_port': None},
                     {'power_control_id': '1', 'power_control_port': 1},
                     {'power_control_id': True, 'power_control_port': 1},
                     {'power_control_id': 0, 'power_control_port': 1},
                     {'power_control_id': 1, 'power_control_port': 1,
                      'is_default': 'yes'},
                     {'power_control_id': 1, 'power_control_port': 1,
                      'is_initialized': True}):
            self.error('POST', self.controls, body)


class ActionsTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.node_id = self.powered_node(name='mnode1')['id']
        self.path = f'/v1/nodes/{self.node_id}/actions/'

    def act(self, action, status=202, **kwargs):
        return self.call('POST', f'{self.path}{action}', status=status,
                         **kwargs)

    def test_each(self):
        for action in ACTIONS:
            answer = self.act(action)
            self.assertEqual(b'', answer.body)
            self.assertRegex(answer.headers['Location'],
                             '^/v1/tasks/[0-9a-f-]{36}$')
            task = self.get(answer.headers['Location'])
            self.assertEqual(
                ('node.power', 'PENDING', 'admin-id',
                 {'node_id': self.node_id, 'action': action}),
                (task['name'], task['status'], task['user_id'],
                 task['params']))
            self.finish(task['id'])
        self.assertEqual(3, len(self.conductor.posted))

    def test_bodies(self):
        self.act('reset', body={})
        self.act('reset', 400, body={'force': True})
        self.act('reset', 400, body=[])
        self.error('POST', f'{self.path}reset?force=1')

    def test_twice(self):
        """AP12: a double click gets the same task."""
        first, second = self.act('power-off'), self.act('power-off')
        self.assertEqual(first.headers['Location'],
                         second.headers['Location'])
        self.assertEqual(1, len(self.conductor.posted))
        found = self.act('power-on', 409).json['errors'][0]
        self.assertEqual('cloudmanager.task.conflict', found['code'])
        self.assertIn(first.headers['Location'].rsplit('/', 1)[1],
                      found['detail'])

    def test_volume_work(self):
        """No node is switched off while LVM moves data there."""
        moving, _ = db_tasks.create_task(
            self.context, 'volume.pv-migrate', targets=['volume:v'],
            params={'volume_id': 'v'}, host='mnode1')
        for action, body in (('power-off', {}), ('reset', {}),
                             ('power-off', {'type': 'soft'})):
            error = self.act(action, 409, body=body).json['errors'][0]
            self.assertEqual('cloudmanager.task.conflict', error['code'])
            self.assertIn('volume:v', error['detail'])
        for action, body in (('power-on', {}), ('reset', {'type': 'hard'}),
                             ('power-off', {'type': 'hard'})):
            started = self.act(action, body=body).headers['Location']
            self.finish(started.rsplit('/', 1)[1])
        self.finish(moving['id'])
        self.act('power-off')

    def test_no_power_control(self):
        node = self.node(name='mnode2')
        found = self.error(
            'POST', f'/v1/nodes/{node["id"]}/actions/reset', status=409)
        self.assertEqual('cloudmanager.node.no_power_control',
                         found['code'])
        self.error('POST', '/v1/nodes/99/actions/reset', status=404)

    def test_no_driver(self):
        self.patch(power_types, '_with_driver', frozenset)
        node = self.node(name='mnode2')
        control = self.control('IntelAMT', 'intel_amt', port_number=16992)
        self.assign(node['id'], control['id'])
        found = self.error(
            'POST', f'/v1/nodes/{node["id"]}/actions/reset', status=501)
        self.assertIn('IntelAMT', found['detail'])
        self.assertEqual([], self.conductor.posted)

    def test_bus_is_down(self):
        """The row is there, and conductors look for such rows."""
        log = self.useFixture(fixtures.FakeLogger())
        for number, error in enumerate((
                exception.Unavailable(reason='no route'),
                exception.Unavailable(reason='too late'))):
            self.conductor.post_error = error
            answer = self.act('reset')
            task_id = answer.headers['Location'].rsplit('/', 1)[1]
            self.assertIn(task_id, log.output)
            self.finish(task_id)


@tests_base.databases()
class LogTestCase(base.ApiTestCase):

    def record(self, node_id, action, **values):
        key, _ = db_power_actions.begin(self.context, {
            'node_id': node_id, 'action': action, 'user_name': 'ann',
            'power_control_id': 1, 'power_control_port': None,
            'task_id': self.uuid()})
        power_outcomes.keep(self.context, key,
                             {'result': 'success', **values})
        return key

    def test_log(self):
        node, other = self.powered_node(name='a'), self.node(name='b')
        first = self.record(node['id'], 'reset', duration=1.5)
        second = self.record(node['id'], 'power-off', result='failure',
                             error='it timed out')
        third = self.record(other['id'], 'reset')
        path = f'/v1/nodes/{node["id"]}/power-actions/'
        rows = self.get(path)['power_actions']
        self.assertEqual([second, first], [row['id'] for row in rows])
        self.assertEqual(
            ('reset', node['id'], 'ann', 'success', 1.5),
            tuple(rows[1][key] for key in (
                'action', 'node_id', 'user_name', 'result', 'duration')))
        self.assertRegex(rows[1]['start_time'],
                         r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$')
        self.assertEqual({'power_action': rows[0]},
                         self.get(f'{path}{second}'))
        self.assertEqual([first], [row['id'] for row in self.get(
            f'{path}?action=reset&user_name=like:a%25')['power_actions']])
        self.error('GET', f'{path}{third}', status=404)
        self.error('GET', '/v1/nodes/99/power-actions/', status=404)
        self.error('GET', f'{path}?node_id=1')

    def test_page(self):
        node = self.node(name='a')
        ids = [self.record(node['id'], 'reset') for _ in range(5)]
        path = f'/v1/nodes/{node["id"]}/power-actions/?limit=2'
        seen = []
        while path:
            found = self.get(path)
            seen += [row['id'] for row in found['power_actions']]
            links = found.get('power_actions_links')
            path = links[0]['href'] if links else None
        self.assertEqual(list(reversed(ids)), seen)


class SecretsOfTasksTestCase(base.ApiTestCase):

    def test_task_of_a_node(self):
        """SE2: neither the task nor the log knows a password."""
        log = self.useFixture(fixtures.FakeLogger())
        node = self.node(name='mnode1')
        control = self.control(password='S3cret!', login='ADMIN')
        self.assign(node['id'], control['id'])
        answer = self.call('POST', f'/v1/nodes/{node["id"]}/actions/reset',
                           status=202)
        self.assertNotIn('S3cret', str(self.get(
            answer.headers['Location'])))
        row = db_tasks.get_task(
            self.context, answer.headers['Location'].rsplit('/', 1)[1])
        self.assertNotIn('S3cret', str(row) + log.output)
