# SPDX-License-Identifier: Apache-2.0
"""Boot files of nodes, by our own programs and a real broker; no cloud."""

import os
import pathlib
import shutil
import socket
import tempfile
import uuid

import pymysql
import testtools

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import processes

MACS = [f'52:54:00:00:01:{number:02x}' for number in range(12)]
SECONDS = 20
# So long that what is seen in the tests came by messages, or at the start.
PXE = '''\
[pxe]
config_dir = {directory}
shared_config_dir = true
sync_interval = 3600
'''


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


class BootFilesCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-test-'))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.path = self.directory / 'pxelinux.cfg'
        self.path.mkdir()
        self.port = free_port()
        self.client = processes.Client(self.port, user=None)

    def image(self, name):
        return self.client.call('POST', '/v1/node-images/', {'node_image': {
            'image_name': name, 'file_data': f'kernel {name}'}},
            201)['node_image']['id']

    def node(self, number, image):
        return self.client.call('POST', '/v1/nodes/', {'node': {
            'mac_address': MACS[number], 'image_id': image}},
            201)['node']['id']

    def assign(self, node, image):
        self.client.call('POST', f'/v1/nodes/{node}/actions/assign-image',
                         {'image_id': image}, 204)

    def found(self):
        """Return the last line of each file, by its name."""
        return {name: (self.path / name).read_text().splitlines()[-1]
                for name in os.listdir(self.path)
                if not name.startswith('.')}

    @staticmethod
    def alive(database):
        """Count the conductors that have given a sign of life."""
        connection = pymysql.connect(
            host='127.0.0.1', user=processes.DATABASE_USER,
            database=database)
        try:
            with connection.cursor() as cursor:
                return cursor.execute('SELECT id FROM services')
        finally:
            connection.close()

    def come(self, wanted, what):
        """Wait for files with these last lines, by number; no others."""
        names = {f'01-{MACS[number].replace(":", "-")}': line
                 for number, line in wanted.items()}
        cloud.wait(lambda: self.found() == names, SECONDS, what, 0.1)

    def test_two_conductors(self):
        """Messages reach the one whose file it is; a crash loses nothing.
        """
        installation = processes.Installation(
            self.directory, f'cm_test_{uuid.uuid4().hex[:8]}',
            auth='noauth', port=self.port,
            more=PXE.format(directory=self.path))
        self.addCleanup(installation.close)
        workers = [installation.conductor(f'conductor{number}')
                   for number in (1, 2)]
        for worker in workers:
            cloud.wait(lambda worker=worker: 'runs.' in worker.text(),
                       SECONDS, 'a conductor runs')
        installation.process('cloudmanager-api', 'api').start()
        cloud.wait(self.client.answers, 60, 'the API answers')
        # Each must see the other when addresses are shared out.
        cloud.wait(lambda: self.alive(installation.name) == 2, SECONDS,
                   'both conductors give signs of life', 0.1)
        first, second = self.image('first'), self.image('second')
        nodes = [self.node(number, first) for number in range(len(MACS))]
        self.come(dict.fromkeys(range(len(MACS)), 'kernel first'),
                  'all files')
        for worker in workers:
            self.assertGreater(worker.lines('was written.'), 0)
        self.assertEqual(len(MACS), sum(worker.lines('was written.')
                                        for worker in workers))
        self.client.call('DELETE', f'/v1/nodes/{nodes.pop()}', status=204)
        self.come(dict.fromkeys(range(len(nodes)), 'kernel first'),
                  'one file is gone')
        for worker in workers:
            worker.kill()
        for node in nodes:
            self.assign(node, second)
        self.client.call('DELETE', f'/v1/nodes/{nodes.pop(0)}', status=204)
        (self.path / 'default').write_text('local')
        # One alone: the other's sign of life runs out in time.
        workers[0].start()
        cloud.wait(lambda: 'kernel second' in self.found().values(),
                   SECONDS, 'the first files are right')
        workers[1].start()
        wanted = dict.fromkeys(range(1, len(nodes) + 1), 'kernel second')
        (self.path / 'default').unlink()
        self.come(wanted, 'all files are right')

    def test_standalone(self):
        """Killed right after a change, it writes the file at its start."""
        state = self.directory / 'state'
        state.mkdir()
        (state / 'cloudmanager.conf').write_text(
            PXE.format(directory=self.path))
        process = processes.Process('standalone', [
            str(processes.PROGRAMS / 'cloudmanager-standalone'),
            '--state-dir', str(state), '--port', str(self.port), '--auth',
            'noauth'], self.directory / 'log')
        self.addCleanup(process.kill)
        process.start()
        cloud.wait(self.client.answers, 60, 'standalone answers', 0.1)
        first, second = self.image('first'), self.image('second')
        node = self.node(0, first)
        self.come({0: 'kernel first'}, 'the file')
        for image, line in ((second, 'kernel second'),
                            (first, 'kernel first')):
            self.assign(node, image)
            process.kill()
            process.start()
            cloud.wait(self.client.answers, 60, 'standalone answers', 0.1)
            self.come({0: line}, 'the file is right')
