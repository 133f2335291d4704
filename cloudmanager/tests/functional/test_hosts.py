# SPDX-License-Identifier: Apache-2.0
"""Actions on compute hosts: checks, tasks, and doing nothing twice."""

import fixtures

from cloudmanager.common import exception
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

SHUTDOWN = '/v1/hosts/cmp1/actions/shutdown'
EVACUATE = '/v1/hosts/cmp1/actions/evacuate'
DECOMMISSION = '/v1/hosts/cmp1/actions/decommission'
RESTART = '/v1/hosts/actions/restart'


class HostsCase(base.ApiTestCase):

    def start(self, path, body=None):
        answer = self.call('POST', path, body, 202)
        self.assertEqual(['task_id'], list(answer.json))
        task_id = answer.json['task_id']
        self.assertEqual(f'/v1/tasks/{task_id}', answer.headers['Location'])
        return task_id

    def targets(self, task_id):
        return {target for target in (
            'host:cmp1', 'host:cmp2', 'node:1')
            if (found := db_tasks.find_running(self.context, target))
            and found['id'] == task_id}


class ActionsTestCase(HostsCase):

    def test_shutdown(self):
        task_id = self.start(SHUTDOWN, {'allow_off_vm': True})
        flags = {'allow_off_vm': True, 'allow_evacuate': False,
                 'allow_data_loss': False, 'force': False,
                 'max_moves': None, 'slow_migration': None}
        self.assertEqual(
            [('shutdown', 'cmp1', flags | {'dry_run': False})],
            self.conductor.checked)
        self.assertEqual([task_id], self.conductor.posted)
        task = self.get(f'/v1/tasks/{task_id}')
        self.assertEqual(('host.shutdown', 'cmp1', flags, 'PENDING'),
                         tuple(task[key] for key in (
                             'name', 'host', 'params', 'status')))
        self.assertEqual({'host:cmp1'}, self.targets(task_id))

    def test_evacuate(self):
        task_id = self.start(EVACUATE, {'fenced': True})
        self.assertEqual(
            ('host.evacuate', {'fenced': True, 'force': False,
                               'allow_data_loss': False,
                               'max_moves': None}), tuple(
                self.get(f'/v1/tasks/{task_id}')[key]
                for key in ('name', 'params')))

    def test_no_place(self):
        """FD18: the error has the plan."""
        self.conductor.check_error = exception.NoPlace(
            host='cmp1', servers='vm1', plan='{"feasible": false}')
        found = self.error('POST', SHUTDOWN, status=409)
        self.assertEqual(('cloudmanager.host.no_place', {'feasible': False}),
                         (found['code'], found['plan']))
        self.conductor.check_error = None
        self.start(SHUTDOWN, {'force': True})
        self.assertTrue(self.conductor.checked[-1][2]['force'])

    def test_evacuate_a_host_that_is_up(self):
        """FD6: only with force."""
        self.conductor.check_error = exception.HostIsUp(host='cmp1',
                                                        reason='x')
        found = self.error('POST', EVACUATE, status=409)
        self.assertEqual('cloudmanager.host.is_up', found['code'])
        self.assertIn('shut it down, or say `force`', found['detail'])
        self.conductor.check_error = None
        self.start(EVACUATE, {'force': True})
        self.assertTrue(self.conductor.checked[-1][2]['force'])

    def test_task_of_an_older_version(self):
        """A flag that it did not know is one that is not set."""
        task, _ = db_tasks.create_task(
            self.context, 'host.evacuate', targets=['host:cmp1'],
            host='cmp1', params={'fenced': False, 'max_moves': None})
        self.assertEqual(task['id'], self.start(EVACUATE))
        self.error('POST', EVACUATE, {'force': True}, 409)
        # As if it had come after the look at what runs.
        found = db_tasks.find_running
        looks = iter([lambda *_: None, found, lambda *_: None, found])
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.db.tasks.find_running',
            lambda *args: next(looks)(*args)))
        self.assertEqual(task['id'], self.start(EVACUATE))
        self.error('POST', EVACUATE, {'allow_data_loss': True}, 409)

    def test_decommission(self):
        """What the check found out goes into the task."""
        self.conductor.params = {'service_gone': True}
        task_id = self.start(DECOMMISSION, {'allow_migrate': True})
        task = self.get(f'/v1/tasks/{task_id}')
        self.assertEqual('host.decommission', task['name'])
        self.assertEqual(
            {'allow_live_migrate': False, 'allow_migrate': True,
             'allow_evacuate': False, 'allow_data_loss': False,
             'wait': False, 'force': False, 'max_moves': None,
             'slow_migration': None,
             'service_gone': True}, task['params'])
        self.assertEqual(task_id, self.start(DECOMMISSION,
                                             {'allow_migrate': True}))

    def test_restart(self):
        self.node(name='cmp1')
        body = {'hosts': ['cmp2', 'cmp1'], 'settle_seconds': 60}
        task_id = self.start(RESTART, body)
        ((action, host, params),) = self.conductor.checked
        self.assertEqual(('restart', None), (action, host))
        task = self.get(f'/v1/tasks/{task_id}')
        self.assertEqual(('hosts.restart', None), (task['name'],
                                                   task['host']))
        self.assertEqual(params, task['params'] | {'dry_run': False})
        self.assertEqual((['cmp2', 'cmp1'], True, 60, None), tuple(
            task['params'][name] for name in (
                'hosts', 'in_sequence', 'settle_seconds',
                'max_unavailable')))
        self.assertEqual({'host:cmp1', 'host:cmp2', 'node:1'},
                         self.targets(task_id))
        self.assertEqual(task_id, self.start(RESTART, body))
        found = self.error('POST', SHUTDOWN, status=409)
        self.assertIn(task_id, found['detail'])

    def test_restart_of_a_host_in_use_by_another_task(self):
        """AP12: one of them is enough."""
        first = self.start(SHUTDOWN)
        found = self.error('POST', RESTART, {'hosts': ['cmp2', 'cmp1']},
                           409)
        self.assertIn(first, found['detail'])
        self.start(RESTART, {'hosts': ['cmp2']})

    def test_restart_is_planned(self):
        answer = self.call('POST', RESTART, {'hosts': ['cmp1'],
                                             'dry_run': True}, 200)
        self.assertEqual({'plan': self.conductor.plan}, answer.json)

    def test_restart_refused_bodies(self):
        """AP1"""
        for values in (
                {'hosts': None}, {'hosts': []}, {'hosts': 'cmp1'},
                {'hosts': ['cmp1', 'cmp1']}, {'hosts': [1]},
                {'hosts': ['']}, {'hosts': ['x' * 251]},
                {'max_unavailable': 0}, {'max_unavailable': '1'},
                {'settle_seconds': -1}, {'settle_seconds': 1.5},
                {'max_failures': True}, {'in_sequence': 1},
                {'max_moves': 0}, {'slow_migration': 'kill'},
                {'x': 1}):
            self.error('POST', RESTART, {'hosts': ['cmp1'], **values})
        self.error('POST', RESTART, {})
        self.error('POST', RESTART, {'hosts': ['cmp1 ']}, 404)
        self.assertEqual([], self.conductor.checked)

    def test_node_of_the_host(self):
        """The node of exactly this name is taken hold of, too."""
        self.node(name='cmp1')
        self.node(name='cmp10')
        task_id = self.start(SHUTDOWN)
        self.assertEqual({'host:cmp1', 'node:1'}, self.targets(task_id))

    def test_node_is_busy(self):
        node = self.powered_node(name='cmp1')
        location = self.call(
            'POST', f'/v1/nodes/{node["id"]}/actions/reset',
            status=202).headers['Location']
        found = self.error('POST', SHUTDOWN, status=409)
        self.assertIn(location.rsplit('/', 1)[1], found['detail'])
        self.assertEqual(1, len(self.get('/v1/tasks/')['tasks']))

    def test_dry_run(self):
        for path in (SHUTDOWN, EVACUATE):
            answer = self.call('POST', path, {'dry_run': True}, 200)
            self.assertEqual({'plan': self.conductor.plan}, answer.json)
            self.assertNotIn('Location', answer.headers)
        self.assertEqual({'tasks': []}, self.get('/v1/tasks/'))
        self.assertEqual([], self.conductor.posted)
        self.assertTrue(self.conductor.checked[0][2]['dry_run'])

    def test_dry_run_while_a_task_runs(self):
        self.start(SHUTDOWN)
        self.call('POST', SHUTDOWN, {'dry_run': True}, 200)

    def test_names(self):
        """The name is taken to the letter, or there is no such host."""
        self.start('/v1/hosts/Cmp-1.example_2/actions/shutdown')
        self.assertEqual('Cmp-1.example_2', self.conductor.checked[0][1])
        for name in ('x' * 251, 'cmp1%20', '%20cmp1', 'cmp%00', 'cmp%0a',
                     'a%2fb', '%00'):
            self.error('POST', f'/v1/hosts/{name}/actions/shutdown',
                       status=404)
        self.start(f'/v1/hosts/{"x" * 250}/actions/shutdown')
        self.assertEqual(2, len(self.conductor.checked))

    def test_refused_bodies(self):
        """AP1"""
        for body in ({'allow_off_vm': 'true'}, {'allow_off_vm': 1},
                     {'allow_evacuate': None}, {'dry_run': 'yes'},
                     {'fenced': True}, {'x': 1}, []):
            self.error('POST', SHUTDOWN, body)
        for body in ({'fenced': 'yes'}, {'fenced': None}, {'force': 1},
                     {'allow_off_vm': True}):
            self.error('POST', EVACUATE, body)
        self.error('POST', f'{SHUTDOWN}?dry_run=true')
        self.assertEqual([], self.conductor.checked)

    def test_what_the_check_says(self):
        for status, error in (
                (404, exception.HostNotFound(host='cmp1')),
                (409, exception.HostNotFenced(host='cmp1', reason='it is '
                                                                  'up')),
                (409, exception.Conflict(reason='not allowed')),
                (503, exception.CloudNotConfigured(setting='x')),
                (503, exception.Unavailable(reason='nobody answered'))):
            self.conductor.check_error = error
            found = self.error('POST', EVACUATE, status=status)
            self.assertEqual((error.error_code, error.message),
                             (found['code'], found['detail']))
        self.conductor.check_error = RuntimeError('S3cret')
        self.assertNotIn('S3cret', str(
            self.error('POST', EVACUATE, status=500)))
        self.assertEqual({'tasks': []}, self.get('/v1/tasks/'))

    def test_bus_is_down(self):
        log = self.useFixture(fixtures.FakeLogger())
        self.conductor.post_error = exception.Unavailable(reason='x')
        task_id = self.start(SHUTDOWN)
        self.assertIn(task_id, log.output)


