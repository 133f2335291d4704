# SPDX-License-Identifier: Apache-2.0
"""Where one server is better off."""

import dataclasses

import testtools

from cloudmanager.planning import balance
from cloudmanager.planning import options
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action
from cloudmanager.tests.unit.planning import factory

HALF_FULL = {'VCPU': 8, 'MEMORY_MB': 8192, 'DISK_GB': 500}
LIVE = Action.LIVE


def group(policy, *members, **rules):
    return model.Group('g', policy, frozenset(members), rules)


class BalanceTestCase(testtools.TestCase):

    def choose(self, *hosts, servers=(), groups=(), action=LIVE, **flags):
        """Choose for server a, on a host that is half full."""
        source = factory.host('src', used=HALF_FULL, aggregates=frozenset(
            flags.pop('aggregates', ())))
        cloud = factory.cloud([source, *hosts],
                              [factory.server('a', **flags.pop('a', {})),
                               *servers], list(groups))
        return balance.choose(cloud, 'a', action, options.Options(**flags))

    def stays(self, why, *hosts, **kwargs):
        found = self.choose(*hosts, **kwargs)
        self.assertEqual((None, ''), (found.action, found.host))
        self.assertIn(why, found.reason)

    def test_least_loaded(self):
        found = self.choose(
            factory.host('h1', used={'VCPU': 4}), factory.host('h2'),
            factory.host('h3', used={'VCPU': 2}))
        self.assertEqual((LIVE, 'h2'), (found.action, found.host))
        self.assertIn('6%', found.reason)

    def test_equals_go_by_name(self):
        self.assertEqual('h1', self.choose(
            factory.host('h2'), factory.host('h1')).host)

    def test_action(self):
        self.assertEqual(Action.COLD, self.choose(
            factory.host('h1'), action=Action.COLD).action)

    def test_out_of_use(self):
        for why, values in (
                ('disabled', {'enabled': False}), ('down', {'up': False}),
                ('reserved', {'reserved': True}),
                ('in maintenance', {'maintenance': True})):
            self.stays(f'1 {why}', factory.host('h1', **values))

    def test_alone(self):
        self.assertEqual('no host suits it better than src (there is no '
                         'other)', self.choose().reason)

    def test_reasons_are_counted(self):
        """The commonest first, equals by their names."""
        found = self.choose(
            factory.host('h1', up=False), factory.host('h2', reserved=True),
            factory.host('h3', enabled=False), factory.host('h4', up=False))
        self.assertEqual('no host suits it better than src (2 down, 1 '
                         'disabled, 1 reserved)', found.reason)

    def test_shares_are_told_apart(self):
        for one, other, texts in (
                (0.5, 0.25, ('50%', '25%')), (0.501, 0.5, ('50.1%', '50.0%')),
                (0.50001, 0.5, ('50.001%', '50.000%')),
                (0.500001, 0.5, ('50%', '50%'))):
            self.assertEqual(texts, balance._shares(one, other))

    def test_not_better(self):
        """The load with the server counts, there and here."""
        self.stays('not less loaded', factory.host('h1', used=HALF_FULL))
        self.assertEqual('h1', self.choose(factory.host('h1', used={
            'VCPU': 7, 'MEMORY_MB': 7000, 'DISK_GB': 400})).host)

    def test_gain(self):
        """Where there is nothing to gain it stays, and why (FD16)."""
        nearly = {'VCPU': 6, 'MEMORY_MB': 6144, 'DISK_GB': 400}
        for gain, host in ((0.0, 'h1'), (0.01, 'h1'), (0.2, '')):
            found = self.choose_gain(gain, factory.host('h1', used=nearly))
            self.assertEqual(host, found.host, gain)
        self.assertIn('a move would gain too little: the load of src is 58% '
                      'with it, and that of h1 would be 45%', found.reason)

    def choose_gain(self, gain, *hosts):
        cloud = factory.cloud([factory.host('src', used=HALF_FULL), *hosts],
                              [factory.server('a')], [])
        return balance.choose(cloud, 'a', LIVE, gain=gain)

    def test_shares_differ(self):
        """Two loads that differ are never told as the same (FD16)."""
        for one, other, texts in (
                (0.5, 0.0625, ('50%', '6%')), (0.001, 0.004, ('0.1%', '0.4%')),
                (0.00401, 0.00399, ('0.401%', '0.399%')),
                (0.5, 0.5, ('50%', '50%'))):
            self.assertEqual(texts, balance._shares(one, other))

    def test_no_room(self):
        self.stays('without room', factory.host('h1', vcpus=4),
                   a={'vcpus': 5})

    def test_aggregates(self):
        """It must be in all aggregates that the present host is in."""
        self.stays('not in its aggregates', factory.host('h1'),
                   aggregates=('1', '2'))
        self.stays('not in its aggregates', factory.host(
            'h1', aggregates=frozenset('1')), aggregates=('1', '2'))
        self.assertEqual('h1', self.choose(factory.host(
            'h1', aggregates=frozenset('123')), aggregates=('1', '2')).host)

    def test_zone(self):
        self.stays('not in zone z', factory.host('h1', zone='other'),
                   a={'availability_zone': 'z'})

    def test_refused(self):
        self.assertEqual('h2', self.choose(
            factory.host('h1'), factory.host('h2', used={'VCPU': 1}),
            refused={'a': ('h1',)}).host)

    def test_anti_affinity(self):
        other = factory.server('b', on='h1')
        self.stays('against the policy', factory.host('h1'),
                   servers=[other],
                   groups=[group(model.ANTI_AFFINITY, 'a', 'b')])
        self.assertEqual('h1', self.choose(
            factory.host('h1'), servers=[other], groups=[group(
                model.ANTI_AFFINITY, 'a', 'b', max_server_per_host=2)]).host)

    def test_affinity(self):
        """Who is together stays together; who is alone may go."""
        self.stays('against the policy', factory.host('h1'),
                   servers=[factory.server('b')],
                   groups=[group(model.AFFINITY, 'a', 'b')])
        self.assertEqual('h1', self.choose(
            factory.host('h1'), groups=[group(model.AFFINITY, 'a')]).host)

    def test_soft_policy(self):
        """To break it costs more than a little load is worth."""
        other = factory.server('b', on='h1')
        self.assertEqual('h2', self.choose(
            factory.host('h1'), factory.host('h2', used={'VCPU': 2}),
            servers=[other],
            groups=[group(model.SOFT_ANTI_AFFINITY, 'a', 'b')]).host)

    def test_unknown_host(self):
        cloud = factory.cloud([], [factory.server('a')])
        self.assertRaises(model.UnknownHost, balance.choose, cloud, 'a',
                          LIVE)


