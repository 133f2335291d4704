# SPDX-License-Identifier: Apache-2.0
"""What is said of the service itself, and how it says no."""

from tempest.lib import decorators
from tempest.lib import exceptions as lib_exc

from cloudmanager_tempest_plugin.tests import base


class ServiceTestCase(base.CloudManagerCase):

    @decorators.idempotent_id('a0b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_versions(self):
        """AP6: both documents say the same of the version."""
        listed = self.service.call('GET', '/')['versions']
        shown = self.service.call('GET', '/v1')['version']
        self.assertEqual(['CURRENT'], [
            version['status'] for version in listed
            if version['id'] == shown['id']])

    @decorators.idempotent_id('a0b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_info(self):
        info = self.service.call('GET', '/v1/info')['info']
        self.assertRegex(info['version'], r'^\d+\.\d+')

    @decorators.idempotent_id('a0b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_openapi(self):
        """The description of the API knows what these tests use."""
        document = self.service.call('GET', '/v1/openapi.json')
        self.assertTrue(document['openapi'].startswith('3.'))
        self.assertIn('/v1/nodes/{node_id}', document['paths'])

    @decorators.attr(type='negative')
    @decorators.idempotent_id('a0b2b68e-1b43-4a38-9d36-5ec3f4e6c004')
    def test_no_such_path(self):
        self.assert_refused(base.NotFound, self.service.call, 'GET',
                            '/v1/nothing')

    @decorators.attr(type='negative')
    @decorators.idempotent_id('a0b2b68e-1b43-4a38-9d36-5ec3f4e6c005')
    def test_no_json(self):
        """AP1: what is no JSON is a bad request."""
        self.assertRaises(
            base.BadRequest, self.service.request, 'POST', '/v1/nodes/',
            headers=self.service.get_headers(), body='{"node":')

    @decorators.attr(type='negative')
    @decorators.idempotent_id('a0b2b68e-1b43-4a38-9d36-5ec3f4e6c006')
    def test_other_content(self):
        headers = self.service.get_headers(send_type='text')
        headers['Content-Type'] = 'text/plain'
        self.assertRaises(
            lib_exc.InvalidContentType, self.service.request, 'POST',
            '/v1/nodes/', headers=headers, body='node')
