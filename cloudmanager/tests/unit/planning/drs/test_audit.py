# SPDX-License-Identifier: Apache-2.0

import dataclasses
import random
import unittest
from unittest import mock

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import audit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import picture
from cloudmanager.planning.drs import settings as drs_settings
from cloudmanager.tests.unit.planning import factory
from cloudmanager.tests.unit.planning.drs import validator

SETTINGS = drs_settings.Settings()
SMALL = dataclasses.replace(SETTINGS, source_floor=0.0)


def servers(host, number, prefix='', **values):
    return [factory.server(f'{prefix or host}-{count}', host, **values)
            for count in range(number)]


class AuditTestCase(unittest.TestCase):
    """Hosts have 16 CPUs and 16 GiB, servers one of each."""

    def audit(self, hosts, found, groups=(), **values):
        cloud = factory.cloud(hosts, found, list(groups))
        names = values.pop('names', cloud.hosts)
        made = audit.make(cloud, names, **{'settings': SETTINGS, **values})
        self.assertEqual([], validator.faults(
            cloud, made, names, values.get('settings', SETTINGS)))
        return made

    def test_balances(self):
        made = self.audit([factory.host('a'), factory.host('b')],
                          servers('a', 12))
        self.assertEqual({'a'}, {move.source for move in made.moves})
        for name in ('VCPU', 'MEMORY_MB'):
            self.assertEqual(0.375, made.before.deviations[name])
            self.assertLessEqual(made.after.deviations[name], 0.05)
        # Two more would be possible, and are not needed.
        self.assertEqual(6, len(made.moves))
        self.assertIn('CPU of a from 75% to 69%, of b from 0% to 6%',
                      made.moves[0].reason)
        self.assertEqual(({}, ()), (made.hot, made.warnings))

    def test_equal(self):
        """FD16: nothing to gain is an answer."""
        made = self.audit([factory.host('a'), factory.host('b')],
                          [*servers('a', 5), *servers('b', 5)])
        self.assertEqual((), made.moves)
        self.assertIn('No beneficial move', made.conclusion)
        self.assertIn('within the threshold', made.conclusion)

    def test_full_target(self):
        """DS1: a target that would be full is none."""
        made = self.audit(
            [factory.host('a'), factory.host('b', vcpus=4, memory=4096)],
            [*servers('a', 14), *servers('b', 2)],
            settings=dataclasses.replace(SETTINGS, threshold=0.01))
        # One more is 75 % there; the next would fill it to 100 %.
        self.assertEqual(1, len(made.moves))
        self.assertIn('without room', made.hot['a'])

    def test_no_inversion(self):
        """DS4: the target never gets as hot as the source was."""
        made = self.audit([factory.host('a'), factory.host('b')],
                          [factory.server('big', 'a', vcpus=12,
                                          memory=12288)])
        self.assertEqual((), made.moves)
        self.assertIn('1 server worth less than its move costs',
                      made.hot['a'])
        self.assertIn('No beneficial move', made.conclusion)

    def test_allocated_target(self):
        """DS6: a host that is used little but allocated is no target."""
        use = load.Use(
            hosts={'a': {'VCPU': 15.0, 'MEMORY_MB': 9000.0},
                   'b': {'VCPU': 1.0, 'MEMORY_MB': 1000.0}},
            servers={f'a-{number}': {'VCPU': 1.2, 'MEMORY_MB': 700.0}
                     for number in range(12)})
        made = self.audit(
            [factory.host('a'), factory.host('b')],
            [*servers('a', 12), *servers('b', 14)], use=use)
        self.assertEqual((), made.moves)
        self.assertIn('without room', made.hot['a'])

    def test_used_target(self):
        """The other way round: allocated little, but busy."""
        use = load.Use(
            hosts={'a': {'VCPU': 4.0, 'MEMORY_MB': 12000.0},
                   'b': {'VCPU': 15.0, 'MEMORY_MB': 8000.0}},
            servers={f'a-{number}': {'VCPU': 0.3, 'MEMORY_MB': 900.0}
                     for number in range(12)})
        made = self.audit(
            [factory.host('a'), factory.host('b')],
            [*servers('a', 12), *servers('b', 2)], use=use)
        self.assertNotIn('b', {move.target for move in made.moves})

    def test_use_decides(self):
        """Equal allocations, unequal use."""
        use = load.Use(
            hosts={'a': {'VCPU': 12.0, 'MEMORY_MB': 6000.0},
                   'b': {'VCPU': 1.0, 'MEMORY_MB': 6000.0}},
            servers={**{f'a-{number}': {'VCPU': 2.0, 'MEMORY_MB': 1000.0}
                        for number in range(6)},
                     **{f'b-{number}': {'VCPU': 0.1, 'MEMORY_MB': 1000.0}
                        for number in range(6)}})
        made = self.audit([factory.host('a'), factory.host('b')],
                          [*servers('a', 6), *servers('b', 6)], use=use)
        self.assertTrue(made.moves)
        self.assertLess(made.after.deviations['VCPU'],
                        made.before.deviations['VCPU'] / 2)

    def test_use_of_some(self):
        """A host whose use is not known is left out, not the use."""
        use = load.Use(hosts={'a': {'VCPU': 9.0}, 'b': {'VCPU': 1.0},
                              'c': {'MEMORY_MB': 1.0}})
        made = self.audit(
            [factory.host('a'), factory.host('b'), factory.host('c')],
            [*servers('a', 6), *servers('b', 6)], use=use)
        self.assertEqual(['a', 'b'], list(made.before.hosts))
        self.assertTrue(made.moves)
        self.assertLessEqual({move.target for move in made.moves},
                             {'a', 'b'})
        self.assertIn('host c is left out: its use of CPU is not known',
                      made.warnings)

    def test_use_of_one_resource(self):
        """What is measured of no host is balanced by allocation."""
        use = load.Use(hosts={'a': {'VCPU': 9.0}, 'b': {'VCPU': 1.0}})
        made = self.audit([factory.host('a'), factory.host('b')],
                          [*servers('a', 6), *servers('b', 6)], use=use)
        self.assertTrue(made.moves)
        self.assertIn('the use of memory is hardly measured, so it is '
                      'balanced by what is allocated', made.warnings)

    def test_floor(self):
        """Hosts with little load lose no servers."""
        made = self.audit([factory.host('a', vcpus=64, memory=65536),
                           factory.host('b', vcpus=64, memory=65536)],
                          servers('a', 12))
        self.assertEqual((), made.moves)
        self.assertIn('below the load', made.hot['a'])

    def test_minimum_gain(self):
        settings = dataclasses.replace(SETTINGS, minimum_gain=0.2)
        made = self.audit([factory.host('a'), factory.host('b')],
                          servers('a', 12), settings=settings)
        self.assertEqual((), made.moves)

    def test_cost(self):
        """What takes long to move must bring more."""
        settings = dataclasses.replace(SETTINGS, network=0.1)
        made = self.audit([factory.host('a'), factory.host('b')],
                          servers('a', 12), settings=settings)
        # 10240 s at a load of 0.1, for a gain of 0.125 in an hour.
        self.assertEqual((), made.moves)

    def test_writes_too_fast(self):
        made = self.audit(
            [factory.host('a'), factory.host('b')], servers('a', 12),
            use=load.Use(dirty={f'a-{number}': 100.0
                                for number in range(12)}))
        self.assertEqual((), made.moves)
        self.assertIn('writing memory faster', made.hot['a'])

    def test_cap(self):
        settings = dataclasses.replace(SETTINGS, max_moves=2)
        made = self.audit([factory.host('a'), factory.host('b')],
                          servers('a', 12), settings=settings)
        self.assertEqual(2, len(made.moves))
        self.assertIn('no more moves', made.hot['a'])
        self.assertIn('not within the threshold yet', made.conclusion)

    def test_disabled(self):
        """DS16: without moves that may be made there are none."""
        settings = dataclasses.replace(SETTINGS, max_moves=0)
        made = self.audit([factory.host('a'), factory.host('b')],
                          servers('a', 12), settings=settings)
        self.assertEqual((), made.moves)

    def test_other_aggregates(self):
        """Hosts of no interest, and those in fewer aggregates, get none."""
        made = self.audit(
            [factory.host('a', aggregates=frozenset('12')),
             factory.host('b', aggregates=frozenset('1')),
             factory.host('c', aggregates=frozenset('12'))],
            servers('a', 12), names=('a', 'b'))
        self.assertEqual((), made.moves)
        self.assertIn('not in all aggregates', made.hot['a'])

    def test_out_of_use(self):
        made = self.audit(
            [factory.host('a'), factory.host('b', enabled=False),
             factory.host('c', up=False), factory.host('d', reserved=True),
             factory.host('e', maintenance=True)], servers('a', 12))
        self.assertEqual((), made.moves)
        self.assertEqual(
            [f'host {name} is left out: {why}' for name, why in (
                ('b', 'disabled'), ('c', 'down'), ('d', 'reserved'),
                ('e', 'in maintenance'))], list(made.warnings))

    def test_traits(self):
        made = self.audit(
            [factory.host('a', traits=frozenset({'T'})), factory.host('b')],
            servers('a', 12, required_traits=frozenset({'T'})))
        self.assertEqual((), made.moves)
        self.assertIn('lacks trait T', made.hot['a'])

    def test_affinity(self):
        """DS17: servers that belong together are not torn apart."""
        found = servers('a', 12)
        made = self.audit(
            [factory.host('a'), factory.host('b')], found,
            [model.Group('g', model.AFFINITY,
                         frozenset(one.id for one in found))])
        self.assertEqual((), made.moves)
        self.assertIn('12 servers kept by an affinity group', made.hot['a'])

    def test_anti_affinity(self):
        made = self.audit(
            [factory.host('a'), factory.host('b')],
            [*servers('a', 12), factory.server('other', 'b')],
            [model.Group('g', model.ANTI_AFFINITY,
                         frozenset({'a-0', 'other'}))])
        self.assertNotIn('a-0', {move.server_id for move in made.moves})
        self.assertTrue(made.moves)

    def test_soft_anti_affinity(self):
        """Soft groups are a cost: others are moved instead."""
        made = self.audit(
            [factory.host('a'), factory.host('b')],
            [*servers('a', 12), factory.server('other', 'b')],
            [model.Group('g', model.SOFT_ANTI_AFFINITY,
                         frozenset({'a-0', 'other'}))])
        self.assertTrue(made.moves)
        self.assertNotIn('a-0', {move.server_id for move in made.moves})

    def test_ignored(self):
        settings = dataclasses.replace(
            SETTINGS, ignored=('metadata:balance=never', 'tag:fixed'))
        found = [
            *servers('a', 6, metadata={'balance': 'never'}),
            *servers('a', 6, 'tagged', tags=frozenset({'fixed'}))]
        made = self.audit([factory.host('a'), factory.host('b')], found,
                          settings=settings)
        self.assertEqual((), made.moves)
        self.assertIn('6 servers not moved by rule tag:fixed',
                      made.hot['a'])

    def test_states(self):
        made = self.audit(
            [factory.host('a'), factory.host('b')],
            [*servers('a', 4, status='SUSPENDED'),
             *servers('a', 4, 'busy', task_state='rebooting'),
             *servers('a', 4, 'off', status='SHUTOFF')])
        self.assertEqual({'cold-migrate'},
                         {move.action for move in made.moves})
        self.assertIn('8 servers in a state', made.hot['a'])

    def test_resting(self):
        made = self.audit(
            [factory.host('a'), factory.host('b')], servers('a', 12),
            resting={f'a-{number}': 60.0 for number in range(12)})
        self.assertEqual((), made.moves)
        self.assertIn('12 servers moved not long ago', made.hot['a'])

    def test_spreads(self):
        """Anchor 19: what leaves goes to all hosts, not to one."""
        made = self.audit([factory.host(name) for name in 'abcd'],
                          servers('a', 14))
        self.assertEqual({'b', 'c', 'd'},
                         {move.target for move in made.moves})

    def swap(self, cpus, pause=None):
        """Two large servers on one side and two of medium size opposite."""
        return self.audit(
            [factory.host('a', vcpus=cpus, memory=32768),
             factory.host('b', vcpus=cpus, memory=32768)],
            [factory.server('a-0', 'a', vcpus=7),
             factory.server('a-1', 'a', vcpus=7),
             factory.server('b-0', 'b', vcpus=4),
             factory.server('b-1', 'b', vcpus=4)],
            resting=dict.fromkeys(pause or (), 60.0))

    def test_swap(self):
        """No single move helps; two servers change places."""
        made = self.swap(20)
        self.assertEqual({('a', 'b'), ('b', 'a')}, {
            (move.source, move.target) for move in made.moves})
        self.assertEqual(0.0, made.after.deviations['VCPU'])
        self.assertIn('changes places with server', made.moves[0].reason)
        self.assertEqual({0}, {move.stage for move in made.moves})

    def test_swap_in_order(self):
        """DS5: a move that needs the room of another one waits for it."""
        made = self.swap(17)
        self.assertEqual([('b', 0), ('a', 1)], [
            (move.target, move.stage) for move in made.moves])

    def test_no_swap(self):
        """Neither can go first, or one of them must not be moved."""
        for made in (self.swap(16), self.swap(20, ('b-0', 'b-1'))):
            self.assertEqual((), made.moves)
            self.assertTrue(made.hot['a'])

    def opposite(self, third):
        """Two full hosts, one of CPUs and one of memory, and a third one."""
        found = []
        for host, size in (('a', (4, 1)), ('b', (1, 4))):
            for number, (vcpus, memory) in enumerate(
                    [size] * 3 + [(1, 1)] * 2):
                found.append(factory.server(
                    f'{host}-{number}', host, vcpus=vcpus,
                    memory=1024 * memory))
        return self.audit(
            [factory.host(name) for name in 'abc'],
            [*found, *servers('c', 2, vcpus=third, memory=1024 * third)])

    def test_swap_through_third(self):
        """Neither can go first, so a third host takes a small one first."""
        made = self.opposite(5)
        first, *pair = made.moves[:3]
        self.assertEqual(('c', 0), (first.target, first.stage))
        self.assertIn('makes room', first.reason)
        self.assertEqual([('a', 'b', 1), ('b', 'a', 2)], sorted(
            (move.source, move.target, move.stage) for move in pair))
        for move in pair:
            self.assertIn('for which host c makes room', move.reason)
        self.assertLess(made.after.deviations['VCPU'],
                        made.before.deviations['VCPU'] / 2)

    def test_third_is_full(self):
        self.assertEqual((), self.opposite(7).moves)

    def test_swaps_through_third(self):
        """Full hosts of all kinds: what is made is safe at every step."""
        through = 0
        for seed in range(150):
            rng = random.Random(seed)  # noqa: S311
            sizes = dict.fromkeys('abcd', (rng.choice((1, 2)),) * 2)
            large, count = rng.choice(((4, 3), (3, 4), (6, 2)))
            sizes['a'], sizes['b'] = (large, 1), (1, large)
            found = []
            for host, (vcpus, memory) in sizes.items():
                small = rng.choice((1, 2))
                number = (count if host in 'ab'
                          else rng.randint(6, 10) // vcpus)
                for size in [(vcpus, memory)] * number + [(1, 1)] * small:
                    found.append(factory.server(
                        f's{len(found)}', host, vcpus=size[0],
                        memory=1024 * size[1]))
            made = self.audit([factory.host(name) for name in sizes], found)
            through += sum('makes room' in move.reason
                           for move in made.moves)
        self.assertGreater(through, 4)

    def hot(self, rounds, *earlier):
        """An audit of one host that is hot, and was or was not before."""
        return self.audit(
            [factory.host('a'), factory.host('b')], servers('a', 12),
            settings=dataclasses.replace(SETTINGS, rounds=rounds),
            earlier=[{'a': {'VCPU': load, 'MEMORY_MB': 0.5},
                      'b': {'VCPU': 0.5, 'MEMORY_MB': 0.5}}
                     for load in earlier])

    def test_rounds(self):
        """A host loses servers once it was hot for several audits."""
        for rounds, earlier, moves in (
                (1, (), True), (2, (), False), (2, (0.6,), True),
                (2, (0.4, 0.6), False), (3, (0.6,), False),
                (3, (0.6, 0.4), False), (3, (0.6, 0.6), True)):
            made = self.hot(rounds, *earlier)
            self.assertEqual(moves, bool(made.moves), (rounds, earlier))
            if not moves:
                self.assertIn(f'not yet for {rounds} audits in a row',
                              made.hot['a'])

    def test_new_host(self):
        """One that earlier audits did not know is not hot for long."""
        made = self.audit(
            [factory.host('a'), factory.host('b')], servers('a', 12),
            settings=dataclasses.replace(SETTINGS, rounds=2),
            earlier=[{'b': {'VCPU': 0.5, 'MEMORY_MB': 0.5}}])
        self.assertEqual((), made.moves)

    def measured(self, **values):
        """Six servers each; those of a are busy."""
        return load.Use(
            hosts={'a': {'VCPU': 10.0, 'MEMORY_MB': 6000.0},
                   'b': {'VCPU': 1.0, 'MEMORY_MB': 6000.0}},
            servers={**{f'a-{number}': {'VCPU': 1.6, 'MEMORY_MB': 1000.0}
                        for number in range(6)},
                     **{f'b-{number}': {'VCPU': 0.1, 'MEMORY_MB': 1000.0}
                        for number in range(6)}}, **values)

    def use(self, use, **values):
        return self.audit([factory.host('a'), factory.host('b')],
                          [*servers('a', 6), *servers('b', 6)], use=use,
                          **values)

    def test_peaks(self):
        """DS4: what the target needs at times decides, not its average."""
        self.assertTrue(self.use(self.measured()).moves)
        made = self.use(self.measured(host_peaks={'b': {'VCPU': 14.0}}))
        self.assertEqual((), made.moves)
        self.assertIn('without room', made.hot['a'])
        made = self.use(self.measured(server_peaks={
            f'a-{number}': {'VCPU': 14.0} for number in range(6)}))
        self.assertEqual((), made.moves)

    def test_pressure(self):
        """What waits for memory already gets no more servers."""
        made = self.use(self.measured(
            pressure={'b': {'MEMORY_MB': 0.3, 'VCPU': 0.1}}))
        self.assertEqual((), made.moves)
        self.assertIn('waiting for memory (30% of the time)', made.hot['a'])
        self.assertIn('host b gets no servers: it waits for memory (30% of '
                      'the time)', made.warnings)
        self.assertTrue(self.use(self.measured(
            pressure={'b': {'MEMORY_MB': 0.2}})).moves)

    def test_pressure_below_floor(self):
        """One that has to wait may lose servers though its load is low."""
        settings = dataclasses.replace(SETTINGS, source_floor=0.9)
        self.assertEqual((), self.use(self.measured(),
                                      settings=settings).moves)
        self.assertTrue(self.use(self.measured(
            pressure={'a': {'VCPU': 0.5}}), settings=settings).moves)

    def test_unknown_servers(self):
        """What nobody measured is a part of what its host uses."""
        use = self.measured(ages={'a': 12.3456, 'b': 0.0})
        for number in range(6):
            del use.servers[f'a-{number}']
        made = self.use(use)
        self.assertTrue(made.moves)
        # A sixth of 10, or one CPU at most, as that is all that it has.
        self.assertAlmostEqual(
            made.before.hosts['a']['VCPU'] - 0.7 / 16 - 0.3 / 16,
            round((0.7 * 9 + 0.3 * 5) / 16, 4), places=3)
        self.assertIn('the use of 6 servers is not known', made.warnings[0])
        self.assertEqual({'a': 12.3, 'b': 0.0}, made.before.ages)

    def test_unknown_server_needs_room(self):
        """It may need all that it has where it comes to."""
        use = self.measured(host_peaks={'b': {'VCPU': 13.6}})
        for number in range(6):
            use.servers[f'a-{number}'] = {'VCPU': 0.5, 'MEMORY_MB': 1000.0}
        self.assertTrue(self.use(use).moves)
        for number in range(6):
            del use.servers[f'a-{number}']['VCPU']
        self.assertEqual((), self.use(use).moves)

    def test_silent_host(self):
        """It is told, and its use is not taken as none."""
        reason = 'CPU was measured 900 s ago last'
        made = self.use(load.Use(
            hosts={'a': {'VCPU': 10.0, 'MEMORY_MB': 6000.0}},
            missing={'b': reason}))
        self.assertEqual((), made.moves)
        self.assertIn(f'host b is left out: {reason}', made.warnings)
        self.assertIn('not two hosts', made.conclusion)
        # So it is when the source knows of no host at all.
        made = self.use(load.Use(missing={'a': reason, 'b': reason}))
        self.assertEqual((), made.moves)
        self.assertEqual(2, len(made.warnings))

    def test_one_host(self):
        made = self.audit([factory.host('a')], servers('a', 12))
        self.assertIn('not two hosts', made.conclusion)

    def test_unknown_host(self):
        made = self.audit([factory.host('a')], servers('a', 12),
                          names=('a', 'gone'))
        self.assertIn('Nova has no such compute', made.warnings[0])

    def test_ranked(self):
        """Servers that cannot bring more are left out; moves are the same."""
        moved = 0
        for seed in range(40):
            rng = random.Random(seed)  # noqa: S311
            hosts = [factory.host(f'h{number}', vcpus=rng.choice((64, 96)),
                                  memory=65536) for number in range(6)]
            found = [factory.server(
                f's{number}', f'h{rng.choice((0, 0, 0, 1, 2))}',
                vcpus=rng.randint(1, 3), memory=rng.randint(256, 2048))
                for number in range(30)]
            cloud = factory.cloud(hosts, found, [])
            made = []
            for most in (picture.MOST_KINDS, 0):
                with mock.patch.object(picture, 'MOST_KINDS', most):
                    made.append(audit.make(cloud, cloud.hosts,
                                           settings=SMALL).moves)
            self.assertEqual(made[1], made[0], f'seed {seed}')
            moved += len(made[0])
        self.assertGreater(moved, 100)

    def test_random(self):
        """No host over capacity, no group broken, nothing made worse."""
        moved = 0
        for seed in range(150):
            cloud = factory.random_cloud(seed)
            rng = random.Random(seed)  # noqa: S311
            settings = dataclasses.replace(
                SMALL, max_moves=rng.choice((1, 5, 50)),
                minimum_gain=rng.choice((0.0, 0.01)),
                max_load=rng.choice((0.9, 1.0)))
            made = audit.make(cloud, cloud.hosts, settings=settings)
            self.assertEqual([], validator.faults(
                cloud, made, cloud.hosts, settings), f'seed {seed}')
            worse = sum(value ** 2 for value
                        in made.after.deviations.values())
            self.assertLessEqual(worse, sum(
                value ** 2 for value in made.before.deviations.values())
                + 1e-3, f'seed {seed}')
            self.assertTrue(made.conclusion)
            moved += len(made.moves)
        self.assertGreater(moved, 100)
