# SPDX-License-Identifier: Apache-2.0
"""The order in which hosts are restarted."""

import random

from cloudmanager.planning import options as opts
from cloudmanager.planning import projection
from cloudmanager.planning import rolling_restart
from cloudmanager.planning.cloud import model
from cloudmanager.tests import base
from cloudmanager.tests.unit.planning import factory
from cloudmanager.tests.unit.planning import validator


def even(hosts=4, servers=4, **kwargs):
    """Hosts with the same number of equal servers each."""
    names = [f'h{number}' for number in range(hosts)]
    return factory.cloud(
        [factory.host(name, **kwargs) for name in names],
        [factory.server(f'{name}-{number}', on=name)
         for name in names for number in range(servers)])


class ProjectTestCase(base.TestCase):

    def test_amounts_and_places(self):
        cloud = factory.cloud(
            [factory.host('a'), factory.host('b')],
            [factory.server('s1', on='a', vcpus=2),
             factory.server('s2', on='a'), factory.server('s3', on='b')])
        (choice,) = [rolling_restart.choose(cloud, ['a'])]
        after = projection.apply(cloud, choice.plan)
        self.assertEqual({'s1', 's2', 's3'}, {
            server.id for server in after.servers_on('b')})
        self.assertEqual(4, after.hosts['b'].used['VCPU'])
        self.assertEqual(0, after.hosts['a'].used['VCPU'])
        self.assertEqual(3, cloud.hosts['a'].used['VCPU'])


class ChooseTestCase(base.TestCase):

    def test_emptiest_first(self):
        cloud = factory.cloud(
            [factory.host(name) for name in 'abc'],
            [factory.server('a1', on='a'), factory.server('a2', on='a'),
             factory.server('b1', on='b'),
             factory.server('c1', on='c'), factory.server('c2', on='c')])
        choice = rolling_restart.choose(cloud, ['a', 'b', 'c'])
        self.assertEqual(('b', True, 1),
                         (choice.host, choice.fits, choice.again))

    def test_onto_what_was_restarted(self):
        """Among pending hosts the one whose servers need no second move."""
        cloud = factory.cloud(
            [factory.host('done'), factory.host('a'),
             factory.host('b', traits=frozenset({'T'}))],
            [factory.server('a1', on='a', memory=2048),
             factory.server('b1', on='b',
                            forbidden_traits=frozenset({'X'}))])
        choice = rolling_restart.choose(cloud, ['a', 'b'])
        self.assertEqual(0, choice.again)
        self.assertEqual({'b1': 'done'}, choice.plan.destinations)

    def test_none_beside_a_running_one(self):
        """RR12: no more at a time than the others can carry."""
        cloud = even(hosts=3, servers=8)
        self.assertTrue(rolling_restart.choose(cloud, ['h0', 'h1', 'h2']).fits)
        self.assertIsNone(rolling_restart.choose(cloud, ['h1', 'h2'], ['h0']))

    def test_blocked_alone_is_told(self):
        cloud = even(hosts=2, servers=10)
        choice = rolling_restart.choose(cloud, ['h0', 'h1'])
        self.assertFalse(choice.fits)
        self.assertTrue(choice.plan.blockers)

    def test_nothing_pending(self):
        self.assertIsNone(rolling_restart.choose(even(), []))

    def test_short_already(self):
        """RR7: hosts that are down without us count."""
        cloud = factory.cloud(
            [factory.host('ours', up=False), factory.host('down', up=False),
             factory.host('off', up=False, enabled=False),
             factory.host('well')], [])
        self.assertEqual({'down': 'down', 'off': 'down'},
                         rolling_restart.unavailable(cloud, ['ours']))

    def test_out_of_use(self):
        """FD17: whoever took them out of use."""
        cloud = model.Cloud.of(
            [factory.host('disabled', enabled=False), factory.host('well'),
             factory.host('reserve', reserved=True)], [])
        self.assertEqual({'disabled': 'disabled', 'reserve': 'reserved'},
                         rolling_restart.unavailable(cloud))


