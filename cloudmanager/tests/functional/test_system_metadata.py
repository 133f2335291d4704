# SPDX-License-Identifier: Apache-2.0
"""System metadata of servers, over the API."""

from cloudmanager.common import exception
from cloudmanager.tests.functional import base

SERVER = '45bb8680-c070-4080-be45-ec4d2312eda8'
ONE = f'/v1/system_metadata/{SERVER}'
# Of the documentation.
SAMPLE = {'image_base_image_ref': 'f0576590-ad14-4963-a47d-4fd17b6ddb80',
          'image_container_format': 'bare', 'image_disk_format': 'qcow2',
          'image_min_disk': '10', 'image_min_ram': '0'}


class SystemMetadataTestCase(base.ApiTestCase):

    def setUp(self):
        super().setUp()
        self.metadata = self.conductor.metadata[SERVER] = dict(SAMPLE)

    def test_as_documented(self):
        self.assertEqual({'metadata': SAMPLE}, self.get(ONE))
        answer = self.call('PUT', ONE, {'image_min_ram': '1'}, 204)
        self.assertEqual(b'', answer.body)
        self.assertEqual(SAMPLE | {'image_min_ram': '1'}, self.metadata)
        answer = self.call('DELETE', f'{ONE}/removed/image_min_disk',
                           status=204)
        self.assertEqual(b'', answer.body)
        self.assertNotIn('image_min_disk', self.metadata)

    def test_form_of_the_id(self):
        """It reaches Nova's database in its one form."""
        for text in (SERVER.upper(), SERVER.replace('-', '')):
            self.assertEqual({'metadata': SAMPLE},
                             self.get(f'/v1/system_metadata/{text}'))
        for text in ('x', SERVER + '0', "1'--", '%00', '..'):
            for method, path, body in (
                    ('GET', '', None), ('PUT', '', {'a': 'b'}),
                    ('DELETE', '/removed/a', None)):
                self.error(method, f'/v1/system_metadata/{text}{path}',
                           body, 404)

    def test_what_is_not_there(self):
        other = '/v1/system_metadata/' + self.uuid()
        for method, path, body, code in (
                ('GET', other, None, 'not_found'),
                ('PUT', other, {'a': 'b'}, 'not_found'),
                ('DELETE', f'{other}/removed/a', None, 'not_found'),
                ('DELETE', f'{ONE}/removed/x', None, 'metadata_not_found')):
            found = self.error(method, path, body, 404)
            self.assertEqual(f'cloudmanager.server.{code}', found['code'])

    def test_refused_bodies(self):
        """AP1"""
        for body, word in (
                ({'a': None}, 'a'), ({'a': 1}, 'a'), ({'a': ['x']}, 'a'),
                ({'a': {'b': 'c'}}, 'a'), ({'a': True}, 'a'),
                ({'a': 'x' * 256}, 'a'), ({}, 'at least 1'),
                ({'': 'x'}, 'name'), ({'x' * 256: 'x'}, 'name'),
                ({'a/b': 'x'}, 'name'), ({'a\nb': 'x'}, 'name'),
                ({str(n): 'x' for n in range(129)}, '128')):
            self.assertIn(word, self.error('PUT', ONE, body)['detail'])
        self.error('PUT', ONE, b'{"a": "b", "a": "c"}')
        self.assertEqual(SAMPLE, self.metadata)

    def test_any_text(self):
        values = {'Ключ': 'значение', 'empty': '', 'a b': "'; DROP --",
                  'x' * 255: 'y' * 255}
        self.call('PUT', ONE, values, 204)
        self.assertEqual(SAMPLE | values, self.get(ONE)['metadata'])

    def test_not_configured(self):
        self.conductor.check_error = exception.DatabaseNotUsable(
            setting='[nova_database] connection', reason='it is not set')
        for method, path, body in (
                ('GET', ONE, None), ('PUT', ONE, {'a': 'b'}),
                ('DELETE', f'{ONE}/removed/a', None)):
            found = self.error(method, path, body, 503)
            self.assertIn('[nova_database] connection', found['detail'])

    def test_who_may(self):
        self.call('GET', ONE, status=200, user='reader')
        for user in ('reader', 'stranger'):
            self.call('PUT', ONE, {'a': 'b'}, 403, user=user)
            self.call('DELETE', f'{ONE}/removed/image_min_disk', status=403,
                      user=user)
        self.call('GET', ONE, status=403, user='stranger')
        self.assertEqual(SAMPLE, self.metadata)
