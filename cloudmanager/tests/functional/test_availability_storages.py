# SPDX-License-Identifier: Apache-2.0
"""Availability storages, and their assignment from both sides."""

from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

LIST = '/v1/availability-storages/'
BODY = {'name': 'storage1', 'compute_path': '/tmp/',
        'controller_path': '/tmp/'}
BAD_PATHS = (None, '', 1, [], 'tmp', './tmp', '/tmp/../etc', '/a//b', '/.',
             '/a\nb', '/' + 'x' * 256, '/a' * 513)
BAD = {'name': (None, '', 1, [], 'x' * 256, ' a', 'a\n'),
       'compute_path': BAD_PATHS, 'controller_path': BAD_PATHS}
BAD_IDS = (None, 1, '1', {}, [None], ['1'], [0], [-1], [1.5], [True],
           [2 ** 31], [[1]], [1] * 10001)


class StoragesCase(base.ApiTestCase):

    def create(self, name='storage1', **values):
        return self.call('POST', LIST, {'availability_storage': {
            **BODY, 'name': name, **values}},
            201).json['availability_storage']

    def nodes_of(self, storage):
        return [node['id'] for node in self.get(
            f'{LIST}{storage["id"]}')['availability_storage']['nodes']]

    def storages_of(self, node):
        return [storage['id'] for storage in self.get(
            f'/v1/nodes/{node["id"]}')['node']['availability_storages']]


@tests_base.databases()
class StoragesTestCase(StoragesCase):

    def test_as_documented(self):
        self.assertEqual({'availability_storages': []}, self.get(LIST))
        made = self.create()
        self.assertEqual({**BODY, 'id': made['id'], 'nodes': []}, made)
        one = f'{LIST}{made["id"]}'
        self.assertEqual({'availability_storage': made}, self.get(one))
        self.assertEqual({'availability_storages': [made]}, self.get(LIST))
        self.assertEqual({'count': 1}, self.get(f'{LIST}count'))
        changed = self.call('PUT', one, {'availability_storage': {
            'name': 'storage2'}}, 200).json
        self.assertEqual({'availability_storage': made | {
            'name': 'storage2'}}, changed)
        deleted = self.call('DELETE', one, status=204)
        self.assertEqual(b'', deleted.body)
        self.assertEqual(
            'cloudmanager.availability_storage.not_found',
            self.error('GET', one, status=404)['code'])

    def test_filters(self):
        """AP7"""
        ids = [self.create(name)['id'] for name in ('a1', 'a2', 'b1')]
        for query, positions in (
                ('name=a1', (0,)), ('name=like:a%25', (0, 1)),
                (f'id={ids[1]}', (1,)),
                (f'availability_storage_id={ids[2]}', (2,)),
                (f'availability_storage_id=gt:{ids[0]}', (1, 2)),
                (f'id=in:{ids[0]},{ids[2]}', (0, 2)),
                ('sort=name:desc', (2, 1, 0)),
                ('sort=availability_storage_id:desc&limit=1', (2,))):
            wanted = [ids[position] for position in positions]
            self.assertEqual(wanted, [row['id'] for row in self.get(
                f'{LIST}?{query}')['availability_storages']], query)
            if 'sort' not in query:
                self.assertEqual({'count': len(wanted)},
                                 self.get(f'{LIST}count?{query}'))
        for query in ('compute_path=/tmp', 'nodes=1', 'x=1'):
            self.error('GET', f'{LIST}?{query}')

    def test_taken(self):
        self.create()
        other = self.create('other')
        for method, path in (('POST', LIST), ('PUT', f'{LIST}{other["id"]}')):
            self.assertEqual('cloudmanager.name_taken', self.error(
                method, path, {'availability_storage': BODY}, 409)['code'])

    def test_in_use(self):
        storage, node = self.create(), self.node()
        one = f'{LIST}{storage["id"]}'
        self.call('POST', f'{one}/nodes/', {'nodes': [node['id']]}, 204)
        found = self.error('DELETE', one, status=409)
        self.assertEqual('cloudmanager.in_use', found['code'])
        self.call('DELETE', f'/v1/nodes/{node["id"]}', status=204)
        self.call('DELETE', one, status=204)

    def test_unknown(self):
        for method, path, body in (
                ('GET', f'{LIST}99', None), ('DELETE', f'{LIST}99', None),
                ('PUT', f'{LIST}99', {'availability_storage': {}}),
                ('POST', f'{LIST}99/nodes', {'nodes': []}),
                ('PUT', f'{LIST}99/nodes', {'nodes': []}),
                ('DELETE', f'{LIST}99/nodes/1', None),
                ('GET', f'{LIST}x', None)):
            self.assertEqual(
                'cloudmanager.availability_storage.not_found',
                self.error(method, path, body, 404)['code'])


