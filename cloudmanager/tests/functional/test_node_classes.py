# SPDX-License-Identifier: Apache-2.0
"""Node classes and their types."""

from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

LIST = '/v1/node-classes/'
# Of the documentation: those that every installation starts with.
FIRST = {
    'hypervisor': ['', 'QEMU', 'KVM', 'Docker', 'Xen', 'VMware', 'HyperV'],
    'Storage host': ['', 'Ceph', 'mdraid', 'bcashed', 'GlusterFS',
                     'Sheepdog'],
    'Network host': ['', 'Network node', 'Commutator', 'Router'],
    'Server': ['', 'Controller node', 'PXE', 'DHCP', 'DNS', 'NTP']}
BAD_NAMES = (None, 1, True, [], {}, 'x' * 256, ' a', 'a ', 'a\n', 'a\tb',
             '\x7f', 'a\x85b')
BAD_TYPES = (None, 'a', {}, [1], [None], ['a', 'a'], ['', ''], ['x' * 256],
             [' a'], ['a\n'], [str(n) for n in range(1001)], [['a']],
             [{'name': 'a'}])


class ClassesCase(base.ApiTestCase):

    def create(self, name='test_class', **values):
        return self.call('POST', LIST, {'node_class': {
            'name': name, **values}}, 201).json['node_class']

    @staticmethod
    def names(row):
        return [kind['name'] for kind in row['node_types']]


@tests_base.databases()
class ClassesTestCase(ClassesCase):

    def test_first_ones(self):
        found = self.get(LIST)['node_classes']
        self.assertEqual(FIRST, {row['name']: self.names(row)
                                 for row in found})
        self.assertEqual([1, 2, 3, 4], [row['id'] for row in found])
        self.assertEqual(list(range(1, 24)), [
            kind['id'] for row in found for kind in row['node_types']])
        self.assertEqual([True, False, False, False],
                         [row['is_default'] for row in found])
        self.assertEqual({'count': 4}, self.get(f'{LIST}count'))

    def test_as_documented(self):
        made = self.create(node_types=['type1', 'type2'])
        self.assertEqual({'id', 'is_default', 'name', 'node_types'},
                         set(made))
        first, second = made['node_types']
        self.assertEqual(
            {'id': made['id'], 'is_default': False, 'name': 'test_class',
             'node_types': [{'id': first['id'], 'name': 'type1'},
                            {'id': second['id'], 'name': 'type2'}]}, made)
        one = f'{LIST}{made["id"]}'
        self.assertEqual({'node_class': made}, self.get(one))
        changed = self.call('PUT', one, {'node_class': {
            'name': 'test_class_renamed'}}, 200).json
        self.assertEqual({'node_class': made | {
            'name': 'test_class_renamed'}}, changed)
        self.assertEqual({'node_types': [first, second]},
                         self.get(f'{one}/types/'))
        new = self.call('POST', f'{one}/types/', {'node_type': {
            'name': 'new_type'}}, 201).json
        key = new['node_type']['id']
        self.assertEqual({'node_type': {'id': key, 'name': 'new_type'}},
                         new)
        self.assertEqual(
            {'node_type': {'id': key, 'name': 'type_renamed'}},
            self.call('PUT', f'{one}/types/{key}', {'node_type': {
                'name': 'type_renamed'}}, 200).json)
        deleted = self.call('DELETE', f'{one}/types/{key}', status=204)
        self.assertEqual(b'', deleted.body)
        self.assertEqual([first, second],
                         self.get(f'{one}/types')['node_types'])
        self.call('DELETE', one, status=204)
        self.assertEqual('cloudmanager.node_class.not_found', self.error(
            'GET', one, status=404)['code'])

    def test_types_are_replaced(self):
        made = self.create(node_types=['a', 'b'])
        one = f'{LIST}{made["id"]}'
        changed = self.call('PUT', one, {'node_class': {
            'node_types': ['b', '', 'c']}}, 200).json['node_class']
        self.assertEqual(['b', '', 'c'], self.names(changed))
        self.assertEqual(made['node_types'][1], changed['node_types'][0])

    def test_without_types(self):
        """A class always has a type, so that nodes can be put into it."""
        made = self.create()
        self.assertEqual([''], self.names(made))
        self.assertEqual([''], self.names(self.create('b', node_types=[])))
        node = self.node(node_class_id=made['id'])
        self.assertEqual(made['node_types'][0], node['node_type'])
        found = self.error(
            'DELETE', f'{LIST}{made["id"]}/types/'
                      f'{made["node_types"][0]["id"]}', status=409)
        self.assertEqual('cloudmanager.conflict', found['code'])

    def test_in_use(self):
        made = self.create(node_types=['a', 'b'])
        one = f'{LIST}{made["id"]}'
        kind = made['node_types'][1]['id']
        node = self.node(node_type_id=kind)
        for method, path, body in (
                ('DELETE', one, None), ('DELETE', f'{one}/types/{kind}', None),
                ('PUT', one, {'node_class': {'node_types': ['a']}})):
            found = self.error(method, path, body, 409)
            self.assertEqual('cloudmanager.in_use', found['code'])
            self.assertIn(str(node['id']), found['detail'])
        self.assertEqual({'node_class': made}, self.get(one))
        self.call('DELETE', f'/v1/nodes/{node["id"]}', status=204)
        self.call('DELETE', one, status=204)

    def test_protected(self):
        """New nodes get the default class; hypervisor is known by name."""
        self.error('DELETE', f'{LIST}1', status=409)
        self.error('PUT', f'{LIST}1', {'node_class': {'name': 'x'}}, 409)
        self.call('PUT', f'{LIST}1', {'node_class': {
            'name': 'hypervisor'}}, 200)
        self.call('PUT', f'{LIST}4', {'node_class': {'name': 'x'}}, 200)
        self.call('DELETE', f'{LIST}4', status=204)

    def test_taken(self):
        made = self.create(node_types=['a', 'b'])
        one = f'{LIST}{made["id"]}'
        types, kind = f'{one}/types/', made['node_types'][0]['id']
        for method, path, body in (
                ('POST', LIST, {'node_class': {'name': 'Server'}}),
                ('PUT', one, {'node_class': {'name': 'Server'}}),
                ('POST', types, {'node_type': {'name': 'b'}}),
                ('PUT', f'{types}{kind}', {'node_type': {'name': 'b'}})):
            found = self.error(method, path, body, 409)
            self.assertEqual('cloudmanager.name_taken', found['code'])
        self.assertEqual({'node_class': made}, self.get(one))

    def test_unknown(self):
        for base_path, code in ((f'{LIST}999', 'node_class'),
                                (f'{LIST}1/types/999', 'node_type'),
                                (f'{LIST}1/types/9', 'node_type'),
                                (f'{LIST}x', 'node_class'),
                                (f'{LIST}1/types/x', 'node_type'),
                                (f'{LIST}999/types/1', 'node_class')):
            name = 'node_type' if 'types' in base_path else 'node_class'
            for method, body in (('PUT', {name: {'name': 'x'}}),
                                 ('PUT', {name: {}}), ('DELETE', None)):
                self.assertEqual(
                    f'cloudmanager.{code}.not_found', self.error(
                        method, base_path, body, 404)['code'])
        self.error('GET', f'{LIST}999/types', status=404)
        self.error('POST', f'{LIST}999/types', {'node_type': {}}, 404)


