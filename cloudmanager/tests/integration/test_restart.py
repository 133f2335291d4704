# SPDX-License-Identifier: Apache-2.0
"""Hosts of a real OpenStack are restarted, one after the other."""

import time

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import machines

RESTART = '/v1/hosts/actions/restart'
# A host is out of use for seconds.
LOOK_SECONDS = 0.1


class RestartCase(base.IntegrationCase):
    """All computes have a BMC that has power over their nova-compute."""

    more = ('[host_tasks]\ngate_interval = 0.5\nrestart_timeout = 60\n'
            '[power]\nsoft_timeout = 5\n')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machines = {}
        for host in cloud.COMPUTES:
            bmc = cls.enrol_ipmi(host)
            machine = machines.Machine(host, bmc.directory).start()
            cls.addClassCleanup(machine.stop)
            cls.machines[host] = machine

    def setUp(self):
        super().setUp()
        for machine in self.machines.values():
            machine.resets = 0

    def restart(self, *hosts, **params):
        return self.client.start_task(RESTART, {'hosts': list(hosts),
                                                **params})

    def resets(self):
        return {host: machine.resets
                for host, machine in self.machines.items()
                if machine.resets}

    def enabled(self):
        return {host for host in cloud.COMPUTES
                if self.cloud.service(host).status == 'enabled'}

    def parts(self, task_id):
        """Return the tasks of the single hosts, in their order."""
        found = self.client.call(
            'GET', '/v1/tasks?detail=true&name=host.restart'
                   f'&parent_id={task_id}&sort=created_at')['tasks']
        return [self.client.task(item['id']) for item in found]


class RollTestCase(RestartCase):

    def test_all_hosts(self):
        """Only servers of the first host move twice; all run on."""
        booted = self.cloud.boot_each(
            dict(zip(cloud.COMPUTES, (2, 3, 4, 3), strict=True)))
        servers = [server for ids in booted.values() for server in ids]
        plan = self.client.call('POST', RESTART, {
            'hosts': list(cloud.COMPUTES), 'dry_run': True})['plan']
        self.assertTrue(plan['feasible'])
        self.assertEqual({}, self.resets())

        task = self.finish(self.restart(*cloud.COMPUTES), seconds=300)

        self.assertEqual(dict.fromkeys(cloud.COMPUTES, 'DONE'), {
            item['id']: item['state'] for item in task['items']})
        self.assertEqual(dict.fromkeys(cloud.COMPUTES, 1), self.resets())
        self.assertEqual(set(cloud.COMPUTES), self.enabled())
        parts = self.parts(task['id'])
        self.assertEqual(plan['hosts'], [part['host'] for part in parts])
        found = self.cloud.all_servers()
        self.assertEqual({'ACTIVE'},
                         {found[server].status for server in servers})
        moves = sum(len(self.cloud.actions(server, 'live-migration'))
                    for server in servers)
        self.assertEqual(plan['moves'], moves)
        self.assertLessEqual(moves, len(servers) + 2)

    def test_two_at_a_time(self):
        """No more are out of use than may be, and all are restarted."""
        self.cloud.boot_each(dict.fromkeys(cloud.COMPUTES, 1))
        task_id = self.restart(*cloud.COMPUTES, in_sequence=False,
                               max_unavailable=2)
        most = 0
        while self.client.task(task_id)['status'] in ('PENDING', 'STARTED'):
            most = max(most, 4 - len(self.enabled()))
            time.sleep(LOOK_SECONDS)
        self.finish(task_id)
        self.assertEqual(2, most)
        self.assertEqual(dict.fromkeys(cloud.COMPUTES, 1), self.resets())

    def test_two_operators(self):
        """FD17: each restarts one host at a time, and so do both."""
        self.cloud.boot_each(dict.fromkeys(cloud.COMPUTES, 1))
        tasks = [self.restart('cmp1')]
        cloud.wait(lambda: 'cmp1' not in self.enabled(), 60,
                   'cmp1 is out of use')
        tasks.append(self.restart('cmp2'))
        most = 0
        while any(self.client.task(task)['status'] in ('PENDING', 'STARTED')
                  for task in tasks):
            most = max(most, 4 - len(self.enabled()))
            time.sleep(LOOK_SECONDS)
        for task in tasks:
            self.finish(task)
        self.assertEqual(1, most)
        self.assertEqual({'cmp1': 1, 'cmp2': 1}, self.resets())

    def test_host_that_an_operator_disabled(self):
        """FD17: refused at once, unless the request counts it."""
        self.cloud.nova.services.disable(self.cloud.service('cmp3').id)
        answer = self.client.request('POST', RESTART, {'hosts': ['cmp1']})
        self.assertEqual(409, answer.status_code)
        self.assertIn('cmp3 (disabled)', answer.text)
        self.finish(self.restart('cmp1', max_unavailable=2))
        self.assertEqual({'cmp1': 1}, self.resets())

    def test_servers_come_back(self):
        servers = self.cloud.boot('cmp1', 3)
        self.cloud.nova.servers.stop(servers[0])
        cloud.wait(lambda: self.cloud.server(
            servers[0]).status == 'SHUTOFF', 30, 'it is stopped')
        self.finish(self.restart('cmp1', return_servers=True))
        self.assertEqual(set(servers), set(self.cloud.servers_on('cmp1')))
        self.assertEqual('SHUTOFF', self.cloud.server(servers[0]).status)
        self.assertEqual({'cmp1': 1}, self.resets())


