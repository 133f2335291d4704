# SPDX-License-Identifier: Apache-2.0
"""Everything in one process, killed and started again."""

import os
import pathlib
import random
import shutil
import tempfile
import time

import testtools

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import place
from cloudmanager.tests.integration import processes

PORT = 9372
KILLS = 6


class StandaloneCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-test-'))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.client = processes.Client(PORT, user=None)

    def standalone(self, *arguments, **env):
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith('OS_')}
        # A device in the process does not go on shutting down after a kill.
        options = self.directory / 'options.conf'
        options.write_text('[power]\nsoft_timeout = 5\n')
        process = processes.Process('standalone', [
            str(processes.PROGRAMS / 'cloudmanager-standalone'),
            '--state-dir', str(self.directory / 'state'), '--port',
            str(PORT), '--auth', 'noauth', '--config-file', str(options),
            *arguments],
            self.directory / 'log', {**kept, **env})
        self.addCleanup(process.kill)
        return process

    def start(self, process):
        process.start()
        cloud.wait(self.client.answers, 60, 'standalone answers', 0.1)

    def test_kills_in_mid_drain(self):
        """Killed six times in a drain; nothing is lost or doubled."""
        self.addCleanup(place.release)
        cloud.start()
        bed = cloud.Cloud()
        bed.restore_hosts()
        bed.clear()
        self.addCleanup(bed.clear)
        self.addCleanup(bed.restore_hosts)
        servers = bed.boot('cmp1', 12)
        process = self.standalone(
            OS_AUTH_URL=place.auth_url(), OS_USERNAME='cloudmanager',
            OS_PASSWORD=cloud.PASSWORD, OS_PROJECT_NAME='service',
            OS_USER_DOMAIN_NAME='Default', OS_PROJECT_DOMAIN_NAME='Default',
            OS_REGION_NAME='RegionOne')
        self.start(process)
        self.client.enrol_fake('cmp1')
        task_id = self.client.start_task(
            '/v1/hosts/cmp1/actions/shutdown')
        for _ in range(KILLS):
            time.sleep(random.uniform(0.2, 3))
            process.kill()
            self.start(process)
        task = self.client.wait_for_task(task_id, 180)
        self.assertEqual('SUCCESS', task['status'], task['result'])
        self.assertEqual(12, task['progress']['done'])
        for server in servers:
            self.assertEqual(1, len(bed.actions(server, 'live-migration')))
            self.assertNotEqual('cmp1', bed.host_of(bed.server(server)))

    def test_without_cloud(self):
        """Inventory and power work; what needs a cloud says what misses."""
        process = self.standalone()
        self.start(process)
        node_id = self.client.enrol_fake('mnode1')
        task_id = self.client.start_task(
            f'/v1/nodes/{node_id}/actions/power-off')
        self.assertEqual('SUCCESS', self.client.wait_for_task(
            task_id, 60)['status'])
        self.assertEqual('power_off', self.client.call(
            'GET', f'/v1/nodes/{node_id}')['node']['power_state'])
        answer = self.client.request(
            'POST', '/v1/hosts/mnode1/actions/shutdown', {})
        self.assertEqual(503, answer.status_code)
        self.assertIn('OS_AUTH_URL', answer.text)
        self.assertLess(process.stop(), 30)
        self.start(process)
        self.assertEqual('SUCCESS', self.client.task(task_id)['status'])
