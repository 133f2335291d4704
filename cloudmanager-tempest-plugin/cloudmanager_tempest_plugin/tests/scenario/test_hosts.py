# SPDX-License-Identifier: Apache-2.0
"""Hosts are emptied, evacuated and restarted."""

from tempest import config
from tempest.lib import decorators

from cloudmanager_tempest_plugin.tests.scenario import base

CONF = config.CONF
SERVERS = 3


@decorators.serial
class HostsScenario(base.HostsScenarioCase):

    @decorators.attr(type='slow')
    @decorators.idempotent_id('0ab2b68e-1b43-4a38-9d36-5ec3f4e6c001')
    def test_drain(self):
        """A host is emptied live and switched off; what was planned comes.

        AP12: asked twice it is the same task, and something else that would
        be in its way is refused.
        """
        host = CONF.cloudmanager.hosts[0]
        servers = self.boot(SERVERS, host)
        plan = self.hosts.plan(host, 'shutdown')
        self.assertTrue(plan['feasible'], plan)
        planned = {entry['id']: entry['action'] for entry in plan['servers']
                   if entry['id'] in servers}
        self.assertEqual(dict.fromkeys(servers, 'live-migrate'), planned)
        self.assertEqual({host}, {self.host_of(each) for each in servers})
        self.assertEqual('enabled', self.compute_service(host)['status'])

        task_id = self.hosts.act(host, 'shutdown')
        self.assertEqual(task_id, self.hosts.act(host, 'shutdown'))
        self.assert_refused(base.base.Conflict, self.hosts.restart, host,
                            words=task_id)
        task = self.finish(task_id)

        done = {item['id']: item['state'] for item in task['items']}
        self.assertEqual({'DONE'}, {done[each] for each in servers})
        self.assert_moved(servers, host, 'live-migration')
        self.assertEqual('disabled', self.compute_service(host)['status'])
        node = self.nodes.show(host)
        self.assertEqual('power_off', node['power_state'])
        self.assertEqual(2, node['condition'])

    @decorators.attr(type='slow')
    @decorators.idempotent_id('0ab2b68e-1b43-4a38-9d36-5ec3f4e6c002')
    def test_evacuate(self):
        """A living host is not evacuated; of a dead one all servers are."""
        host = CONF.cloudmanager.hosts[1]
        servers = self.boot(SERVERS, host)
        self.assert_refused(base.base.Conflict, self.hosts.act, host,
                            'evacuate', allow_data_loss=True)
        self.assertEqual({host}, {self.host_of(each) for each in servers})
        self.assertEqual('enabled', self.compute_service(host)['status'])

        node = self.nodes.show(host)
        self.finish(self.nodes.act(node['id'], 'power-off',
                                   {'type': 'hard'}))
        self.until(lambda: self.compute_service(host)['state'] == 'down',
                   f'Nova misses {host}')
        self.finish(self.hosts.act(host, 'evacuate', allow_data_loss=True))

        self.assert_moved(servers, host, 'evacuate')
        self.assertTrue(self.compute_service(host)['forced_down'])
        self.assertEqual('power_off',
                         self.nodes.show(host)['power_state'])

    @decorators.attr(type='slow')
    @decorators.idempotent_id('0ab2b68e-1b43-4a38-9d36-5ec3f4e6c003')
    def test_restart(self):
        """Hosts are restarted one by one; servers run all the time."""
        hosts = CONF.cloudmanager.hosts[:2]
        servers = self.boot(1, hosts[0]) + self.boot(1, hosts[1])
        plan = self.hosts.plan_restart(*hosts)
        self.assertTrue(plan['feasible'], plan)
        before = {host: len(self.nodes.power_actions(
            self.nodes.show(host)['id'], action='reset', result='success'))
            for host in hosts}

        task = self.finish(self.hosts.restart(*hosts))

        self.assertEqual(dict.fromkeys(hosts, 'DONE'), {
            item['id']: item['state'] for item in task['items']})
        for host in hosts:
            found = self.compute_service(host)
            self.assertEqual(('enabled', 'up'),
                             (found['status'], found['state']))
            node = self.nodes.show(host)
            self.assertEqual(before[host] + 1, len(self.nodes.power_actions(
                node['id'], action='reset', result='success')))
        for server_id in servers:
            self.assertEqual('ACTIVE', self.server(server_id)['status'])
            self.assertLessEqual(
                1, self.actions(server_id, 'live-migration'))

    @decorators.attr(type='slow')
    @decorators.idempotent_id('0ab2b68e-1b43-4a38-9d36-5ec3f4e6c004')
    def test_audit(self):
        """An audit looks at one aggregate only, and what it finds helps."""
        hosts = CONF.cloudmanager.hosts[:2]
        made = self.aggregates.create_aggregate(
            name=self.name('aggregate'))['aggregate']
        self.addCleanup(self.aggregates.delete_aggregate, made['id'])
        for host in hosts:
            self.aggregates.add_host(made['id'], host=host)
            self.addCleanup(self.aggregates.remove_host, made['id'],
                            host=host)
        servers = self.boot(2 * SERVERS, hosts[0])

        audit = self.audits.execute(made['id'])
        self.until(lambda: self.audits.status(made['id'], audit['id'])[
            'status'] == 'DONE', 'the audit is done')
        audit = self.audits.show(audit['id'])
        self.assertEqual(set(hosts), set(audit['before']['hosts']))
        self.assertEqual({hosts[0]}, {self.host_of(each)
                                      for each in servers})
        if not audit['moves']:
            # Servers that are small beside their hosts are no load.
            self.assertTrue(audit['conclusion'])
            return
        self.finish(self.audits.apply(made['id'], audit['id']))
        self.assertEqual('APPLIED', self.audits.show(audit['id'])['status'])
        where = [self.host_of(each) for each in servers]
        self.assertEqual(set(hosts), set(where))
        self.assertEqual(len(audit['moves']), where.count(hosts[1]))
