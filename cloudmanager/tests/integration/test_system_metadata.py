# SPDX-License-Identifier: Apache-2.0
"""System metadata are written into a real Nova's database."""

import json
import subprocess

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import nova_db
from cloudmanager.tests.integration import place

# Nova's own code says what it sees of a server.
VIEW = '''
import json, sys
from nova import config, context, objects
config.parse_args(['view', '--config-file', sys.argv[1]])
objects.register_all()
admin = context.get_admin_context()
mapping = objects.InstanceMapping.get_by_instance_uuid(admin, sys.argv[2])
with context.target_cell(admin, mapping.cell_mapping) as cell:
    found = objects.Instance.get_by_uuid(
        cell, sys.argv[2], expected_attrs=['system_metadata'])
    print(json.dumps(found.system_metadata))
'''


class SystemMetadataCase(base.IntegrationCase):

    @classmethod
    def setUpClass(cls):
        cls.more = ('[nova_database]\nconnection = mysql://root@127.0.0.1/'
                    f'{place.database("nova_api")}?charset=utf8\n')
        super().setUpClass()

    def path(self, server):
        return f'/v1/system_metadata/{server}'

    def seen_by_nova(self, server):
        done = subprocess.run(
            [str(place.BASE / 'venv' / 'bin' / 'python'), '-W', 'ignore',
             '-c', VIEW, str(place.state() / 'etc' / 'nova.conf'),
             server], capture_output=True, text=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def get(self, server):
        return self.client.call('GET', self.path(server))['metadata']

    def test_nova_goes_on(self):
        """Nova reads what was written, and migrates the server."""
        (server,) = self.cloud.boot('cmp1', 1)
        before = self.seen_by_nova(server)
        self.assertEqual(before, self.get(server))
        written = {'image_min_ram': '1', 'image_of_ours': 'значение'}
        self.client.call('PUT', self.path(server), written, 204)
        self.assertEqual(before | written, self.seen_by_nova(server))
        self.cloud.nova.servers.live_migrate(server, 'cmp2', 'auto')
        cloud.wait(lambda: (found := self.cloud.server(server)).status
                   == 'ACTIVE' and self.cloud.host_of(found) == 'cmp2', 60,
                   'the server is on cmp2')
        self.assertEqual(before | written, self.seen_by_nova(server))
        self.client.call(
            'DELETE', f'{self.path(server)}/removed/image_of_ours', None,
            204)
        after = self.seen_by_nova(server)
        self.assertEqual(before | {'image_min_ram': '1'}, after)
        self.assertEqual(after, self.get(server))

    def test_why_rows_are_removed(self):
        """Nova goes on with what is only marked as deleted."""
        (server,) = self.cloud.boot('cmp1', 1)
        self.client.call('PUT', self.path(server), {'mark': 'x'}, 204)
        nova_db.execute(
            'UPDATE instance_system_metadata SET deleted = id, '
            'deleted_at = UTC_TIMESTAMP() '
            'WHERE instance_uuid = %s AND `key` = %s', server, 'mark')
        self.assertEqual('x', self.seen_by_nova(server)['mark'])
        self.assertEqual('x', self.get(server)['mark'])

    def test_server_at_work(self):
        (server,) = self.cloud.boot('cmp1', 1)
        nova_db.update([server], task_state='migrating')
        answer = self.client.request('PUT', self.path(server), {'a': 'b'})
        self.assertEqual(409, answer.status_code, answer.text)
        nova_db.update([server], task_state=None)

    def test_deleted_server(self):
        (server,) = self.cloud.boot('cmp1', 1)
        self.cloud.clear()
        for method, path, body in (
                ('GET', '', None), ('PUT', '', {'a': 'b'}),
                ('DELETE', '/removed/a', None)):
            answer = self.client.request(method, self.path(server) + path,
                                         body)
            self.assertEqual(404, answer.status_code, answer.text)
