# SPDX-License-Identifier: Apache-2.0
"""Targets of storages over the API; conductor and agent are not there."""

from cloudmanager.common import exception
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.functional import base
from cloudmanager.tests.functional.test_node_modes import AWAY
from cloudmanager.tests.functional.test_node_modes import UNKNOWN
from cloudmanager.tests.unit.domain.test_iscsi import HOSTILE

TARGETS = {'10.0.0.2': ['volume-1']}


class TargetsTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.node_id = self.node(name='cmp1')['id']
        self.storage_id = self.node(name='stor1',
                                    ip_addresses=['10.0.0.2'])['id']

    def path(self, action, node='cmp1'):
        return f'/v1/nodes/{node}/actions/{action}'

    def discover(self, **more):
        return self.call('POST', self.path('discovery-nas'),
                         {'storage_id': self.storage_id}, **more)

    def attach(self, targets=None, status=202, **more):
        return self.call('POST', self.path('attach-targets'),
                         {'targets': targets or TARGETS, **more},
                         status=status)

    def params(self, answer):
        task = db_tasks.get_task(self.context,
                                 answer.headers['Location'].split('/')[-1])
        self.assertEqual(('node.attach_targets', self.node_id),
                         (task['name'], task['params']['node_id']))
        return task['params']

    def test_discovery(self):
        self.conductor.discovered['targets'] = TARGETS
        self.assertEqual({'targets': TARGETS}, self.discover().json)
        self.conductor.discovered['warnings'] = ['10.0.0.3: it is silent']
        self.assertEqual(self.conductor.discovered, self.discover().json)

    def test_nothing_discovered(self):
        self.assertEqual({'targets': {}}, self.discover().json)

    def test_discovery_errors(self):
        for error, status in ((AWAY, 503),
                              (exception.Conflict(reason='no'), 409)):
            self.conductor.check_error = error
            self.discover(status=status)
        self.conductor.check_error = None
        for node in (UNKNOWN, 'nope'):
            self.error('POST', self.path('discovery-nas', node),
                       {'storage_id': self.storage_id}, status=404)
        self.error('POST', self.path('discovery-nas'),
                   {'storage_id': UNKNOWN}, status=404)
        for body in ({}, {'storage_id': None}, {'storage_id': '1'},
                     {'storage_id': 0}, {'storage_id': 1, 'x': 1}):
            self.error('POST', self.path('discovery-nas'), body, status=400)

    def test_attach(self):
        answer = self.attach({
            'STOR1.example.org': ['volume-1'], '2001:DB8::1': ['volume-2'],
            '[2001:db8::1]:3260': ['volume-2', 'volume-3'],
            '10.0.0.2:3261': ['iqn.2026-01.org.example:x']},
            vendor='IET', product='VIRTUAL-DISK')
        self.assertEqual(b'', answer.body)
        self.assertEqual(
            {'node_id': self.node_id, 'vendor': 'IET',
             'product': 'VIRTUAL-DISK', 'targets': {
                 'stor1.example.org': ['volume-1'],
                 '2001:db8::1': ['volume-2', 'volume-3'],
                 '10.0.0.2:3261': ['iqn.2026-01.org.example:x']}},
            self.params(answer))

    def test_twice(self):
        first = self.attach()
        self.assertEqual(first.headers['Location'],
                         self.attach().headers['Location'])
        self.attach({'10.0.0.2': ['volume-2']}, status=409)

    def test_dry_run(self):
        answer = self.attach(status=200, dry_run=True)
        self.assertEqual({'plan': self.conductor.plan}, answer.json)
        self.assertEqual([], self.conductor.posted)
        self.assertEqual({'targets': TARGETS}, self.conductor.checked[0][2])

    def test_away(self):
        self.conductor.check_error = AWAY
        found = self.error('POST', self.path('attach-targets'),
                           {'targets': TARGETS}, status=503)
        self.assertIn('2026-01-02T03:04:05', found['detail'])
        self.assertEqual([], self.conductor.posted)

    def test_bad_bodies(self):
        bodies = [{'targets': wrong} for wrong in (
            None, {}, [], 'x', {'10.0.0.2': []}, {'10.0.0.2': 'x'},
            {'10.0.0.2:0': ['x']},
            {f'10.0.1.{n}': ['x'] for n in range(65)})]
        for name in HOSTILE:
            bodies.append({'targets': {'10.0.0.2': [name]}})
            if isinstance(name, str):
                bodies.append({'targets': {name: ['volume-1']}})
        for word in ('', 'a"b', 'a\nb', 'x' * 65, '\\', 7, ' a', '.*', None):
            bodies += [{'targets': TARGETS, 'vendor': word, 'product': 'X'},
                       {'targets': TARGETS, 'vendor': 'X', 'product': word}]
        bodies += [{}, {'targets': TARGETS, 'vendor': 'X'},
                   {'targets': TARGETS, 'product': 'X'},
                   {'targets': TARGETS, 'chap_password': 'x'}]
        for body in bodies:
            answer = self.call('POST', self.path('attach-targets'), body,
                               status=None)
            self.assertEqual(400, answer.status_int, body)
        self.assertEqual([], self.conductor.checked)
