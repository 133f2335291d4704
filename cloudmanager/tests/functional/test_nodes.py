# SPDX-License-Identifier: Apache-2.0
"""Nodes: create, show, change, delete, and what is refused."""

import json

from cloudmanager.db import tasks as db_tasks
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

UUID = '2239c611-523c-44d2-9feb-2c6905fbb5c8'
FULL = {
    'image_id': 1, 'node_class_id': 1, 'node_type_id': 2,
    'hypervisor_id': UUID, 'name': 'mnode1.example',
    'ip_addresses': ['10.35.22.11', 'fd00::1'], 'controller_id': UUID,
    'controller_type': 'ctl', 'description': 'Узел', 'dtc_number': 1,
    'unit_number': 99, 'rack_number': 2, 'row_number': 3, 'cpu_amount': 4,
    'ram_mb': 4096, 'hdd_gb': 100, 'mac_address': '52:54:00:12:34:56',
    'title': '😀 <b>"', 'is_reserved': True, 'is_controller': True,
    'inventory_code': 'UU', 'power_state': 'power_on', 'owner': 'ann',
    'active': False, 'condition': 4, 'created_at': '2018-10-15T12:59:50'}
REFERENCES = ('image_id', 'node_class_id', 'node_type_id')
# The answer to the creation of a node in the documentation.
SAMPLE = {
    'active': True, 'condition': 0, 'controller_id': None,
    'controller_type': None, 'cpu_amount': None, 'description': None,
    'dtc_number': None, 'hdd_gb': None, 'hypervisor_id': None,
    'image': {'id': 1, 'name': 'default'}, 'inventory_code': None,
    'ip_addresses': ['10.35.22.11'], 'is_controller': False,
    'is_reserved': False, 'mac_address': None, 'name': 'test-node',
    'node_class': {'id': 1, 'is_default': True, 'name': 'hypervisor'},
    'node_type': {'id': 1, 'name': ''}, 'owner': None, 'power_state': None,
    'rack_number': None, 'ram_mb': None, 'row_number': None, 'title': None,
    'unit_number': None}
# Fields and values that they must refuse.
BAD = {
    'name': (1, '', 'x' * 256, [], {}, True),
    'title': (1, 'x' * 256), 'description': (1, 'x' * 16001),
    'node_class_id': (None, 'x', 0, -1, 2 ** 31, 1.5, True, 999),
    'node_type_id': (None, 999), 'image_id': (None, 999, '1'),
    'hypervisor_id': ('x', 1, UUID + '0'), 'controller_id': ('x',),
    'ip_addresses': ('10.0.0.1', ['x'], [1], [None], ['10.0.0.256'],
                     ['10.0.0.0/8'], ['10.0.0.1'] * 65, {}),
    'mac_address': ('x', '52:54:00:12:34', 1),
    'unit_number': (0, 100, '1', True, 1.5), 'cpu_amount': (0, 100),
    'ram_mb': (-1, 2 ** 31, '1'), 'is_reserved': (None, 1, 'true', 'x'),
    'active': (None, 0), 'is_controller': (None,), 'power_state': ('on',),
    'condition': (None, -1, 5, '0'), 'created_at': (None, 'x', 1, ''),
    'inventory_code': ([], 1.5), 'owner': (1,)}


