# SPDX-License-Identifier: Apache-2.0
"""An API, conductors and an agent with its privileged helpers, all real.

Needs no cloud. The programs of the node are those of the functional tests.
"""

import os
import pathlib
import shutil
import tempfile
import time
import uuid

import testtools

from cloudmanager.tests.functional import nodes
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import processes
from cloudmanager.tests.integration import servers

MORE = '''\
[inventory]
sync_interval = 0
[agent]
rpc_timeout = 10
heartbeat_timeout = 4
[conductor]
heartbeat_interval = 1
'''
PASSTHROUGH = {'mode': 'host-passthrough', 'model': None}


class AgentTestCase(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix='cm-agent-'))
        cls.addClassCleanup(shutil.rmtree, cls.directory,
                            ignore_errors=True)
        name = f'cm_agent_{uuid.uuid4().hex[:8]}'
        cls.bus = servers.MessageBus(name)
        cls.addClassCleanup(cls.bus.stop)
        cls.installation = processes.Installation(
            cls.directory, name, auth='noauth', transport=cls.bus.url,
            port=processes.free_port(), more=MORE)
        cls.addClassCleanup(cls.installation.close)
        cls.workers = [cls.installation.conductor(f'conductor{number}')
                       for number in (1, 2)]
        cls.installation.api()
        cls.client = processes.Client(cls.installation.port, user=None)

    def setUp(self):
        super().setUp()
        self.addOnException(self.attach_logs)
        self.host = f'n-{uuid.uuid4().hex[:8]}'
        self.node_id = self.client.node(self.host)
        # Only root has privileges to keep in helpers.
        self.agent = self.useFixture(nodes.Node(
            self.bus.url, self.host, privileged='none' if os.geteuid()
            else 'privsep'))
        printed = self.installation.manage('agent', 'enrol', self.host)
        self.agent.put_key(printed)
        self.agent.start()
        self.wait(lambda: (self.show()['agent'] or {}).get('is_reachable'),
                  'the agent')

    def attach_logs(self, exc_info):
        texts = {process.name: process.text()
                 for process in self.installation.processes}
        for name, text in (*texts.items(),
                           ('agent', self.agent.log.read_text())):
            self.addDetail(f'log of {name}', testtools.content.text_content(
                '\n'.join(text.splitlines()[-60:])))

    def wait(self, condition, what, seconds=40):
        return cloud.wait(condition, seconds, what, 0.1)

    def show(self):
        return self.client.call('GET', f'/v1/nodes/{self.node_id}')['node']

    def begin(self, action, body=None):
        return self.client.start_task(
            f'/v1/nodes/{self.node_id}/actions/{action}', body)

    def act(self, action, body=None, status='SUCCESS'):
        task = self.client.wait_for_task(self.begin(action, body), 40)
        self.assertEqual(status, task['status'], task)
        return task

    def refused(self, action, status, body=None):
        answer = self.client.request(
            'POST', f'/v1/nodes/{self.node_id}/actions/{action}', body or {})
        self.assertEqual(status, answer.status_code, answer.text)
        return answer.json()['errors'][0]['detail']

    def test_modes(self):
        """From a request to the files of the node, and back to the answer.
        """
        self.act('enable-snmp')
        self.assertEqual(('enabled', 'active'),
                         self.agent.unit('snmpd.service'))
        self.act('set-cpu-mode', {'cpu_emulation_mode': 'host-passthrough'})
        self.assertIn('host-passthrough', self.agent.nova.read_text())
        self.assertEqual(1, self.agent.restarts('nova-compute.service'))
        self.assertIn('Z80', self.refused('set-cpu-mode', 409, {
            'cpu_emulation_mode': 'custom', 'cpu_model': 'Z80'}))
        self.assertIn('force', self.refused('disable-ssh', 409))
        self.act('disable-dcc')
        self.refused('setup-log-redirection', 409,
                     {'log_redirection_hostname': 'log.example.org'})
        self.wait(lambda: self.show()['modes']['dcc']['actual'] is False,
                  'the report')
        modes = self.show()['modes']
        self.assertEqual((PASSTHROUGH, PASSTHROUGH, None), tuple(
            modes['cpu_mode'][name]
            for name in ('desired', 'actual', 'reason')))
        found = self.client.call(
            'GET', f'/v1/nodes/{self.node_id}?with_hwinfo=true')['node']
        self.assertGreater(found['hwinfo']['memory']['MemTotal'], 0)

    def test_out_of_reach(self):
        """503 with the last contact, and at work again after a restart."""
        seen = self.show()['agent']['last_contact']
        self.agent.kill()
        self.wait(lambda: not self.show()['agent']['is_reachable'],
                  'silence')
        self.assertIn(seen[:10], self.refused('enable-snmp', 503))
        self.agent.start()
        self.wait(lambda: self.show()['agent']['is_reachable'], 'the agent')
        self.act('enable-snmp')

    def test_upgrade_with_kills(self):
        """A conductor and the agent are killed; it runs once, to its end."""
        self.agent.delay('upgrade', 6)
        # Nothing of a cloud answers, and this node is none of its hosts.
        task_id = self.begin('update-system')
        self.wait(self.upgrades, 'the upgrade')
        self.agent.kill()
        for worker in self.workers:
            worker.kill()
            worker.start()
        time.sleep(0.5)
        self.agent.start()
        task = self.client.wait_for_task(task_id, 40)
        self.assertEqual('SUCCESS', task['status'], task)
        self.assertIn('Setting up libc6', task['result'])
        self.assertIn('must be restarted', task['result'])
        self.assertEqual(1, self.upgrades())

    def upgrades(self):
        """Return how many upgrades have begun on the node."""
        return sum(' upgrade ' in call and '--simulate' not in call
                   for call in self.agent.calls)
