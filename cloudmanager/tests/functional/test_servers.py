# SPDX-License-Identifier: Apache-2.0
"""Actions on servers: checks, tasks, and doing nothing twice."""

import fixtures

from cloudmanager.common import exception
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

SERVER = '7c8fbc6c-468d-4afb-a292-e70a3d475edc'
OTHER = '11111111-468d-4afb-a292-e70a3d475edc'
#: Defaults of what each action takes, and whether its answer has a body.
RESCUE = {'fenced': False, 'allow_data_loss': False}
ACTIONS = {'balance': ({}, False), 'recover': (RESCUE, True),
           'repair': (RESCUE, True),
           'reset-reboot': ({'reboot': False}, False),
           'wakeup': ({}, False),
           'clone': ({'count': 1, 'name': '{name}-clone-{number}'}, True)}


class ServersCase(base.ApiTestCase):

    @staticmethod
    def path(action, server=SERVER):
        return f'/v1/servers/{server}/actions/{action}'

    def start(self, action, body=None, server=SERVER):
        """Begin an action; return the id of its task."""
        answer = self.call('POST', self.path(action, server), body, 202)
        task_id = answer.headers['Location'].rpartition('/')[2]
        if ACTIONS[action][1]:
            self.assertEqual({'task_id': task_id}, answer.json)
        else:
            self.assertEqual(b'', answer.body)
        return task_id


class ActionsTestCase(ServersCase):

    def test_tasks(self):
        for number, (action, (params, _)) in enumerate(ACTIONS.items()):
            server = f'{number}' * 8 + SERVER[8:]
            task_id = self.start(action, server=server)
            self.assertEqual((action, server, params),
                             self.conductor.checked[-1])
            self.assertEqual(task_id, self.conductor.posted[-1])
            task = self.get(f'/v1/tasks/{task_id}')
            self.assertEqual(
                (f'server.{action}', server, 'cmp1', params, 'PENDING'),
                tuple(task[key] for key in (
                    'name', 'server_id', 'host', 'params', 'status')))
            self.assertEqual(task_id, db_tasks.find_running(
                self.context, f'server:{server}')['id'])

    def test_flags(self):
        self.start('reset-reboot', {'reboot': True})
        self.start('recover', {'fenced': True}, OTHER)
        self.assertEqual([{'reboot': True}, {**RESCUE, 'fenced': True}],
                         [params for _, _, params in self.conductor.checked])

    def test_clones(self):
        for body in ({'count': 2}, {'count': 100, 'name': '{number}'},
                     {'count': 1, 'name': 'fixed'},
                     {'name': 'copy {number} of {name}'}):
            self.start('clone', body, self.uuid())
            self.assertEqual(ACTIONS['clone'][0] | body,
                             self.conductor.checked[-1][2])

    def test_refused_clones(self):
        """AP1"""
        for body, word in (
                ({'count': 0}, 'count'), ({'count': 101}, 'count'),
                ({'count': '2'}, 'count'), ({'count': None}, 'count'),
                ({'count': True}, 'count'), ({'count': 1.5}, 'count'),
                ({'name': ''}, 'name'), ({'name': None}, 'name'),
                ({'name': '{x}'}, 'name'), ({'name': '{'}, 'name'),
                ({'name': '{name.__class__}'}, 'name'),
                ({'name': ' a'}, 'name'), ({'name': 'x' * 256}, 'name'),
                ({'name': 'a\nb'}, 'name'),
                ({'count': 2, 'name': 'the same'}, '{number}')):
            self.assertIn(word, self.error('POST', self.path('clone'),
                                           body)['detail'])
        self.assertEqual([], self.conductor.checked)

    def test_listed_by_server(self):
        """CC13: the tasks of a server can be found."""
        task_id = self.start('wakeup')
        self.start('wakeup', server=OTHER)
        self.assertEqual({'tasks': [task_id]},
                         self.get(f'/v1/tasks/?server={SERVER}'))

    def test_ids(self):
        """Any form of a UUID is the same server; all else is none."""
        first = self.start('wakeup', server=SERVER.upper())
        for server in (SERVER, SERVER.replace('-', '')):
            self.assertEqual(first, self.start('wakeup', server=server))
        for server in ('1', 'x' * 300, SERVER + '0', SERVER[:-1], '%00',
                       'a%2fb', '..', "'%20or%201=1"):
            for action in ACTIONS:
                self.error('POST', self.path(action, server), status=404)
        self.assertEqual(1, len(self.conductor.checked))

    def test_refused_bodies(self):
        """AP1"""
        for action in ACTIONS:
            for body in ({'x': 1}, [], {'task_id': SERVER}):
                self.error('POST', self.path(action), body)
            self.error('POST', self.path(action) + '?force=true')
        for action, flag in (('reset-reboot', 'reboot'),
                             ('recover', 'fenced'), ('repair', 'fenced')):
            for value in ('true', 1, None, [], {}):
                self.error('POST', self.path(action), {flag: value})
        for action in ('balance', 'wakeup'):
            self.error('POST', self.path(action), {'fenced': True})
        self.assertEqual([], self.conductor.checked)

    def test_what_the_check_says(self):
        for status, error in (
                (404, exception.ServerNotFound(server=SERVER)),
                (409, exception.ServerState(server=SERVER, reason='no')),
                (409, exception.HostNotFenced(host='cmp1', reason='no')),
                (503, exception.Unavailable(reason='nobody answered'))):
            self.conductor.check_error = error
            for action in ACTIONS:
                found = self.error('POST', self.path(action), status=status)
                self.assertEqual((error.error_code, error.message),
                                 (found['code'], found['detail']))
        self.assertEqual({'tasks': []}, self.get('/v1/tasks/'))

    def test_access(self):
        for action in ACTIONS:
            for user, status in (('reader', 403), ('stranger', 403),
                                 (None, 401)):
                self.error('POST', self.path(action), status=status,
                           user=user)
        self.assertEqual([], self.conductor.checked)


