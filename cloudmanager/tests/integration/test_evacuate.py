# SPDX-License-Identifier: Apache-2.0
"""Servers of dead hosts come back elsewhere, after fencing."""

import datetime
import time

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud


def _time(text):
    return datetime.datetime.fromisoformat(text).replace(
        tzinfo=datetime.UTC).timestamp()


class EvacuateCase(base.IntegrationCase):

    more = '[host_tasks]\nmax_moves = 2\nheartbeat_silence = 12\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bmc = cls.enrol_ipmi('cmp1')

    def setUp(self):
        super().setUp()
        self.bmc.switch(True)

    def test_fence_comes_first(self):
        """Killed host: fenced, forced down, then rebuilt by priority."""
        *ids, stopped = self.cloud.boot('cmp1', 5)
        for server, priority in zip(ids, ('1', '9', '5', '0'), strict=True):
            self.cloud.nova.servers.set_meta(
                server, {'recovery_priority': priority})
        self.cloud.nova.servers.stop(stopped)
        cloud.wait(lambda: self.cloud.server(stopped).status == 'SHUTOFF',
                   30, 'a server is stopped')
        cloud.minicloud('pause', 'cmp1')
        unbuilt = self.cloud.send_to('cmp1')
        cloud.minicloud('kill', 'cmp1')
        # Nova takes it for up for some more seconds.
        task = self.finish(self.evacuate('cmp1', force=True))
        off = [moment for moment, text in self.bmc.log
               if text == 'power is 0'][-1]
        began = {server: _time(self.cloud.actions(server, 'evacuate')[0]
                               .start_time)
                 for server in (*ids[:3], stopped)}
        # Nova's times are whole seconds.
        self.assertLess(off, min(began.values()) + 1)
        self.assertEqual('Chassis Power is off', self.ipmitool(self.bmc))
        self.assertTrue(self.cloud.service('cmp1').forced_down)
        low, high, middle = (began[server] for server in ids[:3])
        self.assertLessEqual(high, middle)
        self.assertLess(high, low)
        self.assert_moved_once(ids[:3], 'cmp1', 'evacuate')
        self.assertEqual('SHUTOFF', self.cloud.server(stopped).status)
        self.assertNotEqual('cmp1', self.cloud.host_of(
            self.cloud.server(stopped)))
        never = next(item for item in task['items'] if item['id'] == ids[3])
        self.assertEqual('SKIPPED', never['state'])
        self.assertEqual('cmp1',
                         self.cloud.host_of(self.cloud.server(ids[3])))
        self.assertIn(f'stay in BUILD, delete them and create them anew: vm '
                      f'({unbuilt})', task['result'])

    def refused(self, host, code, body):
        answer = self.client.request(
            'POST', f'/v1/hosts/{host}/actions/evacuate', body)
        self.assertEqual(409, answer.status_code)
        self.assertIn(f'cloudmanager.host.{code}', answer.text)
        return answer.text

    def test_living_host(self):
        """FD6: 409, and nothing is touched, unless it is forced."""
        servers = self.cloud.boot('cmp1', 2)
        text = self.refused('cmp1', 'is_up', {})
        self.assertIn('2 server(s) run', text)
        # Nor if Nova is told that it is down, and hears of it all the same.
        service = self.cloud.service('cmp1')
        self.cloud.compute.put(f'/os-services/{service.id}',
                               json={'forced_down': True})
        self.refused('cmp1', 'is_up', {})
        self.refused('cmp1', 'is_up', {'fenced': True})
        self.cloud.compute.put(f'/os-services/{service.id}',
                               json={'forced_down': False})
        plan = self.client.request(
            'POST', '/v1/hosts/cmp1/actions/evacuate',
            {'dry_run': True}).json()['plan']
        self.assertEqual(('host-up', sorted(servers)), (
            plan['warnings'][0]['code'],
            sorted(plan['warnings'][0]['servers'])))
        self.assertEqual('enabled', self.cloud.service('cmp1').status)
        self.assertEqual('Chassis Power is on', self.ipmitool(self.bmc))
        for server in servers:
            self.assertEqual([], self.cloud.actions(server, 'evacuate'))
        # The power of the mini cloud's BMCs is not that of its computes.
        cloud.minicloud('kill', 'cmp1')
        self.finish(self.evacuate('cmp1', force=True))
        self.assert_moved_once(servers, 'cmp1', 'evacuate')

    def test_living_host_without_proof(self):
        """FD6: 409, and nothing is touched."""
        server = self.cloud.boot('cmp2', 1)[0]
        self.refused('cmp2', 'not_fenced', {'force': True})
        self.assertEqual('enabled', self.cloud.service('cmp2').status)
        self.assertEqual([], self.cloud.actions(server, 'evacuate'))

    def test_word_of_an_administrator_against_heartbeats(self):
        """fenced is not believed while nova-compute is heard of."""
        server = self.cloud.boot('cmp2', 1)[0]
        self.refused('cmp2', 'is_up', {'fenced': True})
        self.assertEqual('enabled', self.cloud.service('cmp2').status)
        self.assertEqual([], self.cloud.actions(server, 'evacuate'))

    def test_word_of_an_administrator(self):
        """A silent host without power control, declared off."""
        servers = self.cloud.boot('cmp2', 3)
        cloud.minicloud('kill', 'cmp2')
        self.finish(self.evacuate('cmp2', fenced=True))
        self.assert_moved_once(servers, 'cmp2', 'evacuate')

    def test_fencing_fails(self):
        """A BMC that refuses proves nothing: the host is left as it was."""
        servers = self.cloud.boot('cmp1', 1)
        self.bmc.set_refusing_off(True)
        self.addCleanup(self.bmc.set_refusing_off, False)
        task = self.finish(self.evacuate('cmp1', force=True), 'FAILURE')
        self.assertIn('proven', task['result'])
        service = self.cloud.service('cmp1')
        self.assertEqual('enabled', service.status)
        self.assertFalse(service.forced_down)
        self.assertEqual([], self.cloud.actions(servers[0], 'evacuate'))
        self.assertNotIn(base.BMC_PASSWORD, str(task))
        for process in self.installation.processes:
            self.assertNotIn(base.BMC_PASSWORD, process.text())

    def test_deleted_in_between(self):
        """A server that its tenant deletes meanwhile is no failure."""
        servers = self.cloud.boot('cmp1', 6)
        self.cloud.lose('cmp1')
        task_id = self.evacuate('cmp1')
        cloud.wait(lambda: self.client.task(task_id)['progress']['running'],
                   60, 'evacuations run', 0.05)
        waiting = [item['id'] for item in self.client.task(task_id)['items']
                   if item['state'] == 'PENDING']
        self.cloud.nova.servers.force_delete(waiting[-1])
        task = self.finish(task_id)
        states = {item['id']: item['state'] for item in task['items']}
        self.assertEqual('SKIPPED', states[waiting[-1]])
        self.assert_moved_once(
            [server for server in servers if server != waiting[-1]],
            'cmp1', 'evacuate')

    def _set_down(self, host, down):
        self.cloud.compute.put(
            f'/os-services/{self.cloud.service(host).id}',
            json={'forced_down': down})

    def _wait_for_place(self, task_id):
        """Wait until no move runs and the rest says that it waits."""
        def found():
            items = self.client.task(task_id)['items']
            if any(item['state'] == 'RUNNING' for item in items):
                return None
            return [item for item in items if 'waits for a place' in
                    (item['error'] or '')]
        return cloud.wait(found, 60, 'servers wait for a place', 0.1)

    def test_all_destinations_down(self):
        """FD23: servers wait for a place, and none of them is burnt."""
        servers = self.cloud.boot('cmp1', 8)
        self.cloud.lose('cmp1')
        others = [host for host in cloud.COMPUTES if host != 'cmp1']
        for host in others:
            self.addCleanup(self._set_down, host, False)
        task_id = self.evacuate('cmp1')
        cloud.wait(lambda: self.client.task(task_id)['progress']['done'],
                   60, 'an evacuation is over', 0.05)
        for host in others:
            self._set_down(host, True)
        waiting = self._wait_for_place(task_id)
        fresh = [item['id'] for item in waiting if not item['attempts']]
        self.assertNotEqual([], fresh)
        time.sleep(15)
        for server in fresh:
            self.assertEqual([], self.cloud.actions(server, 'evacuate'))
            self.assertEqual('ACTIVE', self.cloud.server(server).status)
        for host in others:
            self._set_down(host, False)
        task = self.finish(task_id)
        self.assertEqual({'DONE'}, {item['state'] for item in task['items']})
        self.assertEqual([], self.cloud.servers_on('cmp1'))
        for server in servers:
            self.assertEqual('ACTIVE', self.cloud.server(server).status)
        self.assert_moved_once(fresh, 'cmp1', 'evacuate')
