# SPDX-License-Identifier: Apache-2.0
"""Outputs of power controls: switching them, and what they feed."""

import dataclasses

import fixtures

from cloudmanager.common import clock
from cloudmanager.db import power_states as db_power_states
from cloudmanager.domain import power_types
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

ON, OFF = 'power_on', 'power_off'


@tests_base.databases()
class OutputsTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.strip = self.control()
        self.path = f'/v1/power-controls/{self.strip["id"]}/actions/'

    def switch(self, coil, action='power-off', status=202, **kwargs):
        return self.call('POST', f'{self.path}{action}', {'coil': coil},
                         status, **kwargs)

    def test_each(self):
        for action, coil in (('power-on', 1), ('power-off', '8')):
            answer = self.switch(coil, action)
            self.assertEqual(b'', answer.body)
            task = self.get(answer.headers['Location'])
            self.assertEqual(
                ('output.power', 'admin-id', {
                    'power_control_id': self.strip['id'],
                    'output': str(coil), 'action': action,
                    'node_ids': []}),
                (task['name'], task['user_id'], task['params']))
        self.assertEqual(2, len(self.conductor.posted))

    def test_refused(self):
        for coil in (0, 9, -1, '01', 'x', '', None, True, 1.5, [1], '١',
                     'x' * 65, 2 ** 40):
            self.assertIn('Field coil', self.switch(coil, status=400).text)
        for body in ({}, {'output': 1}, {'coil': 1, 'force': True}):
            self.error('POST', f'{self.path}power-on', body)
        self.error('POST', '/v1/power-controls/99/actions/power-on',
                   {'coil': 1}, 404)
        self.assertEqual([], self.conductor.posted)

    def test_outputs_with_names(self):
        """Which there are only the device knows."""
        kinds = dict(power_types.all_types())
        kinds['FakeDevice'] = dataclasses.replace(kinds['FakeDevice'],
                                                  coils_count=None)
        self.useFixture(fixtures.MockPatchObject(
            power_types, 'all_types', lambda: kinds))
        answer = self.switch('vm-1')
        self.assertEqual('vm-1', self.get(
            answer.headers['Location'])['params']['output'])

    def test_twice(self):
        """AP12: the same again is the same task; its opposite waits."""
        first, second = self.switch(1), self.switch(1)
        self.assertEqual(first.headers['Location'],
                         second.headers['Location'])
        found = self.switch(1, 'power-on', 409).json['errors'][0]
        self.assertEqual('cloudmanager.task.conflict', found['code'])
        self.switch(2, 'power-on')

    def test_one_action_at_a_time_for_a_node(self):
        """The second one is told who is at it."""
        node = self.node(name='mnode1')
        self.assign(node['id'], self.strip['id'], 3)
        self.call('POST', f'/v1/nodes/{node["id"]}/actions/power-off',
                  status=202)
        found = self.switch(3, status=409).json['errors'][0]
        self.assertIn('(node.power of user admin)', found['detail'])
        self.switch(4)
        self.assertIn('of user admin)', self.error(
            'POST', f'/v1/nodes/{node["id"]}/actions/reset',
            status=409)['detail'])

    def test_states(self):
        """Each output has a state of its own; what is not known is null."""
        nodes = [self.node(name=f'n{number}') for number in range(3)]
        for number, node in enumerate(nodes, 1):
            self.assign(node['id'], self.strip['id'], number)
        db_power_states.record(self.context, [db_power_states.Visit(
            self.strip['id'], clock.utcnow(), {
                '1': ON, '2': OFF, '3': 'unknown'})], 3)
        found = self.get(f'/v1/power-controls/{self.strip["id"]}')[
            'power_control']
        self.assertEqual([ON, OFF, None], [
            found['coil_map'][str(number)]['power_state']
            for number in range(1, 4)])
        self.assertEqual([True, True, False], [
            found['coil_map'][str(number)]['is_initialized']
            for number in range(1, 4)])
        self.assertRegex(found['last_success_at'], '^2')


