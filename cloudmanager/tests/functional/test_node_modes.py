# SPDX-License-Identifier: Apache-2.0
"""Modes of nodes over the API; only conductor and agent are not there."""

import datetime

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import signing
from cloudmanager.db import agents as db_agents
from cloudmanager.db import models
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import agent_reports
from cloudmanager.tests.functional import base

UNKNOWN = 10 ** 6
AWAY = exception.AgentUnreachable(
    host='cmp1', reason='it did not answer within 20 s',
    last_contact='2026-01-02T03:04:05')
PASSTHROUGH = {'mode': 'host-passthrough', 'model': None}
STORAGE = {'id': 3, 'path': '/mnt/a', 'reason': 'it hangs',
           'written_at': '2026-01-02T03:04:05'}
GUEST = {'id': '17b15142-1123-409b-a645-64c739f7f506',
         'name': 'instance-00000001', 'state': 'paused'}
#: Actions, their bodies, and the change that each asks for.
CHANGES = (
    ('enable-snmp', None, {'snmp': True}),
    ('disable-snmp', None, {'snmp': False}),
    ('enable-ssh', None, {'ssh': True}),
    ('disable-ssh', None, {'ssh': False}),
    ('enable-nodesafe', None, {'nodesafe': True}),
    ('disable-nodesafe', None, {'nodesafe': False}),
    ('enable-dcc', None, {'dcc': True}),
    ('disable-dcc', None, {'dcc': False}),
    ('set-cpu-mode', {'cpu_emulation_mode': 'host-passthrough'},
     {'cpu_mode': PASSTHROUGH}),
    ('set-cpu-mode', {'cpu_emulation_mode': None},
     {'cpu_mode': {'mode': None, 'model': None}}),
    ('set-cpu-mode', {'cpu_emulation_mode': 'custom', 'cpu_model': 'Haswell'},
     {'cpu_mode': {'mode': 'custom', 'model': 'Haswell'}}),
    ('setup-log-redirection', {'log_redirection_hostname': 'LOG.example.org'},
     {'log_redirection': 'log.example.org'}),
    ('setup-log-redirection', {'log_redirection_hostname': '2001:DB8::0:1'},
     {'log_redirection': '2001:db8::1'}),
    ('disable-log-redirection', None, {'log_redirection': None}),
)


class ModesCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.node_id = self.node(name='cmp1')['id']

    def path(self, action, node='cmp1'):
        return f'/v1/nodes/{node}/actions/{action}'

    def task(self, answer):
        return db_tasks.get_task(self.context,
                                 answer.headers['Location'].split('/')[-1])


