# SPDX-License-Identifier: Apache-2.0
"""What agents reported, as an audit sees it."""

from cloudmanager.common import clock
from cloudmanager.common import secrets
from cloudmanager.common import signing
from cloudmanager.conductor.audits import sources
from cloudmanager.db import agents
from cloudmanager.planning.drs import audit
from cloudmanager.planning.drs import samples
from cloudmanager.tests import agent_reports
from cloudmanager.tests import base
from cloudmanager.tests.unit.planning import factory

HOSTS = {'cmp1': 12.0, 'cmp2': 2.0}


class AgentsTestCase(base.DbTestCase):
    """Twelve servers on two hosts, which are busy in different ways."""

    def setUp(self):
        super().setUp()
        secrets.create_key()
        self.keys = {host: signing.new_key() for host in HOSTS}
        for host, key in self.keys.items():
            agents.enrol(self.context, host, key)
        self.now = clock.timestamp()
        self.moves = []
        self.cloud = factory.cloud(
            [factory.host(host) for host in HOSTS],
            [factory.server(f'{host}-{number}', host)
             for host in HOSTS for number in range(6)])

    def record(self, host, cpus, ago, guests=None, **values):
        agent_reports.record(
            self.context, host, self.keys[host].id, self.now - ago,
            {'load': {'cpus': cpus, 'memory_mb': 6000.0, 'disk_gb': 10.0,
                      'cpu_pressure': 0.1, 'memory_pressure': None,
                      'io_pressure': None, **values},
             'guests': guests if guests is not None else {
                 f'{host}-{number}': {'cpus': cpus / 6, 'memory_mb': 900.0}
                 for number in range(6)},
             'reasons': {'memory_pressure': 'the kernel does not tell'}})

    def fill(self, hosts=HOSTS, last=0):
        for minute in range(10, -1, -1):
            for host in hosts:
                self.record(host, HOSTS[host], 60 * minute + last)

    def read(self):
        return sources.read('agent', self.cloud, list(HOSTS),
                            lambda seconds: self.moves)

    def test_read(self):
        self.fill()
        use = self.read()
        for host, cpus in HOSTS.items():
            self.assertAlmostEqual(cpus, use.hosts[host]['VCPU'])
            self.assertAlmostEqual(6000.0, use.hosts[host]['MEMORY_MB'])
            self.assertAlmostEqual(10.0, use.hosts[host]['DISK_GB'])
            self.assertEqual(['VCPU'], list(use.pressure[host]))
        self.assertAlmostEqual(2.0, use.servers['cmp1-0']['VCPU'])
        self.assertAlmostEqual(900.0, use.servers['cmp1-0']['MEMORY_MB'])
        self.assertEqual({}, use.missing)
        made = audit.make(self.cloud, HOSTS, use)
        self.assertEqual('cmp1', made.moves[0].source)
        self.assertLess(made.after.deviations['VCPU'],
                        made.before.deviations['VCPU'] / 2)

    def test_silent(self):
        """An agent that says nothing any more, and one that never did."""
        self.fill(['cmp1'], last=400)
        use = self.read()
        self.assertEqual({}, use.hosts)
        self.assertIn('ago last', use.missing['cmp1'])
        self.assertEqual('no agent has reported its load',
                         use.missing['cmp2'])

    def test_cannot_measure(self):
        for minute in range(5, -1, -1):
            self.record('cmp1', None, 60 * minute, {}, memory_mb=None,
                        disk_gb=None, cpu_pressure=None)
        self.assertIn('the kernel does not tell', self.read().missing['cmp1'])

    def test_foreign_guests(self):
        """An agent tells of the servers on its own host only."""
        self.fill()
        for minute in range(-1, -4, -1):
            self.record('cmp2', 2.0, 60 * minute, {
                'cmp1-0': {'cpus': 99.0}, 'unknown': {'cpus': 99.0}})
        use = self.read()
        self.assertAlmostEqual(2.0, use.servers['cmp1-0']['VCPU'])
        self.assertNotIn('unknown', use.servers)

    def test_moved(self):
        """What a server used before it came is known of its old host."""
        self.fill()
        self.cloud = factory.cloud(
            [factory.host(host) for host in HOSTS],
            [factory.server('cmp1-0', 'cmp2')])
        self.moves = [samples.Moved('cmp1-0', 'cmp1', 'cmp2', self.now)]
        use = self.read()
        self.assertAlmostEqual(2.0, use.servers['cmp1-0']['VCPU'])
        self.assertAlmostEqual(10.0, use.hosts['cmp1']['VCPU'])
        self.assertAlmostEqual(4.0, use.hosts['cmp2']['VCPU'])

    def test_more_than_there_is(self):
        """What a host cannot use makes it no hotter than full."""
        self.fill(['cmp2'])
        for minute in range(10, -1, -1):
            self.record('cmp1', 1e9, 60 * minute, {})
        made = audit.make(self.cloud, HOSTS, self.read())
        self.assertLessEqual(made.before.hosts['cmp1']['VCPU'], 1.0)
