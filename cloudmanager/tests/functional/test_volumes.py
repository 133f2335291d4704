# SPDX-License-Identifier: Apache-2.0
"""Volumes and their back ends: lists, checks, tasks, and nothing twice."""

from cloudmanager.common import exception
from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests.functional import base

VOLUME = '32207733-3511-5faa-9882-c8db0b187cc3'
OTHER = '11111111-3511-5faa-9882-c8db0b187cc3'
MOVE = {'source_pv': '/dev/mapper/mpathb', 'dest_pv': '/dev/mapper/mpathc'}


def backend(name, host='stor1', group='vol'):
    return {'volume_backend_name': name, 'host': host, 'vg_name': group,
            'protocol': 'iscsi', 'free_size': '1', 'total_size': '2',
            'logical_volumes': [], 'physical_volumes': []}


def volume(key, name='fast', host='stor1'):
    return {'id': key, 'volume_id': key, 'volume_backend_name': name,
            'host': host, 'thin_enabled': False, 'logical_volume': {},
            'lock_hosts': [], 'lock_exclusive': False, 'lock_reason': None}


class BackendsTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.conductor.backends = [
            backend('fast'), backend('slow', 'stor2'),
            backend('faster', 'stor3', 'v_l')]

    def names(self, query=''):
        return [found['volume_backend_name'] for found in
                self.get(f'/v1/volume-backends/{query}')]

    def test_filters(self):
        for query, expected in (
                ('', ['fast', 'slow', 'faster']),
                ('?volume_backend_name=like:fast%25', ['fast', 'faster']),
                ('?host=in:stor1,stor3&vg_name=vol', ['fast']),
                ('?vg_name=neq:vol', ['faster']),
                ('?vg_name=like:v\\_l', ['faster']),
                ('?host=stor', []), ('?limit=1&offset=1', ['slow']),
                ('?offset=2', ['faster']), ('?offset=9', [])):
            self.assertEqual(expected, self.names(query), query)

    def test_refused_queries(self):
        for query in ('?protocol=iscsi', '?marker=1', '?limit=-1', '?x=1'):
            self.error('GET', f'/v1/volume-backends{query}')

    def test_fields(self):
        self.assertEqual(
            [{'host': 'stor1'}, {'host': 'stor2'}, {'host': 'stor3'}],
            self.get('/v1/volume-backends?fields=host'))

    def test_csv(self):
        answer = self.call('GET', '/v1/volume-backends?fields=host,vg_name',
                           headers={'Accept': 'text/csv'}, status=200)
        self.assertEqual('host,vg_name\r\nstor1,vol\r\nstor2,vol\r\n'
                         'stor3,v_l\r\n', answer.text)

    def test_none(self):
        self.conductor.backends = []
        self.assertEqual([], self.get('/v1/volume-backends'))

    def test_out_of_reach(self):
        self.conductor.check_error = exception.CloudUnreachable(
            service='Cinder', request='list pools', reason='it is down')
        self.error('GET', '/v1/volume-backends/', status=503)


class VolumesTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.keys = sorted(self.uuid() for _ in range(3))
        self.conductor.volumes = [volume(key) for key in self.keys]

    def ids(self, query=''):
        return [found['volume_id'] for found in
                self.get(f'/v1/volumes{query}')['volumes']]

    def test_pages(self):
        first = self.get('/v1/volumes?limit=2')
        self.assertEqual(self.keys[:2], [
            found['volume_id'] for found in first['volumes']])
        (link,) = first['volumes_links']
        self.assertEqual(self.keys[2:], self.ids(
            '?' + link['href'].partition('?')[2]))
        self.error('GET', '/v1/volumes?marker=gone')
        self.assertNotIn('volumes_links', self.get('/v1/volumes?limit=3'))

    def test_filters(self):
        self.conductor.volumes[1]['host'] = 'stor2'
        self.assertEqual([self.keys[1]], self.ids('?host=stor2'))
        self.assertEqual([], self.ids('?volume_backend_name=slow'))

    def test_warnings(self):
        self.assertNotIn('warnings', self.get('/v1/volumes/'))
        self.conductor.warnings = ['stor9 does not answer']
        self.assertEqual(['stor9 does not answer'],
                         self.get('/v1/volumes/')['warnings'])

    def test_show(self):
        found = self.get(f'/v1/volumes/{self.keys[0].upper()}')['volume']
        self.assertEqual(self.keys[0], found['volume_id'])
        self.assertNotIn('id', found)
        for key in (OTHER, '1', 'x' * 300, '..', "'%20or%201=1"):
            self.error('GET', f'/v1/volumes/{key}', status=404)

    def test_agent_out_of_reach(self):
        self.conductor.check_error = exception.AgentUnreachable(
            host='stor1', reason='it did not answer within 10 s',
            last_contact='2031-01-02T03:04:05')
        error = self.error('GET', f'/v1/volumes/{self.keys[0]}', status=503)
        self.assertIn('2031-01-02T03:04:05', error['detail'])