class SimulateTestCase(base.TestCase):

    def test_one_at_a_time(self):
        """Only the servers of the first host move twice, at most."""
        found = rolling_restart.simulate(even(4, 4), ['h0', 'h1', 'h2', 'h3'])
        self.assertEqual([1] * 4, [len(wave.hosts) for wave in found.waves])
        self.assertEqual({'h0', 'h1', 'h2', 'h3'}, {
            wave.hosts[0] for wave in found.waves})
        again = found.to_dict()['moved_again']
        self.assertLessEqual(len(again), 4)
        self.assertTrue(found.to_dict()['feasible'])

    def test_a_free_host_saves_all_second_moves(self):
        cloud = factory.cloud(
            [factory.host(f'h{number}') for number in range(3)]
            + [factory.host('spare')],
            [factory.server(f'h{number}-{index}', on=f'h{number}')
             for number in range(3) for index in range(4)])
        found = rolling_restart.simulate(cloud, ['h0', 'h1', 'h2'])
        self.assertEqual([], found.to_dict()['moved_again'])
        self.assertEqual(12, found.to_dict()['moves'])

    def test_as_many_as_there_is_room_for(self):
        """RR12: the limit is one bound, the room another."""
        found = rolling_restart.simulate(
            even(4, 8), [f'h{n}' for n in range(4)], limit=4)
        self.assertEqual(2, max(len(wave.hosts) for wave in found.waves))
        found = rolling_restart.simulate(
            even(4, 0), [f'h{n}' for n in range(4)], limit=3)
        self.assertEqual([3, 1], [len(wave.hosts) for wave in found.waves])

    def blocked(self, **kwargs):
        cloud = factory.cloud(
            [factory.host(name) for name in 'abc'],
            [factory.server('a1', on='a', passthrough=True),
             factory.server('b1', on='b'), factory.server('b2', on='b'),
             factory.server('c1', on='c'), factory.server('c2', on='c')])
        return rolling_restart.simulate(cloud, ['a', 'b', 'c'], **kwargs)

    def test_stops_at_a_blocked_one(self):
        """RR2: what cannot be emptied is named; the roll stops there."""
        found = self.blocked()
        self.assertEqual(['a'], [item.host for item in found.blocked])
        self.assertFalse(found.to_dict()['feasible'])
        self.assertIn('a1', [entry.id for entry in
                             found.blocked[0].plan.servers
                             if not entry.fits])

    def test_answer(self):
        """What is blocked, and all keys of a dry run."""
        found = self.blocked()
        answer = found.to_dict()
        self.assertEqual(
            ([{'host': 'a', 'plan': found.blocked[0].plan.to_dict()}], False),
            (answer['blocked'], answer['feasible']))
        found = rolling_restart.simulate(even(2, 1), ['h0'])
        self.assertEqual(
            {'action': 'restart', 'hosts': ['h0'], 'feasible': True,
             'waves': [{'hosts': ['h0'],
                        'plan': found.waves[0].plan.to_dict()}],
             'blocked': [], 'left': [], 'moves': 1, 'returned': [],
             'moved_again': []},
            found.to_dict())

    def test_servers_come_back(self):
        """No wave finds servers of an earlier one on its hosts."""
        hosts = ['h0', 'h1', 'h2']
        found = rolling_restart.simulate(even(3, 2), hosts, and_back=True)
        self.assertEqual([2, 2, 2], [
            len(wave.plan.servers) for wave in found.waves])
        answer = found.to_dict()
        self.assertEqual((12, []), (answer['moves'], answer['moved_again']))
        self.assertEqual(sorted(server for wave in found.waves
                                for server in wave.plan.destinations),
                         answer['returned'])

    def test_skips_a_blocked_one(self):
        found = self.blocked(max_failures=1)
        self.assertEqual((['a'], ()), (
            [item.host for item in found.blocked], found.left))
        self.assertEqual({'b', 'c'}, {
            wave.hosts[0] for wave in found.waves})

    def test_random_clouds(self):
        """Every wave's plan is legal in the cloud that it finds."""
        for seed in range(20):
            cloud = factory.random_cloud(seed, hosts=8)
            hosts = random.Random(seed).sample(sorted(cloud.hosts), 4)
            found = rolling_restart.simulate(
                cloud, hosts, limit=2, max_failures=4)
            placed = [host for wave in found.waves for host in wave.hosts]
            placed += [item.host for item in found.blocked]
            self.assertEqual(sorted(hosts), sorted(placed))
            for wave in found.waves:
                self.assertEqual([], validator.check(
                    cloud, wave.plan, opts.DEFAULT))
                cloud = projection.apply(cloud, wave.plan)
