# SPDX-License-Identifier: Apache-2.0
"""Drain plans: room, load and the answer."""

import dataclasses
import json
import typing

from cloudmanager.planning import drain
from cloudmanager.planning import options
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import base
from cloudmanager.tests.unit.planning import factory


class RoomTestCase(base.PlanTestCase):
    def test_spreads_and_is_deterministic(self) -> None:
        cloud = factory.cloud(
            base.hosts('b', 'c', 'd'),
            [factory.server(f's{number}', vcpus=2) for number in range(9)],
        )
        made = self.make(cloud)
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
            base.hosts('b', vcpus=3),
            [factory.server('a', vcpus=2), factory.server('z', vcpus=2)],
        )
        made = self.make(cloud)
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
        blocker = self.entry(self.make(cloud), 'a').blockers[0]
        self.assertEqual('no-capacity', blocker.code)
        self.assertEqual('near', blocker.host)
        self.assertEqual((('VCPU', 1.0),), blocker.short)
        self.assertIn('spare (disabled)', blocker.text)

    def test_leaves_the_one_large_rather_than_two_small(self) -> None:
        cloud = factory.cloud(
            base.hosts('b', vcpus=4),
            [
                factory.server('big', vcpus=4),
                factory.server('s1', vcpus=2),
                factory.server('s2', vcpus=2),
            ],
        )
        made = self.make(cloud)
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
        made = self.make(cloud)
        self.assertEqual({'big': 'c', 'tied': 'b'}, made.destinations)

    def test_dr11_refuses_above_the_headroom(self) -> None:
        """DR11: rest at 85 % of RAM; a limit of 90 % keeps it from OOM."""
        cloud = factory.cloud(
            base.hosts('b', 'c', used={'MEMORY_MB': 13926}),
            [factory.server(f's{n}', memory=1024) for n in range(4)],
        )
        made = self.make(cloud, max_projected_usage=0.9)
        self.assertFalse(made.feasible)
        self.assertEqual({}, made.destinations)
        self.assertEqual('headroom', self.code(made, 's0'))

    def test_dr11_warns_with_the_projection_of_each_target(self) -> None:
        """DR11: the load is spread and each target above 90 % is named."""
        cloud = factory.cloud(
            base.hosts('b', 'c', used={'MEMORY_MB': 13926}),
            [factory.server(f's{n}', memory=1024) for n in range(4)],
        )
        made = self.make(cloud)
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
            base.hosts('b', inventory=inventory, used={'MEMORY_MB': 16000}),
            [factory.server('a')],
        )
        codes = [item.code for item in self.make(cloud).warnings]
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
        self.assertEqual('passthrough', self.code(self.make(cloud)))
        made = self.make(cloud, allow_off_vm=True)
        entry = self.entry(made, 'a')
        self.assertEqual('gpu', entry.destination)
        self.assertEqual('cold-migrate', entry.action)
        self.assertIn('will be stopped', entry.reason)

    def test_waiting_servers_have_their_place_kept(self) -> None:
        cloud = factory.cloud(
            base.hosts('b'), [factory.server('a', task_state='rebooting')]
        )
        entry = self.entry(self.make(cloud), 'a')
        self.assertEqual('wait', entry.action)
        self.assertEqual(('wait', 'live-migrate'), entry.ladder)
        self.assertEqual('b', entry.destination)


class AnswerTestCase(base.PlanTestCase):
    def test_to_dict_is_json(self) -> None:
        cloud = factory.cloud(
            base.hosts('b', vcpus=2),
            [
                factory.server('a', vcpus=2),
                factory.server('b', vcpus=2),
                factory.server('c', status='ERROR'),
            ],
        )
        made = self.make(cloud)
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
        made = self.make(factory.cloud(base.hosts(), []))
        self.assertTrue(made.feasible)
        self.assertEqual((), made.servers)

    def test_open_resize_blocks(self) -> None:
        cloud = factory.cloud(
            base.hosts('b'),
            [
                factory.server(
                    'a', 'b', status='VERIFY_RESIZE', resize_source='src'
                )
            ],
        )
        made = drain.plan_drain(cloud, 'src')
        (blocker,) = made.blockers
        self.assertEqual(('open-migration', ('a',)),
                         (blocker.code, blocker.servers))
        self.assertFalse(made.feasible)
        (entry,) = made.servers
        self.assertEqual(
            ('src', 'blocked', None, False),
            (entry.host, entry.action, entry.destination, entry.fits),
        )
        self.assertIn('it is on b now', entry.reason)
        self.assertEqual([], list(made.targets))

    def half(self, name: str, **values: typing.Any) -> model.Server:
        return factory.server(
            name, 'b', status='VERIFY_RESIZE', resize_source='src', **values
        )

    def test_open_resizes_are_one_blocker(self) -> None:
        cloud = factory.cloud(
            base.hosts('b'), [self.half('a'), self.half('c')]
        )
        (blocker,) = drain.plan_drain(cloud, 'src').blockers
        self.assertEqual(('a', 'c'), blocker.servers)

    def test_resize_under_way_is_awaited(self) -> None:
        """One that is being reverted comes back by itself."""
        cloud = factory.cloud(
            base.hosts('b'), [self.half('a', task_state='resize_reverting')]
        )
        made = drain.plan_drain(cloud, 'src')
        self.assertTrue(made.feasible)
        self.assertEqual('wait', made.servers[0].action)

    def test_open_resizes_elsewhere(self) -> None:
        """Off another host, or to a host that is emptied as well."""
        cloud = factory.cloud(
            base.hosts('b', 'c'), [self.half('a')]
        )
        self.assertEqual((), drain.plan_drain(cloud, 'c').servers)
        made = drain.plan_drain(cloud, ['src', 'b'])
        self.assertEqual(['b'], [entry.host for entry in made.servers])

    def test_open_resize_is_not_among_those_asked_for(self) -> None:
        cloud = factory.cloud(
            base.hosts('b'), [self.half('a'), factory.server('v')]
        )
        made = drain.plan_drain(
            cloud, 'src', options.Options(only=frozenset('v'))
        )
        self.assertEqual(['v'], [entry.id for entry in made.servers])

    def test_order_large_first_evacuation_last(self) -> None:
        cloud = factory.cloud(
            base.hosts('b'),
            [
                factory.server('err', status='ERROR', memory=8192),
                factory.server('small'),
                factory.server('large', memory=4096),
                factory.server('gone', status='SHELVED_OFFLOADED'),
            ],
        )
        made = self.make(cloud, allow_evacuate=True)
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