class ActionsTestCase(base.ApiTestCase):

    BODIES = {'mirror': {'mirror_count': 1}, 'pv-migrate': MOVE}

    def setUp(self):
        super().setUp()
        self.conductor.volumes = [volume(VOLUME), volume(OTHER)]

    @staticmethod
    def path(action, key=VOLUME):
        return f'/v1/volumes/{key}/actions/{action}'

    def start(self, action, body=None, key=VOLUME):
        answer = self.call('POST', self.path(action, key),
                           body or self.BODIES[action], 202)
        self.assertEqual(b'', answer.body)
        return answer.headers['Location'].rpartition('/')[2]

    def test_tasks(self):
        for action, body in self.BODIES.items():
            key = {'mirror': VOLUME, 'pv-migrate': OTHER}[action]
            task_id = self.start(action, key=key)
            self.assertEqual((action, key, body), self.conductor.checked[-1])
            task = self.get(f'/v1/tasks/{task_id}')
            self.assertEqual(
                (f'volume.{action}', 'stor1', {**body, 'volume_id': key}),
                (task['name'], task['host'], task['params']))
            self.assertEqual(task_id, db_tasks.find_running(
                self.context, f'volume:{key}')['id'])
        self.assertEqual(task_id, db_tasks.find_running(
            self.context, 'vg:uuid')['id'])

    def test_twice(self):
        """An equal request is the first one's, and is not checked again."""
        for action, key in (('mirror', VOLUME), ('pv-migrate', OTHER)):
            first = self.start(action, key=key)
            self.assertEqual(first, self.start(action, key=key))
            self.finish(first)
            self.assertNotEqual(first, self.start(action, key=key))
        self.assertEqual(4, len(self.conductor.checked))

    def test_conflicts(self):
        first = self.start('mirror')
        for action, body in (('mirror', {'mirror_count': 2}),
                             ('pv-migrate', MOVE)):
            error = self.error('POST', self.path(action), body, 409)
            self.assertIn(first, error['detail'])

    def test_one_move_of_a_group(self):
        first = self.start('pv-migrate')
        error = self.error('POST', self.path('pv-migrate', OTHER), MOVE, 409)
        self.assertIn(first, error['detail'])
        self.start('mirror', key=OTHER)

    def test_dry_run(self):
        for action, body in self.BODIES.items():
            answer = self.call('POST', self.path(action),
                               {**body, 'dry_run': True}, 200)
            self.assertEqual({'plan': {'host': 'stor1'}}, answer.json)
            self.assertNotIn('Location', answer.headers)
            self.assertEqual(body, self.conductor.checked[-1][2])
        self.assertEqual({'tasks': []}, self.get('/v1/tasks/'))

    def test_refused_bodies(self):
        """AP1"""
        for action, body, word in (
                ('mirror', {}, 'mirror_count'),
                ('mirror', {'mirror_count': -1}, 'mirror_count'),
                ('mirror', {'mirror_count': 9}, 'mirror_count'),
                ('mirror', {'mirror_count': '1'}, 'mirror_count'),
                ('mirror', {'mirror_count': 1, 'pv': '/dev/a'}, 'pv'),
                ('pv-migrate', {}, 'source_pv'),
                ('pv-migrate', {'source_pv': '/etc/passwd'}, 'source_pv'),
                ('pv-migrate', {'source_pv': '/dev/../etc'}, 'source_pv'),
                ('pv-migrate', {**MOVE, 'dest_pv': '--all'}, 'dest_pv'),
                ('pv-migrate', {**MOVE, 'dest_pv': '/dev/a;b'}, 'dest_pv'),
                ('pv-migrate', {**MOVE, 'dest_pv': None}, 'dest_pv'),
                ('pv-migrate', {**MOVE, 'dest_pv': MOVE['source_pv']},
                 'dest_pv')):
            self.assertIn(word, self.error('POST', self.path(action),
                                           body)['detail'])
        self.assertEqual([], self.conductor.checked)

    def test_what_the_check_says(self):
        for status, error in (
                (404, exception.VolumeNotOnLVM(volume=VOLUME, reason='x')),
                (409, exception.LogicalVolumeState(volume='v', reason='x')),
                (503, exception.AgentUnreachable(
                    host='stor1', reason='x', last_contact='never'))):
            self.conductor.check_error = error
            for action, body in self.BODIES.items():
                self.assertEqual(error.error_code, self.error(
                    'POST', self.path(action), body, status)['code'])
        self.conductor.check_error = None
        for key in (self.uuid(), 'x', '1'):
            self.error('POST', self.path('mirror', key), {'mirror_count': 1},
                       404)

    def test_progress(self):
        """The item tells size, from, to, percent and seconds left."""
        task_id = self.start('pv-migrate')
        token = db_tasks.set_post_token(self.context, task_id, None, 0)
        task = db_tasks.claim(self.context, task_id, token, 'me')
        db_tasks.add_items(self.context, task_id, task['generation'], [{
            'kind': 'volume', 'object_id': VOLUME, 'state': 'RUNNING',
            'action': 'pv-migrate', 'source': '/dev/a',
            'destination': '/dev/b', 'memory': {
                'size': 1024, 'percent': 12.5, 'seconds_left': 70,
                'group': 'secret'}}])
        (item,) = self.get(f'/v1/tasks/{task_id}')['items']
        self.assertEqual(
            (1024, 12.5, 70, '/dev/a', '/dev/b'),
            tuple(item[name] for name in (
                'size', 'percent', 'seconds_left', 'source',
                'destination')))
        self.assertNotIn('group', item)
