# SPDX-License-Identifier: Apache-2.0
"""Boot images, and what conductors are told of them."""

import fixtures

from cloudmanager.common import exception
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.functional import base

LIST = '/v1/node-images/'
MAC, OTHER = '52:54:00:12:34:56', '52:54:00:12:34:57'
SAMPLE = (
    'default vesamenu.c32\naprompt 1\ntimeout 30\nlabel ubuntu 14.04\n'
    'menu label CENTER COMPUTE NODE DEFAULT\nkernel vmlinuz\nappend '
    'initrd=dracut root=192.168.100.1:/mnt/rootfs biosdevname=0 ip=eth0:on '
    'ip=eth1:on bond=bond0:eth0,eth1:mode=6 ip=bond0:dhcp ro')
BAD = {
    'image_name': (None, '', 1, [], 'x' * 256, ' a', 'a\n'),
    'file_data': (None, 1, [], {}, 'a\rb', 'a\x1b', 'include /etc/passwd',
                  'menu include ../a', 'config http://a/b', 'kernel a::b',
                  'x' * 5000, 'x\n' * 40000, 'ü\n' * 30000)}


class ImagesCase(base.ApiTestCase):

    def create(self, name='test_image', file_data='root=test'):
        return self.call('POST', LIST, {'node_image': {
            'image_name': name, 'file_data': file_data}},
            201).json['node_image']


@tests_base.databases()
class ImagesTestCase(ImagesCase):

    def test_first_one(self):
        (found,) = self.get(LIST)['node_images']
        self.assertRegex(found.pop('created_at'), r'T\d\d:\d\d:\d\d$')
        self.assertEqual({'id': 1, 'image_name': 'default',
                          'file_data': SAMPLE}, found)
        self.assertEqual({'count': 1}, self.get(f'{LIST}count'))
        self.error('DELETE', f'{LIST}1', status=409)

    def test_as_documented(self):
        made = self.create()
        one = f'{LIST}{made["id"]}'
        self.assertEqual({'node_image': made}, self.get(one))
        self.assertRegex(made.pop('created_at'), r'T\d\d:\d\d:\d\d$')
        self.assertEqual({'file_data': 'root=test', 'id': made['id'],
                          'image_name': 'test_image'}, made)
        deleted = self.call('DELETE', one, status=204)
        self.assertEqual(b'', deleted.body)
        self.assertEqual('cloudmanager.node_image.not_found', self.error(
            'GET', one, status=404)['code'])
        self.error('DELETE', one, status=404)
        self.error('GET', f'{LIST}x', status=404)
        self.error('PUT', f'{LIST}1', {'node_image': {}}, 405)

    def test_taken(self):
        self.assertEqual('cloudmanager.name_taken', self.error(
            'POST', LIST, {'node_image': {
                'image_name': 'default', 'file_data': ''}}, 409)['code'])

    def test_in_use(self):
        image = self.create()
        one = f'{LIST}{image["id"]}'
        node = self.node(image_id=image['id'])
        self.assertEqual({'id': image['id'], 'name': 'test_image'},
                         node['image'])
        found = self.error('DELETE', one, status=409)
        self.assertEqual('cloudmanager.in_use', found['code'])
        self.assertIn(str(node['id']), found['detail'])
        self.call('DELETE', f'/v1/nodes/{node["id"]}', status=204)
        self.call('DELETE', one, status=204)

    def test_text_is_kept(self):
        text = 'Узел\t😀\n\n  kernel a/b\nsay "\\n"'
        image = self.create(file_data=text)
        self.assertEqual(text, self.get(
            f'{LIST}{image["id"]}')['node_image']['file_data'])

    def test_filters(self):
        """AP7"""
        image = self.create()
        for query, wanted in (
                ('image_name=default', [1]), ('image_name=like:test%25',
                                              [image['id']]),
                (f'id=in:1,{image["id"]}', [1, image['id']]),
                ('created_at=lt:2018-10-15', []),
                ('sort=image_name:desc', [image['id'], 1])):
            self.assertEqual(wanted, [row['id'] for row in self.get(
                f'{LIST}?{query}')['node_images']], query)
            if 'sort' not in query:
                self.assertEqual({'count': len(wanted)},
                                 self.get(f'{LIST}count?{query}'))
        for query in ('file_data=x', 'name=x', 'sort=file_data'):
            self.error('GET', f'{LIST}?{query}')

    def test_count_has_pages(self):
        """The documentation has them; there are as many as there are."""
        self.create()
        self.assertEqual({'count': 2}, self.get(
            f'{LIST}count?limit=1&offset=1'))
        for query in ('limit=x', 'offset=-1', 'marker=1', 'sort=id'):
            self.assertIn(query.partition('=')[0], self.error(
                'GET', f'{LIST}count?{query}')['detail'])