@tests_base.databases()
class NodesTestCase(base.ApiTestCase):

    def test_as_documented(self):
        answer = self.call('POST', '/v1/nodes/', {'node': {
            'name': 'test-node', 'ip_addresses': ['10.35.22.11']}}, 201)
        node = answer.json['node']
        self.assertEqual(SAMPLE, {key: node[key] for key in SAMPLE})
        self.assertEqual([], node['node_controls'])
        self.assertRegex(node['created_at'],
                         r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$')
        one = f'/v1/nodes/{node["id"]}'
        self.assertEqual(answer.json, self.get(one))
        listed = {name: value for name, value in node.items()
                  if name not in ('agent', 'modes')}
        self.assertEqual({'nodes': [listed]}, self.get('/v1/nodes/'))
        changed = self.call('PUT', one, {'node': {'title': 'node title'}},
                            200).json['node']
        self.assertEqual(node | {'title': 'node title'}, changed)
        deleted = self.call('DELETE', one, status=204)
        self.assertEqual(b'', deleted.body)
        found = self.error('GET', one, status=404)
        self.assertEqual('cloudmanager.node.not_found', found['code'])
        self.assertIn(str(node['id']), found['detail'])

    def test_all_fields(self):
        node = self.node(**FULL)
        self.assertEqual(
            {key: value for key, value in FULL.items()
             if key not in REFERENCES},
            {key: node[key] for key in FULL if key not in REFERENCES})
        self.assertEqual('QEMU', node['node_type']['name'])
        self.assertEqual(node, self.get(f'/v1/nodes/{node["id"]}')['node'])

    def test_all_fields_change(self):
        node = self.node(name='a')
        changed = self.call('PUT', f'/v1/nodes/{node["id"]}',
                            {'node': FULL}, 200).json['node']
        self.assertEqual({key: FULL[key] for key in node if key in FULL},
                         {key: changed[key] for key in node
                          if key in FULL})

    def test_values_go_away_again(self):
        node = self.node(**FULL)
        empty = dict.fromkeys((
            'hypervisor_id', 'name', 'ip_addresses', 'controller_id',
            'controller_type', 'description', 'dtc_number', 'unit_number',
            'rack_number', 'row_number', 'cpu_amount', 'ram_mb', 'hdd_gb',
            'mac_address', 'title', 'inventory_code', 'power_state',
            'owner'))
        changed = self.call('PUT', f'/v1/nodes/{node["id"]}',
                            {'node': empty}, 200).json['node']
        self.assertEqual({**empty, 'ip_addresses': []},
                         {key: changed[key] for key in empty})

    def test_forms_of_values(self):
        node = self.node(mac_address='52-54-00-AB-CD-EF',
                         hypervisor_id=UUID.upper(),
                         ip_addresses=['10.0.0.1', '10.0.0.1', 'FD00::01'],
                         inventory_code=7,
                         created_at='2018-10-15T14:59:50+02:00')
        self.assertEqual(
            ('52:54:00:ab:cd:ef', UUID, ['10.0.0.1', 'fd00::1'], '7',
             '2018-10-15T12:59:50'),
            tuple(node[key] for key in (
                'mac_address', 'hypervisor_id', 'ip_addresses',
                'inventory_code', 'created_at')))

    def test_taken(self):
        first = self.node(name='a', hypervisor_id=UUID)
        second = self.node(name='b')
        for body in ({'name': 'a'}, {'hypervisor_id': UUID}):
            for method, path in (('POST', '/v1/nodes/'),
                                 ('PUT', f'/v1/nodes/{second["id"]}')):
                found = self.error(method, path, {'node': body}, 409)
                self.assertEqual('cloudmanager.name_taken', found['code'])
                self.assertIn(next(iter(body)), found['detail'])
        self.call('PUT', f'/v1/nodes/{first["id"]}',
                  {'node': {'name': 'a'}}, 200)

    def test_nodes_without_a_name(self):
        self.assertNotEqual(self.node()['id'], self.node()['id'])

    def test_unknown_node(self):
        for method, body in (('GET', None), ('PUT', {'node': {}}),
                             ('DELETE', None)):
            self.error(method, '/v1/nodes/99', body, 404)

    def test_delete_while_a_task_runs(self):
        node = self.powered_node(name='a')
        control = self.get('/v1/power-controls/')['power_controls'][0]
        one = f'/v1/nodes/{node["id"]}'
        location = self.call('POST', f'{one}/actions/reset',
                             status=202).headers['Location']
        found = self.error('DELETE', one, status=409)
        self.assertIn(location.rsplit('/', 1)[1], found['detail'])
        self.finish(location.rsplit('/', 1)[1], db_tasks.FAILURE)
        self.call('DELETE', one, status=204)
        self.call('DELETE', f'/v1/power-controls/{control["id"]}',
                  status=204)


class RefusedTestCase(base.ApiTestCase):
    """AP1: what a field does not take is a 400 that names the field."""

    def test_create(self):
        for name, values in BAD.items():
            for value in values:
                found = self.error('POST', '/v1/nodes/',
                                   {'node': {name: value}})
                self.assertIn(f'Field {name}', found['detail'], value)
        self.assertEqual({'count': 0}, self.get('/v1/nodes/count'))

    def test_update(self):
        node = self.node(name='a')
        one = f'/v1/nodes/{node["id"]}'
        for name, values in BAD.items():
            for value in values:
                self.assertIn(f'Field {name}', self.error(
                    'PUT', one, {'node': {name: value}})['detail'])
        self.assertEqual(node, self.get(one)['node'])

    def test_what_is_only_answered(self):
        for name in ('id', 'node_class', 'image', 'node_controls',
                     'updated_at', 'dcc'):
            self.assertIn(name, self.error(
                'POST', '/v1/nodes/', {'node': {name: 1}})['detail'])

    def test_type_of_another_class(self):
        self.assertIn('node_type_id', self.error(
            'POST', '/v1/nodes/', {'node': {
                'node_class_id': 1, 'node_type_id': 9}})['detail'])

    def test_values_are_not_repeated(self):
        """What was refused may have been a secret, in the wrong field."""
        for name in ('name', 'mac_address', 'power_state', 'created_at'):
            text = 'S3cret!' * 50
            found = self.error('POST', '/v1/nodes/',
                               {'node': {name: text}})
            self.assertNotIn('S3cret', str(found))


@tests_base.databases()
class MetadataTestCase(base.ApiTestCase):

    def put(self, node, value):
        return self.call('PUT', f'/v1/nodes/{node["id"]}', {
            'node': {'metadata': value}}, 200).json['node']['metadata']

    def test_forms(self):
        """An object, or JSON of one; the answer is the object."""
        wanted = {'cpu_benchmark': 'тест "1"'}
        for given in (wanted, json.dumps(wanted),
                      json.dumps(wanted, ensure_ascii=False)):
            node = self.node(metadata=given)
            self.assertEqual(wanted, node['metadata'])
            self.assertEqual(node,
                             self.get(f'/v1/nodes/{node["id"]}')['node'])
            for value in ({'cpu_benchmark': ''}, '{"cpu_benchmark": "2"}'):
                self.assertEqual(
                    value if isinstance(value, dict) else
                    {'cpu_benchmark': '2'}, self.put(node, value))

    def test_goes_away_again(self):
        self.assertIsNone(self.node()['metadata'])
        for empty in (None, {}, '{}', ' { } '):
            node = self.node(metadata={'cpu_benchmark': '1'})
            self.assertIsNone(self.put(node, empty))
        node = self.node(metadata={'cpu_benchmark': '1'})
        changed = self.call('PUT', f'/v1/nodes/{node["id"]}',
                            {'node': {'title': 'x'}}, 200).json['node']
        self.assertEqual({'cpu_benchmark': '1'}, changed['metadata'])

    def test_refused(self):
        node = self.node(metadata={'cpu_benchmark': '1'})
        one = f'/v1/nodes/{node["id"]}'
        for value, text in (
                ({'x': '1'}, 'Unknown field: metadata.x.'),
                ({'cpu_benchmark': 1}, 'Field metadata.cpu_benchmark must '
                                       'be of type string.'),
                ({'cpu_benchmark': None}, 'Field metadata.cpu_benchmark '
                                          'must not be null.'),
                ({'cpu_benchmark': 'x' * 256},
                 'Field metadata.cpu_benchmark must not have more than 255 '
                 'characters.'),
                ([], 'Field metadata must be of type'),
                (1, 'Field metadata must be of type'),
                ('[]', 'Field metadata must be of type object.'),
                ('null', 'Field metadata must not be null.'),
                ('test', 'Field metadata must be an object, or JSON of '
                         'one.'),
                ('', 'Field metadata must be an object, or JSON of one.'),
                ('{"cpu_benchmark": "1", "cpu_benchmark": "2"}',
                 'Field metadata must be an object, or JSON of one.'),
                ('{"cpu_benchmark": "\\u0000"}',
                 'Field metadata must be an object, or JSON of one.'),
                ('x' * 4097, 'Field metadata must not have more than'),
                ('{"y": "1"}', 'Unknown field: metadata.y.'),
                ('{"cpu_benchmark": 1}', 'Field metadata.cpu_benchmark '
                                         'must be of type string.')):
            for method, path in (('POST', '/v1/nodes/'), ('PUT', one)):
                self.assertIn(text, self.error(
                    method, path, {'node': {'metadata': value}})['detail'])
        self.assertEqual(node, self.get(one)['node'])

    def test_no_filter(self):
        for query in ('metadata=x', 'sort=metadata', 'meta=x'):
            self.error('GET', f'/v1/nodes/?{query}')


class TextsTestCase(base.ApiTestCase):

    def test_texts_can_be_mended_at_any_time(self):
        """AP9: a typo is mended whatever the thing is doing just now."""
        node = self.powered_node(name='mnode1', description='a tpyo')
        path = f'/v1/nodes/{node["id"]}'
        self.call('POST', f'{path}/actions/power-off', status=202)
        for values in ({'description': 'a typo'}, {'title': 'rack 7'},
                       {'description': None}):
            found = self.call('PUT', path, {'node': values}, 200).json
            self.assertEqual(values, {name: found['node'][name]
                                      for name in values})
        (control,) = node['node_controls'] or self.get(
            f'{path}/power-controls')['power_controls']
        key = control['power_control_id']
        found = self.call('PUT', f'/v1/power-controls/{key}', {
            'power_control': {'title': 'the left one'}}, 200).json
        self.assertEqual('the left one', found['power_control']['title'])
        self.assertEqual(202, self.call(
            'POST', f'{path}/actions/power-off').status_int)
