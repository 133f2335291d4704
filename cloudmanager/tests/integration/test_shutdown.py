# SPDX-License-Identifier: Apache-2.0
"""Hosts of a real OpenStack are emptied and switched off over IPMI."""

import datetime

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud


class ShutdownCase(base.IntegrationCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bmc = cls.enrol_ipmi('cmp1')
        # Its name begins like that of the first one (DR2).
        cls.other = cls.enrol_ipmi('cmp10')

    def setUp(self):
        super().setUp()
        self.bmc.switch(True)

    def items(self, task):
        return {item['id']: item for item in task['items']}

    def test_twenty_servers(self):
        """All are migrated live; the host is disabled and off (DR28)."""
        servers = self.cloud.boot('cmp1', 20)
        task = self.finish(self.shutdown('cmp1'))
        self.assertEqual(20, len(task['items']))
        self.assertEqual({'total': 20, 'done': 20, 'failed': 0,
                          'running': 0}, task['progress'])
        self.assertEqual({'live-migrate'},
                         {item['action'] for item in task['items']})
        self.assert_moved_once(servers, 'cmp1')
        placed = {server: self.cloud.host_of(found) for server, found
                  in self.cloud.all_servers().items()}
        self.assertEqual(placed, {item['id']: item['destination']
                                  for item in task['items']})
        service = self.cloud.service('cmp1')
        self.assertEqual('disabled', service.status)
        self.assertIn(task['id'] if 'id' in task else 'cloudmanager',
                      service.disabled_reason)
        self.assertEqual('Chassis Power is off', self.ipmitool(self.bmc))
        self.assertEqual('Chassis Power is on', self.ipmitool(self.other))

    def test_server_on_its_way(self):
        """A server that the scheduler has just sent to the host is kept."""
        cloud.minicloud('pause', 'cmp1')
        self.addCleanup(cloud.minicloud, 'resume', 'cmp1')
        server = self.cloud.send_to('cmp1')
        task_id = self.shutdown('cmp1')
        cloud.wait(lambda: any('on their way to host cmp1' in worker.text()
                               for worker in self.workers),
                   30, 'the drain knows of the server')
        self.assertEqual([], self.cloud.servers_on('cmp1'))
        self.assertEqual('Chassis Power is on', self.ipmitool(self.bmc))
        cloud.minicloud('resume', 'cmp1')
        self.finish(task_id)
        self.assert_moved_once([server], 'cmp1')
        self.assertEqual('Chassis Power is off', self.ipmitool(self.bmc))

    def test_plan_is_what_happens(self):
        """A dry run touches nothing and says what the real one does."""
        self.cloud.boot('cmp1', 6)
        before = {key: self.cloud.host_of(server) for key, server
                  in self.cloud.all_servers().items()}
        plan = self.client.call(
            'POST', '/v1/hosts/cmp1/actions/shutdown',
            {'dry_run': True})['plan']
        self.assertEqual('enabled', self.cloud.service('cmp1').status)
        self.assertEqual(before, {
            key: self.cloud.host_of(server) for key, server
            in self.cloud.all_servers().items()})
        self.assertTrue(plan['feasible'])
        task = self.finish(self.shutdown('cmp1'))
        self.assertEqual(
            {item['id']: item['destination'] for item in plan['servers']},
            {item['id']: item['destination'] for item in task['items']})

    def test_budget_that_is_used_up(self):
        """A dry run tells of it and until when, as the real one meets it.

        The move that counts is one that somebody asked Nova for.
        """
        tired, = self.cloud.boot('cmp2', 1,
                                 meta={'max_moves_per_day': '1'})
        self.cloud.nova.servers.live_migrate(tired, 'cmp1', 'auto')
        cloud.wait(lambda: [move.status for move in self.cloud.migrations(
            tired)] == ['completed'], 60, 'the server is on cmp1')
        fresh, = self.cloud.boot('cmp1', 1,
                                 meta={'max_moves_per_day': '1'})

        def plan(**flags):
            answer = self.client.call(
                'POST', '/v1/hosts/cmp1/actions/shutdown',
                {'dry_run': True, **flags})['plan']
            return answer['feasible'], self.items(
                {'items': answer['servers']})

        feasible, servers = plan()
        self.assertFalse(feasible)
        spent, = servers[tired]['blockers']
        self.assertEqual('budget-spent', spent['code'])
        moved, = self.cloud.migrations(tired)
        until = (datetime.datetime.fromisoformat(moved.updated_at)
                 + datetime.timedelta(days=1))
        told = datetime.datetime.fromisoformat(spent['until'])
        self.assertEqual(until, told.replace(tzinfo=None))
        self.assertEqual([], servers[fresh]['blockers'])
        feasible, servers = plan(force=True)
        self.assertTrue(feasible)
        self.assertIn('budget-spent', [
            warning['code'] for warning in servers[tired]['warnings']])

        items = self.items(self.finish(self.shutdown('cmp1'), 'FAILURE'))
        self.assertEqual('DONE', items[fresh]['state'])
        self.assertEqual('FAILED', items[tired]['state'])
        self.assertEqual([tired], self.cloud.servers_on('cmp1'))
        self.assertEqual('Chassis Power is on', self.ipmitool(self.bmc))

    def mixed(self):
        """Boot a server of each kind; return their ids by kind (DR4)."""
        ids = self.cloud.boot('cmp1', 5)
        kinds = dict(zip(('active', 'stopped', 'paused', 'error',
                          'suspended'), ids, strict=True))
        nova = self.cloud.nova.servers
        nova.stop(kinds['stopped'])
        nova.pause(kinds['paused'])
        nova.reset_state(kinds['error'], 'error')
        nova.suspend(kinds['suspended'])
        wanted = {'stopped': 'SHUTOFF', 'paused': 'PAUSED',
                  'error': 'ERROR', 'suspended': 'SUSPENDED'}
        cloud.wait(
            lambda: all(self.cloud.server(kinds[kind]).status == status
                        for kind, status in wanted.items()),
            60, 'servers have their states')
        return kinds

    def test_mixed_states_without_flags(self):
        """What needs a decision stays, is named, and keeps the host on."""
        kinds = self.mixed()
        task = self.finish(self.shutdown('cmp1'), 'FAILURE')
        items = self.items(task)
        states = {kind: items[server]['state']
                  for kind, server in kinds.items()}
        self.assertEqual({'active': 'DONE', 'stopped': 'DONE',
                          'paused': 'DONE', 'error': 'FAILED',
                          'suspended': 'FAILED'}, states)
        self.assertEqual('cold-migrate', items[kinds['stopped']]['action'])
        for kind in ('error', 'suspended'):
            self.assertIn(kinds[kind], task['result'])
            self.assertIn('allow_evacuate', items[kinds[kind]]['error'])
            self.assertEqual('cmp1', self.cloud.host_of(
                self.cloud.server(kinds[kind])))
        self.assertEqual('SHUTOFF',
                         self.cloud.server(kinds['stopped']).status)
        self.assertEqual('PAUSED',
                         self.cloud.server(kinds['paused']).status)
        self.assertEqual('disabled', self.cloud.service('cmp1').status)
        self.assertEqual('Chassis Power is on', self.ipmitool(self.bmc))

    def test_mixed_states_with_evacuation(self):
        """allow_evacuate fences the host and rebuilds what is left."""
        kinds = self.mixed()
        task = self.finish(self.shutdown('cmp1', allow_evacuate=True))
        items = self.items(task)
        self.assertEqual(
            {'error': 'evacuate', 'suspended': 'evacuate',
             'active': 'live-migrate', 'paused': 'live-migrate',
             'stopped': 'cold-migrate'},
            {kind: items[server]['action']
             for kind, server in kinds.items()})
        for server in self.cloud.all_servers().values():
            self.assertNotEqual('cmp1', self.cloud.host_of(server))
            self.assertFalse(server.locked)
        self.assertEqual('SHUTOFF',
                         self.cloud.server(kinds['stopped']).status)
        self.assertEqual('Chassis Power is off', self.ipmitool(self.bmc))
        self.assertTrue(self.cloud.service('cmp1').forced_down)

    def test_cancel(self):
        """A cancelled drain leaves the host as it was (DR16)."""
        servers = self.cloud.boot('cmp1', 12)
        task_id = self.shutdown('cmp1')
        cloud.wait(lambda: self.client.task(task_id)['progress']['running'],
                   30, 'moves are under way', 0.05)
        self.client.call('POST', f'/v1/tasks/{task_id}/actions/cancel',
                         {'running': 'finish'}, 202)
        task = self.finish(task_id, 'REVOKED')
        states = [item['state'] for item in task['items']]
        self.assertIn('SKIPPED', states)
        self.assertNotIn('RUNNING', states)
        self.assertEqual('enabled', self.cloud.service('cmp1').status)
        self.assertEqual('Chassis Power is on', self.ipmitool(self.bmc))
        found = self.cloud.all_servers()
        self.assertEqual({'ACTIVE'},
                         {found[server].status for server in servers})

    def test_double_request(self):
        """A second click answers the same task; another action is refused
        (AP12)."""
        self.cloud.boot('cmp1', 4)
        task_id = self.shutdown('cmp1')
        self.assertEqual(task_id, self.shutdown('cmp1'))
        answer = self.client.request(
            'POST', '/v1/hosts/cmp1/actions/evacuate', {'fenced': True})
        self.assertEqual(409, answer.status_code)
        self.assertIn(task_id, answer.text)
        self.finish(task_id)

    def test_two_drains_and_no_place(self):
        """FD18: the second is refused; no more hosts are disabled."""
        for host in ('cmp3', 'cmp4'):
            self.cloud.nova.services.disable(self.cloud.service(host).id)
        booted = self.cloud.boot_each({'cmp1': 3, 'cmp2': 2})
        servers = booted['cmp1'] + booted['cmp2']
        task_id = self.shutdown('cmp1')
        # The second operator's request comes while the first task runs.
        answer = self.client.request(
            'POST', '/v1/hosts/cmp2/actions/shutdown', {})
        self.assertEqual(409, answer.status_code)
        (error,) = answer.json()['errors']
        self.assertEqual('cloudmanager.host.no_place', error['code'])
        self.assertEqual(set(servers[3:]), {
            item['id'] for item in error['plan']['servers']
            if not item['fits']} & set(servers[3:]))
        self.finish(task_id)
        self.assert_moved_once(servers[:3], 'cmp1')
        self.assertEqual('enabled', self.cloud.service('cmp2').status)
        for server in servers[3:]:
            self.assertEqual([], self.cloud.actions(server,
                                                    'live-migration'))
        # Alone it has no place either.
        answer = self.client.request(
            'POST', '/v1/hosts/cmp2/actions/shutdown', {})
        self.assertEqual(409, answer.status_code)

    def test_reason_of_a_failure(self):
        """FD19: Nova shows what failed and what to do."""
        (stays,) = self.cloud.boot('cmp1', 1)
        self.cloud.nova.servers.suspend(stays)
        cloud.wait(lambda: self.cloud.server(stays).status == 'SUSPENDED',
                   30, 'it is suspended')
        task_id = self.shutdown('cmp1')
        self.finish(task_id, 'FAILURE')
        service = self.cloud.service('cmp1')
        self.assertEqual('disabled', service.status)
        self.assertIn(f'task {task_id} failed: ', service.disabled_reason)
        self.assertIn('enable the host', service.disabled_reason)

    def test_unknown_host(self):
        answer = self.client.request(
            'POST', '/v1/hosts/cmp/actions/shutdown', {})
        self.assertEqual(404, answer.status_code)

    def test_anti_affinity_group(self):
        """Members of a group never meet on one host (DR19)."""
        group = self.cloud.nova.server_groups.create(
            'pair', 'anti-affinity')
        booted = self.cloud.boot_each(
            dict.fromkeys(('cmp1', 'cmp2', 'cmp3'), 1),
            scheduler_hints={'group': group.id})
        self.finish(self.shutdown('cmp1'))
        hosts = {self.cloud.host_of(self.cloud.server(server))
                 for server, in booted.values()}
        self.assertEqual({'cmp2', 'cmp3', 'cmp4'}, hosts)

    def test_disabled_hosts_are_no_targets(self):
        """Hosts that an operator disabled get nothing and stay disabled
        (DR13, DR26)."""
        service = self.cloud.service('cmp2')
        self.cloud.nova.services.disable_log_reason(service.id, 'disk')
        servers = self.cloud.boot('cmp1', 4)
        self.finish(self.shutdown('cmp1'))
        found = self.cloud.all_servers()
        self.assertNotIn('cmp2', {self.cloud.host_of(found[server])
                                  for server in servers})
        self.assertEqual('disk',
                         self.cloud.service('cmp2').disabled_reason)