class ActionsTestCase(ModesCase):

    def test_tasks(self):
        for action, body, changes in CHANGES:
            answer = self.call('POST', self.path(action), body, status=202)
            self.assertEqual(b'', answer.body)
            task = self.task(answer)
            self.assertEqual(
                ('node.set_mode', changes, self.node_id),
                (task['name'], task['params']['changes'],
                 task['params']['node_id']))
            self.assertIn(task['id'], self.conductor.posted)
            self.finish(task['id'])

    def finish(self, task_id):
        """End a task, so that the next one may begin."""
        token = db_tasks.set_post_token(self.context, task_id, None, 0)
        claimed = db_tasks.claim(self.context, task_id, token, 'test')
        db_tasks.finish(self.context, task_id, claimed['generation'],
                        db_tasks.SUCCESS)

    def test_twice(self):
        """The same again is the same task; another one is in its way."""
        first = self.call('POST', self.path('enable-snmp'), status=202)
        again = self.call('POST', self.path('enable-snmp', self.node_id),
                          status=202)
        self.assertEqual(first.headers['Location'],
                         again.headers['Location'])
        found = self.error('POST', self.path('disable-snmp'), status=409)
        self.assertEqual('cloudmanager.task.conflict', found['code'])

    def test_repair_locks(self):
        """Nobody switches the owners of the locks meanwhile."""
        owner = self.powered_node(name='cmp2')['id']
        self.conductor.targets = [f'node:{owner}']
        answer = self.call('POST', self.path('repair-locks'),
                           {'dry_run': True}, status=200)
        self.assertEqual({'plan': self.conductor.plan}, answer.json)
        first = self.call('POST', self.path('repair-locks'), status=202)
        task = self.task(first)
        self.assertEqual(('node.repair_locks', {'node_id': self.node_id}),
                         (task['name'], task['params']))
        self.error('POST', f'/v1/nodes/{owner}/actions/power-on', status=409)
        self.conductor.targets = []
        again = self.call('POST', self.path('repair-locks'), status=202)
        self.assertEqual(first.headers['Location'],
                         again.headers['Location'])
        self.finish(task['id'])
        self.call('POST', f'/v1/nodes/{owner}/actions/power-on', status=202)
        self.error('POST', self.path('repair-locks'), {'force': True},
                   status=400)

    def test_dry_run(self):
        for action, body, _ in CHANGES:
            answer = self.call('POST', self.path(action),
                               {**(body or {}), 'dry_run': True}, status=200)
            self.assertEqual({'plan': self.conductor.plan}, answer.json)
        self.assertEqual([], self.conductor.posted)

    def test_unknown_node(self):
        for node in (UNKNOWN, 'nope'):
            for action, body, _ in CHANGES:
                self.error('POST', self.path(action, node), body, status=404)
            self.error('POST', self.path('update-system', node), status=404)
        self.assertEqual([], self.conductor.checked)

    def test_away(self):
        """The answer says when the agent was heard of last."""
        self.conductor.check_error = AWAY
        for action in ('enable-snmp', 'update-system', 'repair-locks'):
            found = self.error('POST', self.path(action), status=503)
            self.assertEqual('cloudmanager.agent.unreachable', found['code'])
            self.assertIn('2026-01-02T03:04:05', found['detail'])
        self.assertEqual([], self.conductor.posted)

    def test_refused(self):
        self.conductor.check_error = exception.Conflict(reason='no')
        self.error('POST', self.path('disable-ssh'), status=409)

    def test_force(self):
        self.call('POST', self.path('disable-ssh'), {'force': True},
                  status=202)
        ((_, _, params),) = self.conductor.checked
        self.assertIs(True, params['force'])
        self.error('POST', self.path('enable-ssh'), {'force': True},
                   status=400)

    def test_bad_bodies(self):
        for action, body in (
                ('set-cpu-mode', None), ('set-cpu-mode', {}),
                ('set-cpu-mode', {'cpu_emulation_mode': 'fast'}),
                ('set-cpu-mode', {'cpu_emulation_mode': 'custom'}),
                ('set-cpu-mode', {'cpu_emulation_mode': 'host-model',
                                  'cpu_model': 'Haswell'}),
                ('set-cpu-mode', {'cpu_emulation_mode': 'custom',
                                  'cpu_model': 'a\nb = c'}),
                ('setup-log-redirection', {}),
                *(('setup-log-redirection', {'log_redirection_hostname': host})
                  for host in (None, '', 'a b', 'a;b', 'a"b', '-x', 'a\nb',
                               '$(id)', 'x' * 300, '@@a', 'a/b', 7)),
                ('enable-snmp', {'on': True}),
                ('enable-snmp', {'dry_run': 'yes please'})):
            self.error('POST', self.path(action), body, status=400)
        self.assertEqual([], self.conductor.checked)

    def test_update_system(self):
        task = self.task(self.call('POST', self.path('update-system'),
                                   status=202))
        self.assertEqual(('node.update_system',
                          {'node_id': self.node_id, 'force': False}),
                         (task['name'], task['params']))

    def test_update_keeps_tasks_on_the_host_off(self):
        node = self.node(name='cmp2')
        self.execute(models.Node.__table__.update().where(
            models.Node.id == node['id']).values(
                compute_host='cmp2'))
        self.call('POST', self.path('update-system', 'cmp2'), status=202)
        found = self.error('POST', '/v1/hosts/cmp2/actions/shutdown', {},
                           status=409)
        self.assertEqual('cloudmanager.task.conflict', found['code'])