@tests_base.databases()
class StatusTestCase(base.ApiTestCase):
    """PW13: the state in one word, with its age and reason."""

    def see(self, node, state=None, error=None, failures=0):
        (control,) = node['node_controls'] or self.get(
            f'/v1/nodes/{node["id"]}')['node']['node_controls']
        db_power_states.record(self.context, [db_power_states.Visit(
            control['power_control_id'], clock.utcnow(),
            {'1': state} if state else {}, error=error,
            failures=failures)], 3)

    def statuses(self):
        found = {}
        for row in self.get('/v1/nodes/')['nodes']:
            one = self.get(f'/v1/nodes/{row["id"]}')['node']
            for name in ('power_state', 'power_status', 'power_state_at',
                         'power_state_reason'):
                self.assertEqual(row[name], one[name])
            found[row['name']] = (
                row['power_status'], row['power_state'],
                row['power_state_at'] is not None,
                row['power_state_reason'])
        return found

    def test_each(self):
        nodes = {name: self.powered_node(name=name) for name in (
            'on', 'off', 'error', 'new', 'lost', 'updating')}
        self.node(name='bare')
        for name in ('on', 'error', 'lost', 'updating'):
            self.see(nodes[name], ON)
        self.see(nodes['off'], OFF)
        self.see(nodes['error'], error='it cannot be reached', failures=3)
        self.see(nodes['lost'], OFF)
        self.see(nodes['updating'], error='it is updating its firmware')
        found = self.statuses()
        self.assertIn('nobody had asked', found.pop('lost')[3])
        self.assertEqual({
            'on': ('on', ON, True, None), 'off': ('off', OFF, True, None),
            'error': ('error', None, True, 'it cannot be reached'),
            'new': ('never-checked', None, False, None),
            # PW9: what was known of it stays.
            'updating': ('on', ON, True, None),
            'bare': ('no-config', None, False, None)}, found)

    def test_pw17_degraded(self):
        node = self.node(name='two')
        for number in range(2):
            control = self.control(host=f'pdu{number}')
            self.assign(node['id'], control['id'])
            db_power_states.record(self.context, [db_power_states.Visit(
                control['id'], clock.utcnow(),
                {'1': (ON, OFF)[number]})], 3)
        self.assertEqual(('degraded', ON, True, '1 of 2 feeds are off'),
                         self.statuses()['two'])

    def test_summary(self):
        self.see(self.powered_node(name='a'), ON)
        self.powered_node(name='b')
        found = self.get('/v1/power-controls/health')
        self.assertEqual((1, 1), (found['nodes']['on'],
                                  found['nodes']['never-checked']))
        controls = found['power_controls']
        self.assertEqual((2, 2, 1, 1), tuple(controls[name] for name in (
            'total', 'in_use', 'answering', 'never_checked')))
        self.assertRegex(controls['oldest_reading_at'], '^2.{18}$')
        self.assertEqual([], found['conductors'])

    def test_failing_controls(self):
        """Those that do not answer are found by a filter."""
        node = self.powered_node(name='a')
        self.powered_node(name='b')
        self.see(node, error='no route', failures=4)
        (found,) = self.get('/v1/power-controls/?failures=gt:0')[
            'power_controls']
        self.assertEqual(('no route', 4), (found['last_error'],
                                           found['failures']))

    def test_events(self):
        node = self.powered_node(name='a')
        for state in (ON, OFF, ON):
            self.see(node, state)
        self.see(node, error='no route', failures=3)
        self.see(node, ON)
        path = '/v1/power-events/'
        found = self.get(path)['power_events']
        self.assertEqual(['recovered', 'unreachable', 'power-found',
                          'power-lost'], [row['kind'] for row in found])
        self.assertEqual('no route', found[1]['detail'])
        self.assertEqual(2, len(self.get(
            f'{path}?node_id={node["id"]}')['power_events']))
        self.assertEqual(1, len(self.get(
            f'{path}?kind=unreachable')['power_events']))
        first = self.get(f'{path}?limit=3')
        self.assertEqual(1, len(self.get(
            first['power_events_links'][0]['href'])['power_events']))
        self.error('GET', f'{path}?detail=x')
