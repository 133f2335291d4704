# SPDX-License-Identifier: Apache-2.0
"""Targets from a request to the disk: an API, a conductor and a broker here,
the agent with its privileged helpers, an initiator and a storage in a
machine of their own."""

import pathlib
import shutil
import tempfile
import uuid

import testtools

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import nas_machine
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers
from cloudmanager.tests.integration.nas_machine import FIRST
from cloudmanager.tests.integration.nas_machine import PREFIX
from cloudmanager.tests.integration.nas_machine import SECOND

MORE = '''\
[inventory]
sync_interval = 0
[agent]
rpc_timeout = 20
heartbeat_timeout = 4
[conductor]
heartbeat_interval = 1
[nas]
poll_interval = 0.2
'''
AGENT = '''\
[DEFAULT]
host = {host}
state_path = /root/state
transport_url = {bus}
[agent]
key_file = /root/agent.key
heartbeat_interval = 1
libvirt_uri =
[nas]
device_timeout = 4
'''
HOST, STORAGE = 'node', 'storage'
# Nobody has it, and no route of the machine leads there.
SILENT = '10.9.0.9'
NAMES = ['closed', 'empty', 'plain']


class NasCase(testtools.TestCase):
    """One installation, and an agent that is started for each test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        nas_machine.require(cls)
        cls.machine = nas_machine.get()
        directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-nas-api-'))
        cls.addClassCleanup(shutil.rmtree, directory, ignore_errors=True)
        name = f'cm_nas_{uuid.uuid4().hex[:8]}'
        bus = servers.MessageBus(name)
        cls.addClassCleanup(bus.stop)
        cls.installation = processes.Installation(
            directory, name, auth='noauth', transport=bus.url,
            port=processes.free_port(), more=MORE)
        cls.addClassCleanup(cls.installation.close)
        cls.installation.conductor('conductor')
        cls.installation.api()
        cls.client = processes.Client(cls.installation.port, user=None)
        cls.node_id = cls.client.node(HOST)
        cls.storage_id = cls.client.call('POST', '/v1/nodes/', {'node': {
            'name': STORAGE, 'ip_addresses': [FIRST, SECOND, SILENT]}},
            201)['node']['id']
        cls.put('agent.conf', AGENT.format(host=HOST, bus=bus.url))
        cls.put('agent.key', cls.installation.manage(
            'agent', 'enrol', HOST))
        cls.pid = None
        cls.addClassCleanup(cls.sh, 'rm -rf /root/state /root/agent.*')
        cls.addClassCleanup(cls.kill)
        cls.run_agent()

    @classmethod
    def sh(cls, text):
        return cls.machine.run('sh', '-c', text)

    @classmethod
    def put(cls, name, text):
        """Write a file on the node, for root alone."""
        cls.sh(f'umask 077; cat >/root/{name} <<END\n{text}\nEND')

    @classmethod
    def run_agent(cls):
        """Start the agent, and wait until it is in reach."""
        cls.pid = cls.sh(
            f'PYTHONPATH={":".join(cls.machine.path)} setsid python3 -m '
            'cloudmanager.cmd.agent --config-file /root/agent.conf '
            '</dev/null >>/root/agent.log 2>&1 & echo $!').strip()
        cloud.wait(cls.is_reachable, 60, 'the agent', 0.2)

    @classmethod
    def kill(cls):
        if cls.pid is not None:
            cls.sh(f'kill -9 {cls.pid}')
            cls.pid = None

    @classmethod
    def show(cls, query=''):
        return cls.client.call('GET', f'/v1/nodes/{cls.node_id}{query}')[
            'node']

    @classmethod
    def is_reachable(cls):
        return (cls.show()['agent'] or {}).get('is_reachable')

    def setUp(self):
        super().setUp()
        self.addOnException(self.attach_logs)
        self.addCleanup(nas_machine.tidy)

    def attach_logs(self, exc_info):
        texts = {process.name: process.text()
                 for process in self.installation.processes}
        texts['agent'] = self.sh('cat /root/agent.log')
        for name, text in texts.items():
            self.addDetail(f'log of {name}', testtools.content.text_content(
                '\n'.join(text.splitlines()[-60:])))

    def post(self, action, body, status):
        answer = self.client.request(
            'POST', f'/v1/nodes/{self.node_id}/actions/{action}', body)
        self.assertEqual(status, answer.status_code, answer.text)
        return answer

    def begin(self, targets, **more):
        """Ask for targets to be attached; return the id of the task."""
        answer = self.post('attach-targets', {'targets': targets, **more},
                           202)
        return answer.headers['Location'].rpartition('/')[2]

    def attach(self, targets, status='SUCCESS', **more):
        """Have targets attached; return the task, and errors by target."""
        task = self.client.wait_for_task(self.begin(targets, **more), 90)
        self.assertEqual(status, task['status'], task)
        return task, {(item['source'], item['name']): item['error']
                      for item in task['items']}

    def sessions(self):
        """Return open-iscsi's own words about its sessions, as lines."""
        return self.sh('iscsiadm -m session 2>/dev/null; true').splitlines()


