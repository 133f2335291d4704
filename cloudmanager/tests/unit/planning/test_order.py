# SPDX-License-Identifier: Apache-2.0
"""What may start while what is under way."""

import collections
import dataclasses
import random
import time
import unittest

from cloudmanager.planning import drain
from cloudmanager.planning import order
from cloudmanager.tests.unit.planning import factory


def item(
    id_: str,
    source: str = 's',
    destination: str | None = 'd',
    group: str | None = None,
    priority: int = 0,
    size: int = 0,
) -> order.Item:
    return order.Item(id_, source, destination, group, priority, size)


class OrderTestCase(unittest.TestCase):
    def ids(self, found: list[order.Item]) -> list[str]:
        return [entry.id for entry in found]

    def test_limits(self) -> None:
        waiting = [
            item('a', 's1', 'd1'),
            item('b', 's1', 'd2'),
            item('c', 's2', 'd1'),
            item('e', 's2', None),
        ]
        rows = (
            (order.Limits(), 'abce'),
            (order.Limits(total=2), 'ab'),
            (order.Limits(per_source=1), 'ac'),
            (order.Limits(per_destination=1), 'abe'),
            (order.Limits(total=3, per_source=1), 'ac'),
        )
        for limits, expected in rows:
            with self.subTest(limits=limits):
                found = order.next_items(waiting, [], limits)
                self.assertEqual(list(expected), self.ids(found))

    def test_what_is_under_way_counts(self) -> None:
        running = [item('r', 's1', 'd1', 'g')]
        waiting = [
            item('r', 's1', 'd1', 'g'),
            item('a', 's1', 'd2'),
            item('b', 's2', 'd1'),
            item('c', 's2', 'd2', 'g'),
            item('e', 's2', 'd2'),
        ]
        limits = order.Limits(per_source=1, per_destination=1)
        found = order.next_items(waiting, running, limits)
        self.assertEqual(['e'], self.ids(found))

    def test_dr1_a_limit_is_not_a_total(self) -> None:
        """DR1: with 5 at a time all 40 start in the end."""
        waiting = [item(str(number)) for number in range(40)]
        slots, done = order.Slots(order.Limits(total=5)), []
        while waiting or len(slots):
            started = slots.next_items(waiting)
            waiting = [entry for entry in waiting if entry not in started]
            self.assertLessEqual(len(slots), 5)
            done.append(slots.running[0].id)
            slots.finish(done[-1])
        self.assertEqual(40, len(done))

    def test_dr19_one_member_of_a_group_at_a_time(self) -> None:
        """DR19: never two members of a group in flight; order is kept."""
        slots = order.Slots(order.Limits())
        waiting = [item(str(n), group='g') for n in range(4)] + [item('x')]
        self.assertEqual(['0', 'x'], self.ids(slots.next_items(waiting)))
        self.assertEqual([], slots.next_items(waiting[1:4]))
        slots.finish('0')
        self.assertEqual(['1'], self.ids(slots.next_items(waiting[1:4])))

    def test_dr19_group_order_is_kept_when_the_first_is_held(self) -> None:
        """DR19: a forced first member is not overtaken by the second."""
        slots = order.Slots(
            order.Limits(per_source=1), [item('r', 's1', 'd9')]
        )
        waiting = [item('1', 's1', 'd', 'g'), item('2', 's2', 'd', 'g')]
        self.assertEqual([], slots.next_items(waiting))

    def test_dr28_a_free_slot_is_refilled_at_once(self) -> None:
        """DR28: no lock-step: one ends, one begins."""
        waiting = [item(str(number)) for number in range(10)]
        slots = order.Slots(order.Limits(total=4))
        started = slots.next_items(waiting)
        slots.finish('2')
        found = slots.next_items(waiting[len(started):])
        self.assertEqual(['4'], self.ids(found))

    def test_adopted_moves_may_be_above_the_limit(self) -> None:
        slots = order.Slots(
            order.Limits(total=1), [item('a'), item('b'), item('a')]
        )
        self.assertEqual(2, len(slots))
        slots.finish('a')
        self.assertTrue(slots.full)
        slots.finish('unknown')
        slots.finish('b')
        self.assertFalse(slots.full)

    def test_sort(self) -> None:
        found = order.sort(
            [
                item('a', size=1),
                item('b', size=2),
                item('c', priority=1),
                item('d', size=2),
            ]
        )
        self.assertEqual(list('cbda'), self.ids(found))

    def test_items_of_a_plan(self) -> None:
        cloud = factory.cloud(
            [factory.host('src'), factory.host('b')],
            [factory.server('a', metadata={'recovery_priority': '9'})],
        )
        entry = drain.plan_evacuation(cloud, 'src').servers[0]
        self.assertEqual(
            item('a', 'src', 'b', None, 9, 1024),
            order.Item.of(entry, by_priority=True),
        )
        self.assertEqual(0, order.Item.of(entry).priority)
        member = dataclasses.replace(entry, group_id='g')
        self.assertEqual('g', order.Item.of(member).group_id)

    def test_nothing_is_said(self) -> None:
        self.assertEqual(item('a', 's', None), order.Item('a', 's'))

    def test_random_runs_hold_every_limit(self) -> None:
        """DR19 and the limits, in runs with random ends."""
        for seed in range(50):
            with self.subTest(seed=seed):
                self._run(random.Random(seed))  # noqa: S311

    def _run(self, rng: random.Random) -> None:
        limits = order.Limits(
            rng.randint(1, 6), rng.randint(1, 3), rng.randint(1, 3)
        )
        waiting = [
            item(
                str(number),
                f's{rng.randint(0, 2)}',
                rng.choice(('d0', 'd1', 'd2', None)),
                rng.choice((None, None, 'g0', 'g1')),
            )
            for number in range(60)
        ]
        slots, rounds = order.Slots(limits), 0
        while waiting or len(slots):
            rounds += 1
            self.assertLess(rounds, 1000)
            started = slots.next_items(waiting)
            waiting = [entry for entry in waiting if entry not in started]
            self._hold(slots, limits)
            slots.finish(rng.choice(slots.running).id)

    def _hold(self, slots: order.Slots, limits: order.Limits) -> None:
        running = slots.running
        self.assertLessEqual(len(running), limits.total)
        for most, names in (
            (limits.per_source, [i.source for i in running]),
            (limits.per_destination, [i.destination for i in running]),
            (1, [i.group_id for i in running]),
        ):
            counts = collections.Counter(name for name in names if name)
            self.assertLessEqual(max(counts.values(), default=0), most)

    def test_ten_thousand_waiting_take_one_pass(self) -> None:
        waiting = [item(str(number), f's{number}') for number in range(10000)]
        slots = order.Slots(order.Limits(per_destination=2))
        start = time.perf_counter()
        self.assertEqual(2, len(slots.next_items(waiting)))
        self.assertLess(time.perf_counter() - start, 1.0)
