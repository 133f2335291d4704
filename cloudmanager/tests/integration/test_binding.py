# SPDX-License-Identifier: Apache-2.0
"""Nodes bound to a virtual controller, on a real Nova and with real agents.

The controller is a server of the cloud; the nodes are two of its computes.
"""

from cloudmanager.tests.functional import nodes
from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import servers

HOSTS = ('cmp3', 'cmp4')
NOVA = 'nova-compute.service'
MORE = '''\
[agent]
rpc_timeout = 15
outage_timeout = 8
heartbeat_timeout = 4
[conductor]
heartbeat_interval = 1
'''


class BindingTestCase(base.IntegrationCase):

    conductors = 2
    more = MORE

    def setUp(self):
        super().setUp()
        self.controller = self.cloud.boot('cmp1', 1, 'controller')[0]
        self.agents = {host: self.start_agent(host) for host in HOSTS}
        for host in HOSTS:
            cloud.wait(lambda host=host: self.is_reachable(host), 40,
                       f'the agent of {host}')

    def start_agent(self, host):
        """Begin with a node that nobody knows, and an agent on it."""
        for node in self.client.call(
                'GET', f'/v1/nodes?name={host}')['nodes']:
            self.client.request('DELETE', f'/v1/nodes/{node["id"]}')
        self.client.node(host)
        agent = self.useFixture(nodes.Node(
            servers.shared_bus().url, host, command_timeout=10))
        path = agent.root / 'controllers'
        path.mkdir()
        self.options(path, self.controller)
        agent.drop_in = agent.root / 'etc/nova/95-controller.conf'
        agent.options.update(controllers_path=path,
                             controller_drop_in=agent.drop_in)
        agent.set_unit(NOVA, 'enabled', 'active')
        agent.put_key(self.installation.manage('agent', 'enrol', host))
        self.addCleanup(self.installation.manage, 'agent', 'revoke', host)
        agent.start()
        return agent

    @staticmethod
    def options(path, controller):
        """Write what nova-compute needs for a controller."""
        (path / f'{controller}.conf').write_text(
            '[DEFAULT]\ntransport_url = rabbit://nested\n')

    def node(self, host):
        return self.client.call('GET', f'/v1/nodes/{host}')['node']

    def is_reachable(self, host):
        return (self.node(host)['agent'] or {}).get('is_reachable')

    def begin(self, action):
        return self.client.start_task(f'/v1/nodes/actions/{action}', {
            'controller_uuid': self.controller, 'hostnames': list(HOSTS)})

    def act(self, action, status='SUCCESS'):
        return self.finish(self.begin(action), status)

    def assert_bound(self, host):
        service, agent = self.cloud.service(host), self.agents[host]
        self.assertEqual(
            ('disabled', f'cloudmanager: bound to controller '
             f'{self.controller}', self.controller, 'virtual'),
            (service.status, service.disabled_reason,
             *(self.node(host)[name]
               for name in ('controller_id', 'controller_type'))))
        self.assertIn('rabbit://nested', agent.drop_in.read_text())

    def assert_free(self, host):
        service = self.cloud.service(host)
        self.assertEqual(('enabled', None, None), (
            service.status, *(self.node(host)[name] for name in (
                'controller_id', 'controller_type'))))
        self.assertFalse(self.agents[host].drop_in.is_symlink())

    def test_there_and_back(self):
        """A tenant deletes the controller in between."""
        self.act('attach')
        for host in HOSTS:
            self.assert_bound(host)
        self.assertEqual([], self.cloud.servers_on('cmp3'))
        self.assertRaises(cloud.NoPlaceError, self.cloud.boot, 'cmp3', 1)
        self.cloud.clear()
        answer = self.client.request('POST', '/v1/nodes/actions/attach', {
            'controller_uuid': self.controller, 'hostnames': list(HOSTS)})
        self.assertEqual(404, answer.status_code, answer.text)
        self.act('detach')
        for host in HOSTS:
            self.assert_free(host)
            self.assertEqual(2, self.agents[host].restarts(NOVA))
        self.cloud.boot('cmp3', 1)

    def test_conductor_is_killed(self):
        """Another goes on; each nova-compute is restarted once."""
        for agent in self.agents.values():
            agent.delay('try-restart', 2)
        for number, action in enumerate(('attach', 'detach'), 1):
            task_id = self.begin(action)
            # Between the two nodes, and while the first one is at work.
            cloud.wait(lambda: any(
                'try-restart' in call for call in
                self.agents['cmp3'].calls[-1:]), 30,
                'an agent restarts nova-compute', 0.05)
            busy = next(worker for worker in self.workers
                        if task_id in worker.text())
            busy.kill()
            self.finish(task_id)
            busy.start()
            for host in HOSTS:
                (self.assert_bound if action == 'attach'
                 else self.assert_free)(host)
                self.assertEqual(number, self.agents[host].restarts(NOVA),
                                 self.agents[host].calls)
            cloud.wait(lambda: busy.ready, 60, 'the conductor is back')

    def test_one_cannot(self):
        """All are put back when the second one fails."""
        self.agents['cmp4'].fail('try-restart', 'unit is masked')
        task = self.act('attach', 'FAILURE')
        self.assertIn('unit is masked', str(task))
        self.agents['cmp4'].mend('try-restart')
        for host in HOSTS:
            self.assert_free(host)

    def test_server_arrives(self):
        """A tenant's server is there first: refused before anything is done.
        """
        self.cloud.boot('cmp4', 1)
        answer = self.client.request('POST', '/v1/nodes/actions/attach', {
            'controller_uuid': self.controller, 'hostnames': list(HOSTS)})
        self.assertEqual(409, answer.status_code, answer.text)
        self.assertIn('cmp4', answer.text)
        for host in HOSTS:
            self.assert_free(host)

    def test_agent_dies(self):
        """Its node is told when the agent is back; the task says so."""
        self.agents['cmp3'].delay('try-restart', 3)
        task_id = self.begin('attach')
        cloud.wait(lambda: any('try-restart' in call for call in
                               self.agents['cmp3'].calls), 30,
                   'an agent restarts nova-compute', 0.05)
        self.agents['cmp4'].kill()
        task = self.finish(task_id, 'FAILURE')
        items = {item['name']: item for item in task['items']}
        self.assertIn('could not be put back', items['cmp4']['error'])
        self.assert_free('cmp3')
        # It may serve the controller, for all that is known.
        self.assertEqual('disabled', self.cloud.service('cmp4').status)
        self.agents['cmp4'].start()
        cloud.wait(lambda: self.node('cmp4')['modes']['controller'][
            'desired'] is None and self.is_reachable('cmp4'), 40, 'the mode')
        self.assertFalse(self.agents['cmp4'].drop_in.is_symlink())
