# SPDX-License-Identifier: Apache-2.0
"""Drain plans, case by case."""

import dataclasses
import json
import typing
import unittest

from cloudmanager.planning import drain, model, options, plan
from cloudmanager.tests.unit.planning import factory, validator


class PlanTestCase(unittest.TestCase):
    """Helpers: every plan made here is checked by the validator."""

    def plan(
        self,
        cloud: model.Cloud,
        sources: str | list[str] = 'src',
        **flags: typing.Any,
    ) -> plan.Plan:
        chosen = options.Options(**flags)
        made = drain.plan_drain(cloud, sources, chosen)
        walk = validator.check(cloud, made, chosen)
        self.assertEqual([], [f for f in walk if 'feasible' not in f])
        return made

    def entry(self, made: plan.Plan, server_id: str) -> plan.Entry:
        return next(item for item in made.servers if item.id == server_id)

    def code(self, made: plan.Plan, server_id: str = 'a') -> str:
        found = self.entry(made, server_id).blockers
        return found[0].code if found else ''


def hosts(*names: str, **kwargs: typing.Any) -> list[model.Host]:
    return [factory.host('src'), *(factory.host(n, **kwargs) for n in names)]


class TargetTestCase(PlanTestCase):
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
        made = self.plan(cloud, 'node1')
        self.assertEqual(['a'], [item.id for item in made.servers])
        for name in ('node', 'node1 ', 'Node1', 'node1.example'):
            with self.assertRaises(model.UnknownHost):
                drain.plan_drain(cloud, name)

    def test_dr4_all_seven_classified(self) -> None:
        """DR4: 3 ACTIVE, 2 SHUTOFF, 1 PAUSED, 1 ERROR, none overlooked."""
        states = ['ACTIVE'] * 3 + ['SHUTOFF'] * 2 + ['PAUSED', 'ERROR']
        cloud = factory.cloud(
            hosts('dst'),
            [
                factory.server(str(number), status=status)
                for number, status in enumerate(states)
            ],
        )
        made = self.plan(cloud)
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
        made = self.plan(cloud, 'host1')
        self.assertEqual({'host3'}, set(made.destinations.values()))

    def test_dr13_nothing_stopped_when_only_maintenance_is_left(self) -> None:
        """DR13: the server keeps running, and the text says what helps."""
        cloud = factory.cloud(
            [factory.host('src'), factory.host('m', maintenance=True)],
            [factory.server('a')],
        )
        made = self.plan(cloud)
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
                    {'a': 'busy'}, self.plan(cloud).destinations
                )

    def test_sources_are_no_targets_of_each_other(self) -> None:
        cloud = factory.cloud(
            [factory.host('s1'), factory.host('s2'), factory.host('dst')],
            [factory.server('a', 's1'), factory.server('b', 's2')],
        )
        made = self.plan(cloud, ['s1', 's2', 's1'])
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
                    {'a': 'right'}, self.plan(cloud).destinations
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
                    {'a': 'good'}, self.plan(cloud).destinations
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
        self.assertEqual('no-legal-host', self.code(self.plan(cloud)))
        made = self.plan(cloud, allow_off_vm=True)
        self.assertEqual('cold-migrate', self.entry(made, 'a').action)

    def test_no_zone_asked_for_any_zone_will_do(self) -> None:
        cloud = factory.cloud(
            [factory.host('src', zone='z1'), factory.host('b', zone='z2')],
            [factory.server('a')],
        )
        self.assertEqual({'a': 'b'}, self.plan(cloud).destinations)

    def test_exclude_avoid_refused(self) -> None:
        cloud = factory.cloud(hosts('b', 'c', 'd'), [factory.server('a')])
        rows: tuple[tuple[dict[str, typing.Any], str], ...] = (
            ({}, 'b'),
            ({'exclude_hosts': ['b']}, 'c'),
            ({'avoid_hosts': ['b', 'c']}, 'd'),
            ({'avoid_hosts': ['b', 'c', 'd']}, 'b'),
            ({'refused': {'a': ['b', 'c']}}, 'd'),
        )
        for flags, name in rows:
            with self.subTest(flags=flags):
                made = self.plan(cloud, **flags)
                self.assertEqual({'a': name}, made.destinations)

    def test_only_some_servers(self) -> None:
        cloud = factory.cloud(
            hosts('b'), [factory.server('a'), factory.server('b')]
        )
        made = drain.plan_drain(cloud, 'src', options.Options(only=['b']))
        self.assertEqual(['b'], [item.id for item in made.servers])