class BrokenHostTestCase(RestartCase):

    # There is no host that comes back here.
    more = RestartCase.more + '[host_tasks]\nrestart_timeout = 5\n'

    def test_does_not_come_back(self):
        """RR1: the next one is not begun; the broken one stays disabled."""
        # Nova would take the dead host for up, and ask it to be enabled.
        self.addCleanup(self.cloud.lose, 'cmp1')
        self.machines['cmp1'].broken.set()
        self.addCleanup(self.machines['cmp1'].broken.clear)
        self.cloud.boot('cmp2', 1)
        task = self.finish(self.restart('cmp1', 'cmp2'), 'FAILURE', 300)
        self.assertIn('did not come back', task['result'])
        self.assertEqual({'cmp1': 'FAILED', 'cmp2': 'SKIPPED'}, {
            item['id']: item['state'] for item in task['items']})
        self.assertEqual({'cmp1': 1}, self.resets())
        self.assertEqual({'cmp2', 'cmp3', 'cmp4'}, self.enabled())
        # What restore_hosts starts must count as running.
        self.machines['cmp1']._runs = True


class FailureTestCase(RestartCase):

    def test_server_that_stays(self):
        """RR2: the host is left as it was found, the next one restarted."""
        (stays,) = self.cloud.boot('cmp1', 1)
        self.cloud.nova.servers.suspend(stays)
        cloud.wait(lambda: self.cloud.server(stays).status == 'SUSPENDED',
                   30, 'it is suspended')
        self.cloud.boot('cmp2', 1)
        task = self.finish(self.restart('cmp1', 'cmp2', max_failures=1),
                           'FAILURE')
        self.assertIn('cmp1', task['result'])
        self.assertEqual({'cmp2': 1}, self.resets())
        self.assertEqual(set(cloud.COMPUTES), self.enabled())
        self.assertEqual('cmp1', self.cloud.host_of(
            self.cloud.server(stays)))

    def test_cancel(self):
        """What has not begun is left alone; the first is as it was."""
        self.cloud.boot_each({'cmp1': 8, 'cmp2': 9})
        task_id = self.restart('cmp1', 'cmp2')
        cloud.wait(lambda: self.parts(task_id)
                   and self.parts(task_id)[0]['progress']['running'], 30,
                   'servers are being moved')
        self.client.call('POST', f'/v1/tasks/{task_id}/actions/cancel', {},
                         202)
        self.finish(task_id, 'REVOKED')
        self.assertEqual({}, self.resets())
        self.assertEqual(set(cloud.COMPUTES), self.enabled())

    def test_another_host_is_down(self):
        """RR7: a cloud that is short already is not made shorter."""
        self.addCleanup(cloud.minicloud, 'run', 'cmp4')
        self.cloud.lose('cmp4')
        task_id = self.restart('cmp1')
        cloud.wait(lambda: self.client.task(task_id)['status'] == 'STARTED',
                   30, 'the task has begun')
        cloud.minicloud('run', 'cmp4')
        self.finish(task_id)
        self.assertEqual({'cmp1': 1}, self.resets())
        self.assertEqual('up', self.cloud.service('cmp4').state)