class RandomTestCase(testtools.TestCase):

    def test_never_back_and_never_worse(self):
        """What was balanced is not balanced back, and nothing is broken."""
        moved = 0
        for seed in range(60):
            cloud = factory.random_cloud(seed)
            for server in list(cloud.servers.values())[:8]:
                moved += self._check(cloud, server)
        self.assertGreater(moved, 50)

    def _check(self, cloud, server):
        choice = balance.choose(cloud, server.id, LIVE)
        if not choice.host:
            return 0
        target, source = cloud.hosts[choice.host], cloud.hosts[server.host]
        self.assertEqual('', target.out_of_use)
        self.assertLessEqual(source.aggregates, target.aggregates)
        after = self._moved(cloud, server, source, target)
        self.assertLess(self._load(after.hosts[target.name]),
                        self._load(source) + 0.03)
        for name, amount in after.hosts[target.name].used.items():
            self.assertLessEqual(
                amount, target.inventory[name].capacity)
        back = balance.choose(after, server.id, LIVE)
        self.assertNotEqual(source.name, back.host)
        return 1

    @staticmethod
    def _load(host):
        return max(host.used.get(name, 0) / host.inventory[name].capacity
                   for name in model.LOAD_CLASSES)

    @staticmethod
    def _moved(cloud, server, source, target):
        hosts = dict(cloud.hosts)
        for host, sign in ((source, -1), (target, 1)):
            used = dict(host.used)
            for name, amount in server.resources.items():
                used[name] = used.get(name, 0) + sign * amount
            hosts[host.name] = dataclasses.replace(host, used=used)
        servers = {**cloud.servers, server.id: dataclasses.replace(
            server, host=target.name)}
        return model.Cloud.of(hosts.values(), servers.values(),
                              cloud.groups.values())


class HowTestCase(testtools.TestCase):

    def test_states(self):
        for status, expected in (
                ('ACTIVE', LIVE), ('PAUSED', LIVE),
                ('SHUTOFF', Action.COLD), ('SHELVED', ''),
                ('SHELVED_OFFLOADED', ''), ('SUSPENDED', ''),
                ('RESCUED', ''), ('ERROR', ''), ('VERIFY_RESIZE', ''),
                ('SOFT_DELETED', ''), ('DELETED', '')):
            found = balance.how(factory.server('a', status=status))
            self.assertEqual(expected, ''.join(found.ladder), status)
            self.assertTrue(found.reason)

    def test_busy(self):
        found = balance.how(factory.server('a', task_state='image_uploading'))
        self.assertEqual((Action.WAIT, LIVE), found.ladder)
        found = balance.how(factory.server('a', task_state='migrating'))
        self.assertEqual((Action.WAIT,), found.ladder)

    def test_not_stopped(self):
        """A server that is not stopped is it can only be moved live."""
        for values in ({'passthrough': True}, {'power_state': 4},
                       {'power_state': 6}):
            for flag in (True, False):
                found = balance.how(factory.server('a', **values),
                                    options.Options(allow_off_vm=flag))
                self.assertEqual((), found.ladder, values)
                self.assertTrue(found.reason)

    def test_reasons(self):
        for values, reason in (
                ({}, 'it runs'), ({'status': 'SHUTOFF'}, 'it does not run'),
                ({'status': 'SHELVED'}, 'it is shelved: its snapshot is '
                 'kept'),
                ({'power_state': 4}, 'it cannot be moved live: repair it, or '
                 'stop it')):
            self.assertEqual(reason, balance.how(
                factory.server('a', **values)).reason)