class RoomTestCase(PlanTestCase):
    def test_spreads_and_is_deterministic(self) -> None:
        cloud = factory.cloud(
            hosts('b', 'c', 'd'),
            [factory.server(f's{number}', vcpus=2) for number in range(9)],
        )
        made = self.plan(cloud)
        placed = list(made.destinations.values())
        self.assertEqual([3, 3, 3], [placed.count(n) for n in 'bcd'])
        again = model.Cloud.of(
            reversed(list(cloud.hosts.values())),
            reversed(list(cloud.servers.values())),
        )
        self.assertEqual(
            made.destinations, drain.plan_drain(again, 'src').destinations
        )

    def test_projects_earlier_moves(self) -> None:
        """Two that fit one by one do not fit together."""
        cloud = factory.cloud(
            hosts('b', vcpus=3),
            [factory.server('a', vcpus=2), factory.server('z', vcpus=2)],
        )
        made = self.plan(cloud)
        self.assertEqual(1, len(made.destinations))
        blocker = next(b for b in made.blockers if b.code == 'leave-set')
        self.assertEqual(1, len(blocker.servers))

    def test_shortage_is_named_on_the_nearest_host(self) -> None:
        cloud = factory.cloud(
            [
                factory.host('src'),
                factory.host('far', used={'VCPU': 16}),
                factory.host('near', used={'VCPU': 13}),
                factory.host('spare', enabled=False),
            ],
            [factory.server('a', vcpus=4)],
        )
        blocker = self.entry(self.plan(cloud), 'a').blockers[0]
        self.assertEqual('no-capacity', blocker.code)
        self.assertEqual('near', blocker.host)
        self.assertEqual((('VCPU', 1.0),), blocker.short)
        self.assertIn('spare (disabled)', blocker.text)

    def test_leaves_the_one_large_rather_than_two_small(self) -> None:
        cloud = factory.cloud(
            hosts('b', vcpus=4),
            [
                factory.server('big', vcpus=4),
                factory.server('s1', vcpus=2),
                factory.server('s2', vcpus=2),
            ],
        )
        made = self.plan(cloud)
        self.assertEqual({'s1', 's2'}, set(made.destinations))
        leave = next(b for b in made.blockers if b.code == 'leave-set')
        self.assertEqual(('big',), leave.servers)

    def test_sends_another_elsewhere_to_make_room(self) -> None:
        """The large one went where only the small one may go."""
        cloud = factory.cloud(
            [
                factory.host('src', zone='z'),
                factory.host('b', vcpus=4, zone='z'),
                factory.host('c', vcpus=4, used={'MEMORY_MB': 8192}),
            ],
            [
                factory.server('big', vcpus=3),
                factory.server('tied', vcpus=2, availability_zone='z'),
            ],
        )
        made = self.plan(cloud)
        self.assertEqual({'big': 'c', 'tied': 'b'}, made.destinations)

    def test_dr11_refuses_above_the_headroom(self) -> None:
        """DR11: rest at 85 % of RAM; a limit of 90 % keeps it from OOM."""
        cloud = factory.cloud(
            hosts('b', 'c', used={'MEMORY_MB': 13926}),
            [factory.server(f's{n}', memory=1024) for n in range(4)],
        )
        made = self.plan(cloud, max_projected_usage=0.9)
        self.assertFalse(made.feasible)
        self.assertEqual({}, made.destinations)
        self.assertEqual('headroom', self.code(made, 's0'))

    def test_dr11_warns_with_the_projection_of_each_target(self) -> None:
        """DR11: the load is spread and each target above 90 % is named."""
        cloud = factory.cloud(
            hosts('b', 'c', used={'MEMORY_MB': 13926}),
            [factory.server(f's{n}', memory=1024) for n in range(4)],
        )
        made = self.plan(cloud)
        self.assertTrue(made.feasible)
        warned = [b.host for b in made.warnings if b.code == 'target-usage']
        self.assertEqual(['b', 'c'], warned)
        for target in made.targets:
            self.assertEqual(0.85, target.before['MEMORY_MB'])
            self.assertEqual(0.975, target.after['MEMORY_MB'])

    def test_dr11_memory_beyond_what_is_there_is_warned_of(self) -> None:
        """DR11: overcommitted memory fits Placement and may still OOM."""
        inventory = {'MEMORY_MB': model.Inventory(16384, 0, 1.5)}
        cloud = factory.cloud(
            hosts('b', inventory=inventory, used={'MEMORY_MB': 16000}),
            [factory.server('a')],
        )
        codes = [item.code for item in self.plan(cloud).warnings]
        self.assertIn('memory-overcommit', codes)

    def test_dr17_passthrough_is_listed_before_the_start(self) -> None:
        """DR17: said beforehand; goes cold to a host with such a device."""
        gpu = {'VGPU': model.Inventory(1)}
        cloud = factory.cloud(
            [
                factory.host('src', inventory=gpu),
                factory.host('plain'),
                factory.host('gpu', inventory=gpu, used={'VCPU': 12}),
            ],
            [factory.server('a', resources={'VGPU': 1})],
        )
        self.assertEqual('passthrough', self.code(self.plan(cloud)))
        made = self.plan(cloud, allow_off_vm=True)
        entry = self.entry(made, 'a')
        self.assertEqual('gpu', entry.destination)
        self.assertEqual('cold-migrate', entry.action)
        self.assertIn('will be stopped', entry.reason)

    def test_waiting_servers_have_their_place_kept(self) -> None:
        cloud = factory.cloud(
            hosts('b'), [factory.server('a', task_state='rebooting')]
        )
        entry = self.entry(self.plan(cloud), 'a')
        self.assertEqual('wait', entry.action)
        self.assertEqual(('wait', 'live-migrate'), entry.ladder)
        self.assertEqual('b', entry.destination)


