# SPDX-License-Identifier: Apache-2.0
"""What conductors answer besides the work of tasks, over a message bus."""

import fixtures

from cloudmanager.clients import nova_db
from cloudmanager.common import exception
from cloudmanager.common import rpc
from cloudmanager.conductor.endpoints import domains
from cloudmanager.conductor.endpoints import reservations
from cloudmanager.conductor.endpoints import system_metadata
from cloudmanager.tests.functional import base

SERVER = '45bb8680-c070-4080-be45-ec4d2312eda8'
METADATA = f'/v1/system_metadata/{SERVER}'


class Database:
    """Stands for Nova's databases."""

    def __init__(self):
        self.metadata = {}

    def system_metadata(self, server_id):
        return self.metadata

    def set_system_metadata(self, server_id, metadata):
        self.metadata.update(metadata)

    def remove_system_metadata(self, server_id, key):
        if key not in self.metadata:
            raise exception.MetadataNotFound(server=server_id, key=key)
        del self.metadata[key]


class EndpointsCase(base.ApiTestCase):
    """Real endpoints answer, without a cloud."""

    database = Database

    def make_conductor(self):
        rpc.cleanup()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.common.rpc._URL', None))
        rpc.init('fake://')
        self.addCleanup(rpc.cleanup)
        server = rpc.get_server(rpc.CONDUCTOR_TOPIC, 'conductor1', [
            reservations.Reservations(self.no_cloud),
            system_metadata.SystemMetadata(self.database()),
            domains.Domains()])
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)

    @staticmethod
    def no_cloud():
        raise exception.CloudNotConfigured(setting='[cloud]')


class AnswersTestCase(EndpointsCase):

    def test_system_metadata(self):
        self.call('PUT', METADATA, {'a': 'b', 'c': 'd'}, 204)
        self.call('DELETE', f'{METADATA}/removed/a', status=204)
        self.assertEqual({'metadata': {'c': 'd'}}, self.get(METADATA))
        self.assertEqual(
            'cloudmanager.server.metadata_not_found', self.error(
                'DELETE', f'{METADATA}/removed/a', status=404)['code'])

    def test_domains(self):
        path = self.directory / 'keystone.conf'
        path.write_text('[identity]\n')
        self.config(group='identity', keystone_config_files=[str(path)])
        self.assertEqual({'store': 'file'}, self.call(
            'POST', '/v1/domains/actions/get-store', status=200).json)
        path.unlink()
        found = self.error('POST', '/v1/domains/actions/get-store',
                           status=503)
        self.assertIn(str(path), found['detail'])
        self.error('POST', '/v1/domains/default/actions/configure',
                   status=503)

    def test_reserve(self):
        node = self.node(name='cmp1')
        path = f'/v1/nodes/{node["id"]}/actions/reserve'
        self.call('POST', path, {'is_reserved': True}, 204)
        self.assertTrue(self.get(f'/v1/nodes/{node["id"]}')['node'][
            'is_reserved'])
        bound = self.node(name='cmp2', hypervisor_id=self.uuid())
        self.error('POST', f'/v1/nodes/{bound["id"]}/actions/reserve',
                   {'is_reserved': True}, 503)


class NotConfiguredTestCase(EndpointsCase):

    database = nova_db.NovaDatabase

    def test_system_metadata(self):
        """503 with the option that is missing."""
        for method, path, body in (
                ('GET', METADATA, None), ('PUT', METADATA, {'a': 'b'}),
                ('DELETE', f'{METADATA}/removed/a', None)):
            found = self.error(method, path, body, 503)
            self.assertIn('[nova_database] connection', found['detail'])
            self.assertEqual('cloudmanager.database_not_usable',
                             found['code'])