class TypesTestCase(ClassesCase):

    def test_id_in_the_body(self):
        """The documentation has the id there too; it must be the path's."""
        made = self.create(node_types=['a'])
        kind = made['node_types'][0]['id']
        path = f'{LIST}{made["id"]}/types/{kind}'
        self.call('PUT', path, {'node_type': {'type_id': kind,
                                              'name': 'b'}}, 200)
        self.assertIn('type_id', self.error(
            'PUT', path, {'node_type': {'type_id': kind + 1,
                                        'name': 'c'}})['detail'])
        self.assertEqual({'node_type': {'id': kind, 'name': 'b'}},
                         self.call('PUT', path, {'node_type': {
                             'type_id': kind}}, 200).json)

    def test_without_a_name(self):
        made = self.create(node_types=['a'])
        types = f'{LIST}{made["id"]}/types/'
        self.assertEqual('', self.call(
            'POST', types, {'node_type': {}}, 201).json['node_type']['name'])
        self.error('POST', types, {'node_type': {}}, 409)

    def test_no_single_type(self):
        self.error('GET', f'{LIST}1/types/1', status=405)


class RefusedTestCase(ClassesCase):
    """AP1: what a field does not take is a 400 that names the field."""

    def test_bodies(self):
        made = self.create(node_types=['a'])
        one = f'{LIST}{made["id"]}'
        types = f'{one}/types/'
        for values, field in ((BAD_NAMES, 'name'), (BAD_TYPES,
                                                    'node_types')):
            for value in values:
                for method, path in (('POST', LIST), ('PUT', one)):
                    body = {'name': 'new', field: value}
                    self.assertIn(f'Field {field}', self.error(
                        method, path, {'node_class': body})['detail'],
                        value)
        for value in BAD_NAMES:
            for method, path in (
                    ('POST', types),
                    ('PUT', f'{types}{made["node_types"][0]["id"]}')):
                self.assertIn('Field name', self.error(
                    method, path, {'node_type': {'name': value}})['detail'])
        self.assertIn('Field name', self.error(
            'POST', LIST, {'node_class': {'name': ''}})['detail'])
        self.assertEqual('Field name is required.', self.error(
            'POST', LIST, {'node_class': {}})['detail'])
        self.assertEqual({'node_class': made}, self.get(one))

    def test_what_is_only_answered(self):
        for name in ('id', 'is_default', 'created_at'):
            for method, path in (('POST', LIST), ('PUT', f'{LIST}2')):
                self.assertIn(name, self.error(method, path, {
                    'node_class': {'name': 'x', name: True}})['detail'])

    def test_parameters(self):
        for path in (f'{LIST}1', f'{LIST}1/types'):
            self.assertIn('limit', self.error(
                'GET', f'{path}?limit=1')['detail'])
        for query in ('is_default=true', 'node_types=a', 'name=', 'id=x'):
            if query != 'name=':
                self.error('GET', f'{LIST}?{query}')
        self.assertEqual([], self.get(f'{LIST}?name=')['node_classes'])