class GroupTestCase(PlanTestCase):
    def plan_group(
        self,
        group: model.Group,
        servers: list[model.Server],
        *names: str,
        **flags: typing.Any,
    ) -> plan.Plan:
        cloud = factory.cloud(hosts(*names), servers, [group])
        return self.plan(cloud, **flags)

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
        made = self.plan(cloud, ['s1', 's2'])
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
        made = self.plan(cloud)
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


class AnswerTestCase(PlanTestCase):
    def test_to_dict_is_json(self) -> None:
        cloud = factory.cloud(
            hosts('b', vcpus=2),
            [
                factory.server('a', vcpus=2),
                factory.server('b', vcpus=2),
                factory.server('c', status='ERROR'),
            ],
        )
        made = self.plan(cloud)
        answer = json.loads(json.dumps(made.to_dict()))
        self.assertEqual(made.to_dict(), answer)
        self.assertEqual('src', answer['host'])
        self.assertEqual('drain', answer['action'])
        self.assertFalse(answer['feasible'])
        for key in (
            'id',
            'name',
            'status',
            'action',
            'destination',
            'fits',
            'reason',
            'blockers',
            'priority',
        ):
            self.assertIn(key, answer['servers'][0])
        self.assertEqual(0.0, answer['targets'][0]['before']['VCPU'])
        self.assertEqual(1.0, answer['targets'][0]['after']['VCPU'])

    def test_empty_host(self) -> None:
        made = self.plan(factory.cloud(hosts(), []))
        self.assertTrue(made.feasible)
        self.assertEqual((), made.servers)

    def test_open_resize_blocks(self) -> None:
        cloud = factory.cloud(
            hosts('b'),
            [
                factory.server(
                    'a', 'b', status='VERIFY_RESIZE', resize_source='src'
                )
            ],
        )
        made = drain.plan_drain(cloud, 'src')
        self.assertEqual(['open-migration'], [b.code for b in made.blockers])
        self.assertFalse(made.feasible)

    def test_order_large_first_evacuation_last(self) -> None:
        cloud = factory.cloud(
            hosts('b'),
            [
                factory.server('err', status='ERROR', memory=8192),
                factory.server('small'),
                factory.server('large', memory=4096),
                factory.server('gone', status='SHELVED_OFFLOADED'),
            ],
        )
        made = self.plan(cloud, allow_evacuate=True)
        self.assertEqual(
            ['large', 'small', 'err', 'gone'],
            [item.id for item in made.servers],
        )

    def test_plan_changes_nothing_of_the_cloud(self) -> None:
        cloud = factory.random_cloud(7, fill=0.8)
        before = {
            name: dataclasses.asdict(host)
            for name, host in cloud.hosts.items()
        }
        for name in cloud.hosts:
            drain.plan_drain(cloud, name)
        after = {
            name: dataclasses.asdict(host)
            for name, host in cloud.hosts.items()
        }
        self.assertEqual(before, after)