@tests_base.databases()
class AssignmentsTestCase(StoragesCase):

    def setUp(self):
        super().setUp()
        self.storages = [self.create(name) for name in 'abc']
        self.nodes = [self.node(name=name) for name in 'xyz']
        self.first = f'{LIST}{self.storages[0]["id"]}/nodes/'
        self.node_ids = [node['id'] for node in self.nodes]
        self.storage_ids = [storage['id'] for storage in self.storages]
        self.of_node = (f'/v1/nodes/{self.node_ids[0]}'
                        '/availability-storages/')

    def test_from_the_storage(self):
        one, two, three = self.node_ids
        answer = self.call('POST', self.first, {'nodes': [two]}, 204)
        self.assertEqual(b'', answer.body)
        self.call('POST', self.first, {'nodes': [one, one]}, 204)
        self.assertEqual([one, two], self.nodes_of(self.storages[0]))
        self.call('PUT', self.first, {'nodes': [three, two]}, 204)
        self.assertEqual([two, three], self.nodes_of(self.storages[0]))
        self.call('DELETE', f'{self.first}{two}', status=204)
        self.assertEqual([three], self.nodes_of(self.storages[0]))
        self.assertEqual('cloudmanager.node.storage_not_assigned',
                         self.error('DELETE', f'{self.first}{two}',
                                    status=404)['code'])
        self.call('PUT', self.first, {'nodes': []}, 204)
        self.assertEqual([], self.nodes_of(self.storages[0]))

    def test_from_the_node(self):
        node = self.nodes[0]
        one, two, three = self.storage_ids
        name = 'availability_storages'
        self.call('POST', self.of_node, {name: [two]}, 204)
        self.call('POST', self.of_node, {name: [one]}, 204)
        self.assertEqual([one, two], self.storages_of(node))
        self.call('PUT', self.of_node, {name: [three, two]}, 204)
        self.assertEqual([two, three], self.storages_of(node))
        self.call('DELETE', f'{self.of_node}{two}', status=204)
        self.assertEqual([three], self.storages_of(node))
        self.assertEqual('cloudmanager.node.storage_not_assigned',
                         self.error('DELETE', f'{self.of_node}{two}',
                                    status=404)['code'])
        self.error('POST', '/v1/nodes/99/availability-storages',
                   {name: []}, 404)
        self.assertEqual([node['id']], self.nodes_of(self.storages[2]))

    def test_in_the_answers(self):
        self.call('POST', self.first, {'nodes': self.node_ids[:2]}, 204)
        wanted = [{**BODY, 'name': 'a', 'id': self.storage_ids[0]}]
        self.assertEqual(
            [wanted, wanted, []],
            [node['availability_storages']
             for node in self.get('/v1/nodes/')['nodes']])
        one = f'/v1/nodes/{self.node_ids[0]}'
        for answer in (self.get(one), self.call(
                'PUT', one, {'node': {'title': 'x'}}, 200).json):
            self.assertEqual(wanted, answer['node']['availability_storages'])
        self.assertEqual(
            [{'id': self.node_ids[0], 'name': 'x'},
             {'id': self.node_ids[1], 'name': 'y'}],
            self.get(LIST)['availability_storages'][0]['nodes'])

    def test_unknown_ids(self):
        """400 names them, and nothing is changed."""
        self.call('POST', self.first, {'nodes': self.node_ids[:1]}, 204)
        for path, name, known in (
                (self.first, 'nodes', self.node_ids[1]),
                (self.of_node, 'availability_storages',
                 self.storage_ids[1])):
            for method in ('POST', 'PUT'):
                self.assertEqual(
                    f'Field {name}: there is no 98, 99.', self.error(
                        method, path, {name: [known, 99, 98]})['detail'])
        self.assertEqual(self.node_ids[:1], self.nodes_of(self.storages[0]))
        self.assertEqual(self.storage_ids[:1],
                         self.storages_of(self.nodes[0]))

    def test_statements(self):
        """Lists are the same few statements whatever their length."""
        for path in (self.first, f'{LIST}{self.storage_ids[1]}/nodes'):
            self.call('PUT', path, {'nodes': self.node_ids}, 204)
        for path in (LIST, '/v1/nodes/'):
            with self.statements() as few:
                self.get(f'{path}?limit=1')
            with self.statements() as many:
                self.get(path)
            self.assertEqual(len(few), len(many))
            self.assertLess(len(many), 6)


class RefusedTestCase(StoragesCase):
    """AP1: what a field does not take is a 400 that names the field."""

    def test_bodies(self):
        storage = self.create()
        one = f'{LIST}{storage["id"]}'
        for name, values in BAD.items():
            for value in values:
                for method, path in (('POST', LIST), ('PUT', one)):
                    self.assertIn(f'Field {name}', self.error(
                        method, path, {'availability_storage': {
                            'name': 'new', 'compute_path': '/a',
                            'controller_path': '/a',
                            name: value}})['detail'], value)
            self.assertEqual(f'Field {name} is required.', self.error(
                'POST', LIST, {'availability_storage': {
                    key: value for key, value in BODY.items()
                    if key != name}})['detail'])
        for name in ('id', 'nodes', 'created_at'):
            self.assertIn(name, self.error('PUT', one, {
                'availability_storage': {name: 1}})['detail'])
        self.assertEqual({'availability_storages': [storage]},
                         self.get(LIST))

    def test_ids(self):
        storage, node = self.create(), self.node()
        for path, name in (
                (f'{LIST}{storage["id"]}/nodes', 'nodes'),
                (f'/v1/nodes/{node["id"]}/availability-storages',
                 'availability_storages')):
            for method in ('POST', 'PUT'):
                for value in BAD_IDS:
                    self.assertIn(f'Field {name}', self.error(
                        method, path, {name: value})['detail'], value)
                self.assertEqual(f'Field {name} is required.', self.error(
                    method, path, {})['detail'])
                self.assertIn('x', self.error(
                    method, path, {name: [], 'x': 1})['detail'])
            self.error('GET', path, status=405)
        self.assertEqual([], self.nodes_of(storage))