@tests_base.databases()
class TwiceTestCase(HostsCase):
    """AP12: the same request is the same task, another one waits."""

    def test_double_click(self):
        first = self.start(EVACUATE, {'fenced': True})
        # What the first has begun must not be held against the second.
        self.conductor.check_error = exception.HostNotFenced(
            host='cmp1', reason='it changes')
        self.assertEqual(first, self.start(EVACUATE, {'fenced': True}))
        self.assertEqual([first], self.conductor.posted)
        self.assertEqual({'tasks': [first]}, self.get('/v1/tasks/'))

    def test_defaults_do_not_make_a_difference(self):
        first = self.start(SHUTDOWN)
        for body in ({}, {'allow_off_vm': False}, {'dry_run': False},
                     {'allow_evacuate': False, 'allow_off_vm': False}):
            self.assertEqual(first, self.start(SHUTDOWN, body))

    def test_second_action(self):
        first = self.start(SHUTDOWN)
        for path, body in ((EVACUATE, None), (EVACUATE, {'fenced': True}),
                           (SHUTDOWN, {'allow_off_vm': True})):
            found = self.error('POST', path, body, 409)
            self.assertEqual('cloudmanager.task.conflict', found['code'])
            self.assertIn(first, found['detail'])
        self.assertNotEqual(first, self.start(
            '/v1/hosts/cmp2/actions/shutdown'))

    def test_after_the_end(self):
        first = self.start(SHUTDOWN)
        self.finish(first)
        self.assertNotEqual(first, self.start(SHUTDOWN))

    def test_clicks_at_the_same_moment(self):
        """Whoever comes first makes the task; the others get it."""
        clicks = tests_base.Together(
            4, lambda number: self.call('POST', SHUTDOWN))
        self.assertEqual([], clicks.raised)
        self.assertEqual({202}, {answer.status_int
                                 for answer in clicks.results})
        self.assertEqual(1, len({answer.json['task_id']
                                 for answer in clicks.results}))
        self.assertEqual(1, len(self.conductor.posted))
