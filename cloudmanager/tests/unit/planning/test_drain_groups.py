# SPDX-License-Identifier: Apache-2.0
"""Drain plans: server groups."""

import typing

from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import base
from cloudmanager.tests.unit.planning import factory


class GroupTestCase(base.PlanTestCase):
    def plan_group(
        self,
        group: model.Group,
        servers: list[model.Server],
        *names: str,
        **flags: typing.Any,
    ) -> plan.Plan:
        cloud = factory.cloud(base.hosts(*names), servers, [group])
        return self.make(cloud, **flags)

    def test_anti_affinity_on_the_projection(self) -> None:
        group = model.Group('g', model.ANTI_AFFINITY, frozenset('abc'))
        cloud = factory.cloud(
            [
                factory.host('s1'),
                factory.host('s2'),
                factory.host('b'),
                factory.host('c', used={'VCPU': 8}),
                factory.host('d', used={'VCPU': 12}),
            ],
            [
                factory.server('a', 's1'),
                factory.server('b', 's2'),
                factory.server('c', 'b'),
            ],
            [group],
        )
        made = self.make(cloud, ['s1', 's2'])
        self.assertEqual({'c', 'd'}, set(made.destinations.values()))

    def test_anti_affinity_blocker(self) -> None:
        group = model.Group('g', model.ANTI_AFFINITY, frozenset('ab'))
        servers = [factory.server('a'), factory.server('b', 'b')]
        made = self.plan_group(group, servers, 'b')
        self.assertEqual('anti-affinity', self.code(made))

    def test_max_server_per_host(self) -> None:
        group = model.Group(
            'g',
            model.ANTI_AFFINITY,
            frozenset('abc'),
            {'max_server_per_host': 2},
        )
        servers = [
            factory.server('a'),
            factory.server('b'),
            factory.server('c', 'b'),
        ]
        made = self.plan_group(group, servers, 'b')
        self.assertEqual(1, len(made.destinations))

    def test_in_flight_member_counts_where_it_goes(self) -> None:
        group = model.Group('g', model.ANTI_AFFINITY, frozenset('ab'))
        servers = [
            factory.server('a'),
            factory.server('b', task_state='migrating'),
        ]
        made = self.plan_group(
            group, servers, 'b', 'c', in_flight={'b': 'b'}
        )
        self.assertEqual({'a': 'c'}, made.destinations)

    def test_affinity_moves_as_one(self) -> None:
        group = model.Group('g', model.AFFINITY, frozenset('abc'))
        servers = [factory.server(name, vcpus=4) for name in 'abc']
        cloud = factory.cloud(
            [
                factory.host('src'),
                factory.host('small', vcpus=8),
                factory.host('large', used={'VCPU': 4}),
            ],
            servers,
            [group],
        )
        made = self.make(cloud)
        self.assertEqual({'large'}, set(made.destinations.values()))
        forced = [item.id for item in made.servers if item.force]
        self.assertEqual(['a'], forced)
        self.assertEqual('a', made.servers[0].id)
        self.assertIn('affinity-force', [b.code for b in made.warnings])

    def test_affinity_goes_where_members_are(self) -> None:
        group = model.Group('g', model.AFFINITY, frozenset('ab'))
        servers = [factory.server('a'), factory.server('b', 'c')]
        made = self.plan_group(group, servers, 'b', 'c')
        self.assertEqual({'a': 'c'}, made.destinations)
        self.assertFalse(made.servers[0].force)

    def test_affinity_stays_with_a_member_that_stays(self) -> None:
        group = model.Group('g', model.AFFINITY, frozenset('ab'))
        servers = [factory.server('a'), factory.server('b', status='ERROR')]
        made = self.plan_group(group, servers, 'b')
        self.assertEqual({}, made.destinations)
        self.assertEqual('affinity', self.code(made))
        self.assertIn('name-b', self.entry(made, 'a').blockers[0].text)

    def test_affinity_that_cannot_be_forced(self) -> None:
        """Nova forces live migrations only, and not by default."""
        group = model.Group('g', model.AFFINITY, frozenset('ab'))
        off = [factory.server(name, status='SHUTOFF') for name in 'ab']
        made = self.plan_group(group, off, 'b')
        self.assertEqual('affinity', self.code(made))
        on = [factory.server(name) for name in 'ab']
        made = self.plan_group(group, on, 'b', force_affinity=False)
        self.assertEqual('affinity', self.code(made))
        self.assertFalse(made.feasible)

    def test_forced_first_is_never_moved_cold(self) -> None:
        """Where no host takes the first live, the group stays."""
        group = model.Group('g', model.AFFINITY, frozenset('ab'))
        cloud = factory.cloud(
            [
                factory.host('src', hypervisor_version=9),
                factory.host('b', hypervisor_version=8),
            ],
            [factory.server('a'), factory.server('b')],
            [group],
        )
        made = self.make(cloud, allow_off_vm=True)
        self.assertEqual({}, made.destinations)
        self.assertEqual('no-legal-host', self.code(made))

    def test_affinity_first_is_one_that_can_be_forced(self) -> None:
        group = model.Group('g', model.AFFINITY, frozenset('ab'))
        servers = [
            factory.server('a', status='SHUTOFF', memory=8192),
            factory.server('b'),
        ]
        made = self.plan_group(group, servers, 'b')
        self.assertEqual(['b', 'a'], [item.id for item in made.servers])
        self.assertTrue(made.servers[0].force)

    def test_soft_policies_are_a_preference(self) -> None:
        for policy, count in (
            (model.SOFT_AFFINITY, 1),
            (model.SOFT_ANTI_AFFINITY, 2),
        ):
            with self.subTest(policy=policy):
                group = model.Group('g', policy, frozenset('ab'))
                servers = [factory.server(name) for name in 'ab']
                made = self.plan_group(group, servers, 'b', 'c')
                self.assertEqual(count, len(set(made.destinations.values())))
                made = self.plan_group(group, servers, 'b')
                self.assertTrue(made.feasible)
