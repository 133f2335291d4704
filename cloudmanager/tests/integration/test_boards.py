# SPDX-License-Identifier: Apache-2.0
"""A conductor dies, and another takes its work over, on every jobboard.

Needs no cloud: a power action that waits for a slow operating system is
long enough to be killed in.
"""

import pathlib
import shutil
import subprocess
import tempfile
import time
import uuid

import redis
import testtools

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers

TAKEOVER_SECONDS = 10.0
SOFT_MILLISECONDS = 9000
ZOOKEEPER = '''\
tickTime=500
dataDir={directory}
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
4lw.commands.whitelist=*
'''


class BoardCase(testtools.TestCase):
    """Two conductors and an API without a cloud."""

    board = 'sql'

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-board-'))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        name = f'cm_board_{uuid.uuid4().hex[:8]}'
        # Another bus than that of tests that run at the same time: whoever
        # listens to a topic there gets its calls.
        bus = servers.MessageBus(name)
        self.addCleanup(bus.stop)
        self.installation = processes.Installation(
            self.directory, name, board=self.board,
            board_options=self.serve(), auth='noauth', transport=bus.url,
            port=processes.free_port(),
            more='[power]\nsoft_timeout = 30\n')
        self.addCleanup(self.installation.close)
        self.addOnException(self.attach_logs)
        self.workers = [self.installation.conductor(f'conductor{number}')
                        for number in (1, 2)]
        self.installation.api()
        self.client = processes.Client(self.installation.port, user=None)
        self.bmc = base.ipmisimlib.create(
            self.directory, 'bmc', base.ipmisimlib.free_port(),
            user=base.BMC_USER, password=base.BMC_PASSWORD)
        self.addCleanup(self.bmc.remove)
        self.bmc.start()

    def attach_logs(self, exc_info):
        for process in self.installation.processes:
            self.addDetail(f'log of {process.name}',
                           testtools.content.text_content('\n'.join(
                               process.text().splitlines()[-40:])))

    def serve(self):
        """Start the jobboard's server; return its options."""
        return None

    def server(self, *argv):
        """Run a server until the end of the test."""
        with (self.directory / 'server.log').open('ab') as output:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=output)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.kill)

    def owner(self, task_id):
        """Return the conductor that has the task, and how many had it."""
        ((owner, generation),) = processes.query(
            self.installation.name,
            'SELECT owner, generation FROM tasks WHERE id = %s', task_id)
        return next((worker for worker in self.workers if owner
                     and owner.startswith(worker.name + ':')),
                    None), generation

    def test_takeover(self):
        """EV4, CC1: within ten seconds, and nothing is done twice."""
        (self.bmc.directory / 'soft_delay').write_text(
            str(SOFT_MILLISECONDS))
        node = self.client.enrol('n1', {
            'control_type': 'SupermicroRackDevice', 'protocol_type': 'ipmi',
            'host': self.bmc.host, 'port_number': self.bmc.port,
            'login': base.BMC_USER, 'password': base.BMC_PASSWORD})
        cloud.wait(lambda: all(worker.lines(' runs.')
                               for worker in self.workers), 60,
                   'both conductors run')
        task_id = self.client.start_task(
            f'/v1/nodes/{node}/actions/power-off')
        victim, _ = cloud.wait(
            lambda: self.owner(task_id)[0] and self.owner(task_id), 30,
            'somebody takes the task', 0.05)
        cloud.wait(lambda: 'set shutdown' in self.log(), 30,
                   'the shutdown is asked for', 0.05)
        victim.kill()
        killed = time.monotonic()
        cloud.wait(lambda: self.owner(task_id)[1] > 1, 60,
                   'another conductor takes the task', 0.05)
        self.assertLess(time.monotonic() - killed, TAKEOVER_SECONDS)
        self.assertIsNot(victim, self.owner(task_id)[0])
        task = self.client.wait_for_task(task_id, 90)
        self.assertEqual('SUCCESS', task['status'], task['result'])
        self.assertNotIn('set power 0', self.log())

    def log(self):
        """Return what the BMC was asked for."""
        path = self.bmc.directory / 'log'
        return path.read_text() if path.exists() else ''


class RedisTestCase(BoardCase):

    board = 'redis'

    def serve(self):
        namespace = f'cm-{uuid.uuid4().hex[:8]}'
        client = redis.Redis('127.0.0.1', 6379)
        self.addCleanup(client.close)
        self.addCleanup(lambda: [client.delete(key) for key in
                                 client.scan_iter(f'{namespace}*')])
        return ['host:127.0.0.1', 'port:6379', f'namespace:{namespace}']


class EtcdTestCase(BoardCase):

    board = 'etcd'

    def serve(self):
        port, peer = processes.free_port(), processes.free_port()
        url, peers = f'http://127.0.0.1:{port}', f'http://127.0.0.1:{peer}'
        self.server(
            'etcd', '--data-dir', str(self.directory / 'etcd'),
            '--listen-client-urls', url, '--advertise-client-urls', url,
            '--listen-peer-urls', peers,
            '--initial-advertise-peer-urls', peers,
            '--initial-cluster', f'default={peers}')
        return ['host:127.0.0.1', f'port:{port}']


class ZooKeeperTestCase(BoardCase):

    board = 'zookeeper'

    def serve(self):
        port = processes.free_port()
        config = self.directory / 'zoo.cfg'
        config.write_text(ZOOKEEPER.format(
            directory=self.directory / 'zookeeper', port=port))
        self.server('java', '-Xmx128m', '-cp', '/usr/share/java/*',
                    'org.apache.zookeeper.server.ZooKeeperServerMain',
                    str(config))
        return [f'hosts:127.0.0.1:{port}']
