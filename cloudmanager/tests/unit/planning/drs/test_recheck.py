# SPDX-License-Identifier: Apache-2.0

import dataclasses
import unittest

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import recheck
from cloudmanager.tests.unit.planning import factory

HOSTS = ('a', 'b')
MOVES = [recheck.Planned('s0', 'a', 'b', 'live-migrate'),
         recheck.Planned('s1', 'a', 'b', 'live-migrate', 1)]


class RecheckTestCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.hosts = [factory.host('a'), factory.host('b')]
        self.servers = [factory.server(f's{number}', 'a')
                        for number in range(3)]
        self.before = self.picture()

    def cloud(self, groups=()):
        return factory.cloud(self.hosts, self.servers, list(groups))

    def picture(self):
        return recheck.picture(self.cloud(), HOSTS)

    def change(self, number, **values):
        self.servers[number] = dataclasses.replace(
            self.servers[number], **values)

    def differences(self, **moved):
        now = self.picture()
        found = recheck.differences(self.before, now, moved)
        same = recheck.fingerprint(now) == recheck.fingerprint(self.before)
        if not moved:
            self.assertEqual(same, not found)
        return found

    def problems(self, groups=()):
        return recheck.problems(self.cloud(groups), HOSTS, MOVES)

    def test_same(self):
        self.assertEqual([], self.differences())
        self.assertEqual({}, self.problems())

    def test_server_moved(self):
        self.change(0, host='b')
        self.assertEqual(['server name-s0 (s0) is on b, not on a'],
                         self.differences())
        self.assertEqual({'s0': 'it is on b, not on a'}, self.problems())

    def test_own_move(self):
        """What the plan itself has moved is no change."""
        self.change(0, host='b')
        self.assertEqual([], self.differences(s0='b'))

    def test_server_left(self):
        del self.servers[0]
        self.assertEqual(['server name-s0 (s0) has left'],
                         self.differences())
        self.assertIn('not in the aggregate', self.problems()['s0'])

    def test_server_came(self):
        self.servers.append(factory.server('new', 'b'))
        self.assertEqual(['server name-new (new) has come to b'],
                         self.differences())
        self.assertEqual({}, self.problems())

    def test_resized(self):
        self.change(2, resources={'VCPU': 4})
        self.assertIn('another size', self.differences()[0])

    def test_stopped(self):
        """The state counts for what is moved, not for the rest."""
        self.change(0, status='SHUTOFF')
        self.change(2, status='SHUTOFF')
        self.assertEqual([], self.differences())
        found = self.problems()
        self.assertEqual({'s0'}, set(found))
        self.assertIn('cold-migrate', found['s0'])

    def test_locked_up(self):
        self.change(0, status='SUSPENDED')
        self.assertIn('in a state', self.problems()['s0'])

    def test_host_disabled(self):
        self.hosts[1] = factory.host('b', enabled=False)
        self.assertEqual(['host b is disabled'], self.differences())
        self.assertEqual({'s0', 's1'}, set(self.problems()))

    def test_source_down(self):
        self.hosts[0] = factory.host('a', up=False)
        self.assertIn('its host a is down', self.problems()['s0'])

    def test_hosts_of_aggregate(self):
        cloud = self.cloud()
        less = recheck.picture(cloud, ('a',))
        self.assertEqual(
            ['host b has left the aggregate'],
            recheck.differences(self.before, less, {}))
        self.assertEqual(
            ['host b has come into the aggregate'],
            recheck.differences(less, self.before, {}))

    def test_capacity(self):
        self.hosts[1] = factory.host('b', vcpus=4)
        self.assertEqual(['host b has another capacity'],
                         self.differences())

    def test_no_room(self):
        """Moves count one after the other."""
        self.hosts[1] = factory.host('b', vcpus=2, memory=2048,
                                     used={'MEMORY_MB': 0})
        found = recheck.problems(self.cloud(), HOSTS, MOVES)
        self.assertEqual({'s1'}, set(found))
        self.assertIn('without room', found['s1'])

    def test_group(self):
        group = model.Group('g', model.ANTI_AFFINITY,
                            frozenset({'s0', 's1'}))
        found = self.problems([group])
        self.assertEqual({'s1'}, set(found))
        self.assertIn('policy of its group', found['s1'])