@tests_base.databases()
class TwiceTestCase(ServersCase):
    """AP12: the same request is the same task, another one waits."""

    def test_double_click(self):
        for action in ACTIONS:
            server = self.uuid()
            first = self.start(action, server=server)
            self.conductor.check_error = exception.ServerState(
                server=server, reason='it changes')
            self.assertEqual(first, self.start(action, server=server))
            self.conductor.check_error = None

    def test_defaults_do_not_make_a_difference(self):
        first = self.start('reset-reboot')
        for body in ({}, {'reboot': False}):
            self.assertEqual(first, self.start('reset-reboot', body))

    def test_task_of_an_older_version(self):
        """AP12: what it lacks means the default, in a race as well."""
        task, _ = db_tasks.create_task(
            self.context, 'server.recover', targets=[f'server:{SERVER}'],
            server_id=SERVER, params={'fenced': False})
        self.assertEqual(task['id'], self.start('recover'))
        self.error('POST', self.path('recover'), {'allow_data_loss': True},
                   409)
        # As if it had come after the look at what runs.
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.db.tasks.find_mover', lambda *_: None))
        found = db_tasks.find_running
        looks = iter([lambda *_: None, found, lambda *_: None, found])
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.db.tasks.find_running',
            lambda *args: next(looks)(*args)))
        self.assertEqual(task['id'], self.start('recover'))
        self.error('POST', self.path('recover'), {'fenced': True}, 409)

    def test_second_action(self):
        first = self.start('reset-reboot')
        for action, body in (('recover', None), ('wakeup', None),
                             ('reset-reboot', {'reboot': True})):
            found = self.error('POST', self.path(action), body, 409)
            self.assertEqual('cloudmanager.task.conflict', found['code'])
            self.assertIn(first, found['detail'])
        self.assertNotEqual(first, self.start('recover', server=OTHER))
        self.finish(first)
        self.start('recover')

    def test_task_of_its_host(self):
        """A drain that has the server among its items is in the way."""
        task, _ = db_tasks.create_task(
            self.context, 'host.shutdown', targets=['host:cmp1'], params={},
            host='cmp1')
        for server, state in ((SERVER, 'PENDING'), (OTHER, 'DONE')):
            db_tasks.add_items(self.context, task['id'], 0, [{
                'kind': 'server', 'object_id': server, 'state': state}])
        found = self.error('POST', self.path('balance'), status=409)
        self.assertIn(task['id'], found['detail'])
        self.start('balance', server=OTHER)
        self.finish(task['id'])
        self.start('balance')

    def test_clicks_at_the_same_moment(self):
        clicks = tests_base.Together(
            4, lambda number: self.call('POST', self.path('repair')))
        self.assertEqual([], clicks.raised)
        self.assertEqual({202}, {answer.status_int
                                 for answer in clicks.results})
        self.assertEqual(1, len({answer.json['task_id']
                                 for answer in clicks.results}))
