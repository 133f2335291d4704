# SPDX-License-Identifier: Apache-2.0
"""Plans for dead hosts."""

import typing
import unittest

from cloudmanager.planning import drain
from cloudmanager.planning import options
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import factory
from cloudmanager.tests.unit.planning import validator


def dead_cloud(
    servers: list[model.Server],
    groups: list[model.Group] | None = None,
    *names: str,
    **kwargs: typing.Any,
) -> model.Cloud:
    return factory.cloud(
        [
            factory.host('src', up=False, enabled=False),
            *(factory.host(name, **kwargs) for name in names or ('b',)),
        ],
        servers,
        groups,
    )


class EvacuationTestCase(unittest.TestCase):
    def make(self, cloud: model.Cloud, **flags: typing.Any) -> plan.Plan:
        chosen = options.Options(**flags)
        made = drain.plan_evacuation(cloud, 'src', chosen)
        self.assertEqual([], validator.check(cloud, made, chosen))
        return made

    def test_priority_then_size(self) -> None:
        def server(id_: str, priority: str, memory: int) -> model.Server:
            metadata = {'recovery_priority': priority}
            return factory.server(id_, metadata=metadata, memory=memory)

        made = self.make(
            dead_cloud(
                [
                    server('low', '1', 4096),
                    server('ten', '10', 1024),
                    server('never', '0', 1024),
                    server('bad', 'x', 1024),
                    factory.server('big', memory=2048),
                ]
            )
        )
        self.assertEqual(
            ['ten', 'big', 'bad', 'low', 'never'],
            [item.id for item in made.servers],
        )
        self.assertEqual('skip', made.servers[-1].action)
        codes = {b.code: b.servers for b in made.warnings}
        self.assertEqual(('never',), codes['priority-zero'])
        self.assertEqual(('bad',), codes['bad-priority'])
        self.assertTrue(made.feasible)

    def test_priority_key(self) -> None:
        cloud = dead_cloud([factory.server('a', metadata={'k': '0'})])
        self.assertEqual('evacuate', self.make(cloud).servers[0].action)
        made = self.make(cloud, priority_key='k')
        self.assertEqual('skip', made.servers[0].action)

    def test_scarce_room_goes_to_the_urgent(self) -> None:
        """A larger server of less priority does not take the room."""
        cloud = dead_cloud(
            [
                factory.server('a', vcpus=2),
                factory.server('b', vcpus=2),
                factory.server(
                    'first', vcpus=3, metadata={'recovery_priority': '10'}
                ),
            ],
            None,
            'b',
            vcpus=4,
        )
        made = self.make(cloud)
        self.assertEqual({'first'}, set(made.destinations))
        self.assertFalse(made.feasible)

    def test_reset_state_is_said(self) -> None:
        made = self.make(
            dead_cloud([factory.server('a', status='SUSPENDED')])
        )
        self.assertEqual('error', made.servers[0].reset_state)
        self.assertEqual('evacuate', made.servers[0].action)

    def test_ev15_rebuild_under_way_is_waited_for(self) -> None:
        """EV15: what is being rebuilt is watched, not begun again."""
        made = self.make(
            dead_cloud([factory.server('a', task_state='rebuilding')])
        )
        self.assertEqual(('wait', 'evacuate'), made.servers[0].ladder)

    def test_anti_affinity_and_affinity_hold(self) -> None:
        groups = [
            model.Group('anti', model.ANTI_AFFINITY, frozenset('ax')),
            model.Group('same', model.AFFINITY, frozenset('cd')),
        ]
        cloud = dead_cloud(
            [
                factory.server('a'),
                factory.server('x', 'b'),
                factory.server('c'),
                factory.server('d'),
            ],
            groups,
            'b',
            'c',
        )
        made = self.make(cloud)
        self.assertEqual('c', made.destinations['a'])
        self.assertEqual(made.destinations['c'], made.destinations['d'])
        self.assertTrue(made.feasible)

    def test_affine_member_left_behind_does_not_hold_the_others(self) -> None:
        """Rescue goes before the group: its host is dead anyway."""
        group = model.Group('same', model.AFFINITY, frozenset('cd'))
        cloud = dead_cloud(
            [factory.server('c'), factory.server('d', status='BUILD')],
            [group],
        )
        self.assertEqual({'c': 'b'}, self.make(cloud).destinations)

    def test_open_resize_is_a_warning(self) -> None:
        cloud = dead_cloud(
            [
                factory.server(
                    'a', 'b', status='VERIFY_RESIZE', resize_source='src'
                )
            ]
        )
        made = self.make(cloud)
        self.assertTrue(made.feasible)
        self.assertEqual(['open-migration'], [b.code for b in made.warnings])