class RefusedTestCase(ImagesCase):
    """AP1: what a field does not take is a 400 that names the field."""

    def test_create(self):
        good = {'image_name': 'new', 'file_data': 'root=test'}
        for name, values in BAD.items():
            for value in values:
                self.assertIn(f'Field {name}', self.error(
                    'POST', LIST, {'node_image': {
                        **good, name: value}})['detail'], value)
            self.assertEqual(f'Field {name} is required.', self.error(
                'POST', LIST, {'node_image': {
                    key: value for key, value in good.items()
                    if key != name}})['detail'])
        for name in ('id', 'name', 'created_at'):
            self.assertIn(name, self.error('POST', LIST, {'node_image': {
                **good, name: 1}})['detail'])
        self.assertEqual({'count': 1}, self.get(f'{LIST}count'))

    def test_line_is_named(self):
        self.assertIn('line 2', self.error('POST', LIST, {'node_image': {
            'image_name': 'a', 'file_data': 'say a\ninclude /b'
        }})['detail'])


@tests_base.databases()
class AssignTestCase(ImagesCase):

    def assign(self, node, body, status=204):
        return self.call(
            'POST', f'/v1/nodes/{node["id"]}/actions/assign-image', body,
            status)

    def test_as_documented(self):
        image = self.create()
        node = self.node(name='a')
        self.assertEqual(b'', self.assign(
            node, {'image_id': image['id']}).body)
        self.assertEqual(node | {'image_id': image['id'], 'image': {
            'id': image['id'], 'name': 'test_image'}},
            self.get(f'/v1/nodes/{node["id"]}')['node'])
        # A node without an address has no boot file.
        self.assertEqual([], self.conductor.refreshed)

    def test_refused(self):
        node = self.node()
        for body in ({'image_id': 99}, {'image_id': None}, {},
                     {'image_id': '1'}, {'image_id': 0}, {'image_id': True},
                     {'image_id': 1, 'x': 1}):
            answer = self.assign(node, body, 400)
            self.assertIn('x' if 'x' in body else 'image_id', answer.text)
        self.error('POST', '/v1/nodes/99/actions/assign-image',
                   {'image_id': 1}, 404)
        self.assertEqual(1, self.get(
            f'/v1/nodes/{node["id"]}')['node']['image']['id'])


class TellingTestCase(ImagesCase):
    """Conductors are told of every address whose file may change."""

    def told(self):
        found, self.conductor.refreshed = self.conductor.refreshed, []
        return found

    def put(self, node, **values):
        return self.call('PUT', f'/v1/nodes/{node["id"]}',
                         {'node': values}, 200)

    def test_nodes(self):
        node = self.node(mac_address=MAC.upper())
        self.assertEqual([[MAC]], self.told())
        self.put(node, title='x')
        self.assertEqual([], self.told())
        self.put(node, image_id=1)
        self.assertEqual([[MAC]], self.told())
        self.put(node, mac_address=OTHER)
        self.assertEqual([[MAC, OTHER]], self.told())
        self.call('POST', f'/v1/nodes/{node["id"]}/actions/assign-image',
                  {'image_id': self.create()['id']}, 204)
        self.assertEqual([[OTHER]], self.told())
        self.put(node, mac_address=None)
        self.assertEqual([[OTHER]], self.told())
        self.put(node, mac_address=MAC)
        self.assertEqual([[MAC]], self.told())
        self.call('DELETE', f'/v1/nodes/{node["id"]}', status=204)
        self.assertEqual([[MAC]], self.told())

    def test_without_an_address(self):
        node = self.node()
        self.put(node, image_id=1)
        self.call('DELETE', f'/v1/nodes/{node["id"]}', status=204)
        self.assertEqual([], self.told())

    def test_what_was_refused(self):
        node = self.node(mac_address=MAC)
        self.told()
        self.error('PUT', f'/v1/nodes/{node["id"]}',
                   {'node': {'image_id': 99, 'mac_address': OTHER}})
        self.error('PUT', '/v1/nodes/99', {'node': {'mac_address': OTHER}},
                   404)
        self.assertEqual([], self.told())

    def test_bus_is_down(self):
        """What was asked is done; conductors find it by themselves."""
        log = self.useFixture(fixtures.FakeLogger())
        self.conductor.post_error = exception.Unavailable(reason='no route')
        node = self.node(mac_address=MAC)
        self.call('POST', f'/v1/nodes/{node["id"]}/actions/assign-image',
                  {'image_id': self.create()['id']}, 204)
        self.call('DELETE', f'/v1/nodes/{node["id"]}', status=204)
        self.assertEqual(3, log.output.count(MAC))