class ShownTestCase(ModesCase):
    """What GET of a node tells."""

    def show(self):
        return self.call('GET', f'/v1/nodes/{self.node_id}', status=200).json[
            'node']

    def enrol(self, modes, generation=1, seconds=0, **more):
        key = signing.new_key()
        db_agents.enrol(self.context, 'cmp1', key)
        agent_reports.record(
            self.context, 'cmp1', key.id, 1.0, version='1.0', modes=modes,
            generation=generation, capabilities={'packages': 'dnf'},
            checked_at='2026-01-02T03:04:05', facts={
                'storages': [STORAGE], 'reasons': {'guests': 'no virsh'}},
            **more)
        at = clock.utcnow() - datetime.timedelta(seconds=seconds)
        self.execute(models.Agent.__table__.update().values(
            contact_at=at))
        return clock.isoformat(at)

    def state(self, actual, reason=None):
        return {'actual': actual, 'reason': reason}

    def test_no_agent(self):
        node = self.show()
        self.assertIsNone(node['agent'])
        self.assertEqual({'desired': True, 'actual': None,
                          'checked_at': None, 'reason': None},
                         node['modes']['dcc'])
        self.assertEqual({'desired': None, 'actual': None,
                          'checked_at': None, 'reason': None},
                         node['modes']['snmp'])
        db_settings.change(self.context, self.node_id, {'snmp': True})
        found = self.show()['modes']['snmp']
        self.assertIs(True, found['desired'])
        self.assertIn('No agent', found['reason'])

    def test_modes(self):
        db_settings.change(self.context, self.node_id, {
            'snmp': True, 'ssh': True, 'cpu_mode': PASSTHROUGH})
        at = self.enrol({
            'snmp': self.state(True), 'ssh': self.state(False, 'it broke'),
            'cpu_mode': self.state(PASSTHROUGH),
            'log_redirection': self.state('log1')})
        node = self.show()
        self.assertEqual(
            {'last_contact': at, 'is_reachable': True, 'version': '1.0',
             'reported_at': '1970-01-01T00:00:01', 'guests': None,
             'capabilities': {'packages': 'dnf'},
             'availability_storages': [STORAGE],
             'reasons': {'guests': 'no virsh'}}, node['agent'])
        for mode, desired, actual, reason in (
                ('snmp', True, True, None), ('ssh', True, False, 'it broke'),
                ('cpu_mode', PASSTHROUGH, PASSTHROUGH, None),
                ('log_redirection', None, 'log1', None)):
            self.assertEqual(
                {'desired': desired, 'actual': actual, 'reason': reason,
                 'checked_at': '2026-01-02T03:04:05'}, node['modes'][mode])

    def test_guests(self):
        self.enrol({}, guests=[GUEST])
        self.assertEqual([GUEST], self.show()['agent']['guests'])

    def test_not_taken_up(self):
        self.enrol({'snmp': self.state(False)}, generation=0)
        db_settings.change(self.context, self.node_id, {'snmp': True})
        self.assertIn('not taken it up',
                      self.show()['modes']['snmp']['reason'])

    def test_silent(self):
        self.enrol({'snmp': self.state(True)}, seconds=1000)
        db_settings.change(self.context, self.node_id, {'snmp': True})
        node = self.show()
        self.assertIs(False, node['agent']['is_reachable'])
        self.assertIn('not reported lately',
                      node['modes']['snmp']['reason'])

    def test_no_secrets(self):
        self.enrol({})
        agent = db_agents.find(self.context, 'cmp1')
        text = self.call('GET', f'/v1/nodes/{self.node_id}').text
        for name in ('key', 'key_id'):
            self.assertNotIn(agent[name], text)

    def test_not_in_lists(self):
        found = self.call('GET', '/v1/nodes/').json['nodes'][0]
        self.assertNotIn('modes', found)
        self.assertNotIn('agent', found)