class NasTestCase(NasCase):

    def test_discovered_and_attached(self):
        """Found, planned, attached once however often it is asked for."""
        found = self.post('discovery-nas', {'storage_id': self.storage_id},
                          200).json()
        self.assertEqual({FIRST: NAMES, SECOND: NAMES}, found['targets'])
        (warning,) = found['warnings']
        self.assertIn(SILENT, warning)
        wanted = {FIRST: ['plain']}
        plan = self.post('attach-targets', {
            'targets': wanted, 'dry_run': True}, 200).json()['plan']
        self.assertEqual([], plan['attached'])
        self.assertIn(f'{PREFIX}plain', plan['steps'][0])
        self.assertEqual([], self.sessions())

        _, errors = self.attach(wanted)
        self.assertEqual({(FIRST, 'plain'): None}, errors)
        (session,) = self.sessions()
        self.assertIn(f'{FIRST}:3260', session)
        self.assertIn(f'{PREFIX}plain', session)
        disks = self.sh('lsblk --noheadings --output VENDOR,SIZE --scsi')
        self.assertEqual(['IET', '64M'], disks.split())
        self.attach(wanted)
        self.assertEqual([session], self.sessions())
        plan = self.post('attach-targets', {
            'targets': wanted, 'dry_run': True}, 200).json()['plan']
        self.assertEqual(1, len(plan['attached']))
        self.assertNotIn(f'{PREFIX}plain', str(plan['steps']))
        self.assertEqual({STORAGE: [f'{PREFIX}plain']},
                         self.show('?with_hwinfo=true')['nas'])

    def test_some_fail(self):
        """What can be attached is, and each of the rest says why not."""
        task, errors = self.attach(
            {FIRST: ['plain', 'closed', 'nope'], SILENT: ['plain']},
            'FAILURE')
        self.assertIsNone(errors[FIRST, 'plain'])
        for key, word in (((FIRST, 'closed'), 'CHAP'),
                          ((FIRST, 'nope'), 'no such target'),
                          ((SILENT, 'plain'), 'no connection')):
            self.assertIn(word, errors[key])
            self.assertIn(errors[key].rstrip('.'), task['result'])
        self.assertEqual(1, len(self.sessions()))

    def test_two_paths(self):
        """Vendor and product only when components may be configured."""
        both = {FIRST: ['plain'], SECOND: ['plain']}
        kind = {'vendor': 'IET', 'product': 'VIRTUAL-DISK'}
        path = f'/v1/nodes/{self.node_id}/actions'
        for action in ('disable-dcc', 'enable-dcc'):
            task = self.client.wait_for_task(
                self.client.start_task(f'{path}/{action}'), 40)
            self.assertEqual('SUCCESS', task['status'], task)
            if action == 'disable-dcc':
                self.post('attach-targets', {'targets': both, **kind}, 409)
        self.attach(both, **kind)
        told = self.sh('multipath -ll')
        self.assertEqual(2, told.count('active ready running'), told)

    def test_out_of_reach(self):
        """The agent dies while it waits for disks, and is back."""
        # It is waited for in vain, so the agent is in the middle of it.
        task_id = self.begin({FIRST: ['empty', 'plain']})
        cloud.wait(lambda: len(self.sessions()) == 2, 30, 'two sessions',
                   0.1)
        self.kill()
        seen = self.show()['agent']['last_contact']
        cloud.wait(lambda: not self.is_reachable(), 30, 'silence', 0.2)
        for action, body in (
                ('discovery-nas', {'storage_id': self.storage_id}),
                ('attach-targets', {'targets': {FIRST: ['plain']},
                                    'dry_run': True})):
            error = self.post(action, body, 503).json()['errors'][0]
            self.assertIn(seen[:16], error['detail'])
        self.run_agent()
        task = self.client.wait_for_task(task_id, 90)
        self.assertEqual('FAILURE', task['status'], task)
        errors = {item['name']: item['error'] for item in task['items']}
        self.assertIsNone(errors['plain'])
        self.assertIn('no disk', errors['empty'])
        (session,) = self.sessions()
        self.assertIn(f'{PREFIX}plain', session)
