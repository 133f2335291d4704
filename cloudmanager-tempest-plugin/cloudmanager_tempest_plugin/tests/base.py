# SPDX-License-Identifier: Apache-2.0
"""What all tests have in common: clients of personas, and objects."""

from tempest import config
from tempest import test
from tempest.lib import exceptions as lib_exc
from tempest.lib.common.utils import data_utils
from tempest.lib.common.utils import test_utils

CONF = config.CONF
#: Power controls without a device behind them.
POWER_TYPE, POWER_PROTOCOL = 'FakeDevice', 'fake'


class CloudManagerCase(test.BaseTestCase):
    """Tests with the clients of an administrator.

    Two more personas are there for tests that name them: ``reader``, who has
    the role that may see everything, and ``stranger``, who has none of ours.
    """

    credentials = ['admin']

    READER = ['reader', CONF.cloudmanager.reader_role]

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.service_available.cloudmanager:
            raise cls.skipException('CloudManager is not in the cloud')

    @classmethod
    def setup_credentials(cls):
        cls.set_network_resources()
        super().setup_credentials()

    @classmethod
    def setup_clients(cls):
        super().setup_clients()
        made = cls.os_admin.cloudmanager_v1
        cls.service = made.ServiceClient()
        cls.nodes = made.NodesClient()
        cls.classes = made.NodeClassesClient()
        cls.images = made.NodeImagesClient()
        cls.storages = made.StoragesClient()
        cls.controls = made.PowerControlsClient()
        cls.tasks = made.TasksClient()
        cls.hosts = made.HostsClient()
        cls.servers = made.ServersClient()
        cls.audits = made.AuditsClient()
        cls.volumes = made.VolumesClient()

    # Objects

    def name(self, kind):
        """Return a name that nothing has yet."""
        return data_utils.rand_name(
            kind, prefix=CONF.resource_name_prefix).lower()

    def create(self, client, **fields):
        """Create an object that is deleted after the test."""
        made = client.create(**fields)
        self.addCleanup(test_utils.call_and_ignore_notfound_exc,
                        client.delete_object, made['id'])
        return made

    def node(self, **fields):
        """Return a new node."""
        return self.create(self.nodes, **{'name': self.name('node'),
                                          **fields})

    def control(self, **fields):
        """Return a new power control, which is simulated."""
        title = self.name('control')
        return self.create(self.controls, **{
            'title': title, 'control_type': POWER_TYPE,
            'protocol_type': POWER_PROTOCOL,
            'host': f'{title}.example.org', 'port_number': 1, **fields})

    def powered_node(self, **fields):
        """Return a new node with a power control, and the latter."""
        node, control = self.node(**fields), self.control()
        self.nodes.add_power_control(node['id'], control['id'], '1')
        self.addCleanup(test_utils.call_and_ignore_notfound_exc,
                        self.nodes.remove_power_control, node['id'],
                        control['id'])
        return node, control

    # Checks

    def finish(self, task_id, status='SUCCESS'):
        """Wait for the end of a task, which must have this status."""
        task = self.tasks.wait(task_id)
        self.assertEqual(status, task['status'],
                         f'{task["name"]}: {task["result"]} {task["items"]}')
        return task

    def assert_refused(self, error, function, *args, code=None, words='',
                       **kwargs):
        """Check that a request is refused, and how.

        :param error: exception of Tempest for the status
        :param code: code of the error in the answer
        :param words: what its text has to say
        """
        found = self.assertRaises(error, function, *args, **kwargs)
        # Tempest has taken the only key of the document away.
        told, = found.resp_body
        self.assertTrue(told['request_id'].startswith('req-'))
        if code is not None:
            self.assertEqual(f'cloudmanager.{code}', told['code'])
        self.assertIn(words, told['detail'])


BadRequest = lib_exc.BadRequest
Conflict = lib_exc.Conflict
Forbidden = lib_exc.Forbidden
NotFound = lib_exc.NotFound
Unauthorized = lib_exc.Unauthorized
