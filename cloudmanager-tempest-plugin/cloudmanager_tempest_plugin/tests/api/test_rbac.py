# SPDX-License-Identifier: Apache-2.0
"""Who may do what, over every operation that the service describes.

Ids are such that nothing has them: should a rule fail, nothing is done.
"""

import re
import uuid

from tempest.lib import decorators
from tempest.lib import exceptions as lib_exc

from cloudmanager_tempest_plugin.tests import base

# They only show something, though their method is POST.
READING = re.compile('/actions/(get-audit-status|backtest|get-store)$')
METHODS = ('get', 'post', 'put', 'delete')


class RbacTestCase(base.CloudManagerCase):

    credentials = ['admin', base.CloudManagerCase.READER, 'primary']

    @classmethod
    def setup_clients(cls):
        super().setup_clients()
        cls.reader = cls.os_roles_reader.cloudmanager_v1.ServiceClient()
        cls.stranger = cls.os_primary.cloudmanager_v1.ServiceClient()

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        document = cls.service.call('GET', '/v1/openapi.json')
        cls.operations = [
            (method.upper(), re.sub(r'{\w+}', str(uuid.uuid4()), path))
            for path, item in sorted(document['paths'].items())
            for method in METHODS
            # What is for all has an empty list of ways to authenticate.
            if method in item and item[method].get('security') != []]

    @staticmethod
    def status(client, method, path, headers=None):
        """Return the status of a request, whatever it is."""
        body = None if method in ('GET', 'DELETE') else '{}'
        headers = client.get_headers() if headers is None else headers
        response, _ = client.raw_request(
            client.base_url.rstrip('/') + path, method, headers=headers,
            body=body)
        return response.status

    def statuses(self, client, operations):
        headers = client.get_headers()
        _, headers, _ = client.auth_provider.auth_request(
            'GET', '/', headers, filters=client.filters)
        return {(method, path): self.status(client, method, path, headers)
                for method, path in operations}

    def changing(self, wanted):
        return [(method, path) for method, path in self.operations
                if (method != 'GET' and not READING.search(path)) is wanted]

    @decorators.idempotent_id('f1b2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_found(self):
        """The description has what the other tests go over."""
        self.assertGreater(len(self.changing(True)), 60)
        self.assertGreater(len(self.changing(False)), 35)

    @decorators.attr(type='negative')
    @decorators.idempotent_id('f1b2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_stranger(self):
        """Without a role of ours everything is refused."""
        found = self.statuses(self.stranger, self.operations)
        self.assertEqual({}, {operation: status for operation, status
                              in found.items() if status != 403})

    @decorators.attr(type='negative')
    @decorators.idempotent_id('f1b2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_reader_changes_nothing(self):
        found = self.statuses(self.reader, self.changing(True))
        self.assertEqual({}, {operation: status for operation, status
                              in found.items() if status != 403})

    @decorators.idempotent_id('f1b2b68e-1b43-4a38-9d36-5ec3f4e6c004')
    def test_reader_sees(self):
        """Nothing that only shows something is refused."""
        found = self.statuses(self.reader, self.changing(False))
        self.assertEqual({}, {operation: status for operation, status
                              in found.items() if status in (401, 403)})

    @decorators.attr(type='negative')
    @decorators.idempotent_id('f1b2b68e-1b43-4a38-9d36-5ec3f4e6c005')
    def test_nobody(self):
        """Without a token, or with one that Keystone did not make."""
        for headers in ({}, {'X-Auth-Token': 'forged'}):
            headers = {'Content-Type': 'application/json', **headers}
            found = {operation: self.status(self.service, *operation,
                                            headers)
                     for operation in self.operations}
            self.assertEqual({}, {operation: status for operation, status
                                  in found.items() if status != 401})

    @decorators.attr(type='negative')
    @decorators.idempotent_id('f1b2b68e-1b43-4a38-9d36-5ec3f4e6c006')
    def test_secrets_of_tasks(self):
        """A reader sees tasks, but no traceback."""
        node, _ = self.powered_node()
        task_id = self.nodes.act(node['id'], 'power-on')
        self.finish(task_id)
        shown = self.reader.call('GET', f'/v1/tasks/{task_id}')
        self.assertFalse(shown.get('traceback'))
        self.assertRaises(lib_exc.Forbidden, self.reader.call, 'DELETE',
                          f'/v1/nodes/{node["id"]}', want=204)
        self.assertEqual(node['name'],
                         self.nodes.show(node['id'])['name'])
