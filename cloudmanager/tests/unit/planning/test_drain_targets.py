# SPDX-License-Identifier: Apache-2.0
"""Drain plans: which hosts may be targets."""

import typing

from cloudmanager.planning import drain
from cloudmanager.planning import options
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import base
from cloudmanager.tests.unit.planning import factory


class TargetTestCase(base.PlanTestCase):
    def test_dr2_neighbours_in_name_stay_untouched(self) -> None:
        """DR2: draining node1 moves nothing of node10 and node11."""
        cloud = factory.cloud(
            [factory.host(name) for name in ('node1', 'node10', 'node11')],
            [
                factory.server('a', 'node1'),
                factory.server('b', 'node10'),
                factory.server('c', 'node11'),
            ],
        )
        made = self.make(cloud, 'node1')
        self.assertEqual(['a'], [item.id for item in made.servers])
        for name in ('node', 'node1 ', 'Node1', 'node1.example'):
            with self.assertRaises(model.UnknownHost):
                drain.plan_drain(cloud, name)

    def test_dr4_all_seven_classified(self) -> None:
        """DR4: 3 ACTIVE, 2 SHUTOFF, 1 PAUSED, 1 ERROR, none overlooked."""
        states = ['ACTIVE'] * 3 + ['SHUTOFF'] * 2 + ['PAUSED', 'ERROR']
        cloud = factory.cloud(
            base.hosts('dst'),
            [
                factory.server(str(number), status=status)
                for number, status in enumerate(states)
            ],
        )
        made = self.make(cloud)
        actions = sorted((item.status, item.action) for item in made.servers)
        self.assertEqual(
            [
                *[('ACTIVE', 'live-migrate')] * 3,
                ('ERROR', 'blocked'),
                ('PAUSED', 'live-migrate'),
                *[('SHUTOFF', 'cold-migrate')] * 2,
            ],
            actions,
        )
        self.assertFalse(made.feasible)
        self.assertEqual(['error'], [item.code for item in made.blockers])
        self.assertEqual(('6',), made.blockers[0].servers)

    def test_dr13_hosts_in_maintenance_are_no_targets(self) -> None:
        """DR13: host2 and host4 in maintenance, host3 takes all."""
        cloud = factory.cloud(
            [
                factory.host('host1'),
                factory.host('host2', maintenance=True),
                factory.host('host3', used={'VCPU': 8}),
                factory.host('host4', maintenance=True),
            ],
            [factory.server('a', 'host1'), factory.server('b', 'host1')],
        )
        made = self.make(cloud, 'host1')
        self.assertEqual({'host3'}, set(made.destinations.values()))

    def test_dr13_nothing_stopped_when_only_maintenance_is_left(self) -> None:
        """DR13: the server keeps running, and the text says what helps."""
        cloud = factory.cloud(
            [factory.host('src'), factory.host('m', maintenance=True)],
            [factory.server('a')],
        )
        made = self.make(cloud)
        entry = self.entry(made, 'a')
        self.assertIsNone(entry.destination)
        self.assertNotIn('cold-migrate', entry.ladder)
        self.assertEqual('no-legal-host', entry.blockers[0].code)
        self.assertIn('m (in maintenance)', entry.blockers[0].text)

    def test_dr26_disabled_down_reserved_are_no_targets(self) -> None:
        """DR26: what an operator took out of use stays out of use."""
        rows: tuple[dict[str, typing.Any], ...] = (
            {'enabled': False},
            {'up': False},
            {'reserved': True},
        )
        for row in rows:
            with self.subTest(row=row):
                cloud = factory.cloud(
                    [
                        factory.host('src'),
                        factory.host('out', **row),
                        factory.host('busy', used={'VCPU': 15}),
                    ],
                    [factory.server('a')],
                )
                self.assertEqual(
                    {'a': 'busy'}, self.make(cloud).destinations
                )

    def test_sources_are_no_targets_of_each_other(self) -> None:
        cloud = factory.cloud(
            [factory.host('s1'), factory.host('s2'), factory.host('dst')],
            [factory.server('a', 's1'), factory.server('b', 's2')],
        )
        made = self.make(cloud, ['s1', 's2', 's1'])
        self.assertEqual({'dst'}, set(made.destinations.values()))
        self.assertEqual(('s1', 's2'), made.hosts)

    def test_legal_targets(self) -> None:
        """What a host must be for the server, one property at a time."""
        rows: tuple[tuple[dict[str, typing.Any], dict[str, typing.Any]], ...]
        rows = (
            ({'availability_zone': 'z1'}, {'zone': 'z1'}),
            ({'required_traits': frozenset('T')}, {'traits': frozenset('T')}),
            (
                {'required_aggregates': (frozenset('12'), frozenset('3'))},
                {'aggregates': frozenset('23')},
            ),
            ({'resources': {'CUSTOM_X': 1}}, {
                'inventory': {'CUSTOM_X': model.Inventory(1)}
            }),
        )
        for wants, has in rows:
            with self.subTest(wants=wants):
                cloud = factory.cloud(
                    [
                        factory.host('src', **has),
                        factory.host('empty'),
                        factory.host('right', used={'VCPU': 12}, **has),
                    ],
                    [factory.server('a', **wants)],
                )
                self.assertEqual(
                    {'a': 'right'}, self.make(cloud).destinations
                )

    def test_forbidden_trait_cell_and_older_hypervisor(self) -> None:
        rows: tuple[dict[str, typing.Any], ...] = (
            {'traits': frozenset('T')},
            {'cell': 'c2'},
            {'hypervisor_version': 7},
        )
        for row in rows:
            with self.subTest(row=row):
                kind: dict[str, typing.Any] = {
                    'cell': 'c1',
                    'hypervisor_version': 8,
                }
                cloud = factory.cloud(
                    [
                        factory.host('src', **kind),
                        factory.host('bad', **{**kind, **row}),
                        factory.host('good', used={'VCPU': 12}, **kind),
                    ],
                    [factory.server('a', forbidden_traits=frozenset('T'))],
                )
                self.assertEqual(
                    {'a': 'good'}, self.make(cloud).destinations
                )

    def test_ladder_goes_on_where_live_has_no_host(self) -> None:
        """An older hypervisor takes it cold where that is allowed."""
        cloud = factory.cloud(
            [
                factory.host('src', hypervisor_version=8),
                factory.host('old', hypervisor_version=7),
            ],
            [factory.server('a')],
        )
        self.assertEqual('no-legal-host', self.code(self.make(cloud)))
        made = self.make(cloud, allow_off_vm=True)
        self.assertEqual('cold-migrate', self.entry(made, 'a').action)

    def test_no_zone_asked_for_any_zone_will_do(self) -> None:
        cloud = factory.cloud(
            [factory.host('src', zone='z1'), factory.host('b', zone='z2')],
            [factory.server('a')],
        )
        self.assertEqual({'a': 'b'}, self.make(cloud).destinations)

    def test_exclude_avoid_refused(self) -> None:
        cloud = factory.cloud(base.hosts('b', 'c', 'd'), [factory.server('a')])
        rows: tuple[tuple[dict[str, typing.Any], str], ...] = (
            ({}, 'b'),
            ({'exclude_hosts': ['b']}, 'c'),
            ({'avoid_hosts': ['b', 'c']}, 'd'),
            ({'avoid_hosts': ['b', 'c', 'd']}, 'b'),
            ({'refused': {'a': ['b', 'c']}}, 'd'),
        )
        for flags, name in rows:
            with self.subTest(flags=flags):
                made = self.make(cloud, **flags)
                self.assertEqual({'a': name}, made.destinations)

    def test_only_some_servers(self) -> None:
        cloud = factory.cloud(
            base.hosts('b'), [factory.server('a'), factory.server('b')]
        )
        made = drain.plan_drain(cloud, 'src', options.Options(only=['b']))
        self.assertEqual(['b'], [item.id for item in made.servers])
