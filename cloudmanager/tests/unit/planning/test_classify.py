# SPDX-License-Identifier: Apache-2.0
"""Every state of a server by every set of flags, as tables."""

import typing
import unittest

from cloudmanager.planning import classify
from cloudmanager.planning import options
from cloudmanager.tests.unit.planning import factory

PLAIN = options.Options()
OFF = options.Options(allow_off_vm=True)
ALL = options.Options(allow_off_vm=True, allow_evacuate=True)
NO_LIVE = options.Options(allow_live=False)
LIVE, COLD, EVAC = 'live-migrate', 'cold-migrate', 'evacuate'

#: status, then the ladder with no flag, with allow_off_vm, with all.
DRAIN: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    ('ACTIVE', ((LIVE,), (LIVE, COLD), (LIVE, COLD, EVAC))),
    ('PAUSED', ((LIVE,), (LIVE,), (LIVE, EVAC))),
    ('SHUTOFF', ((COLD,), (COLD,), (COLD, EVAC))),
    ('SUSPENDED', ((), (), (EVAC,))),
    ('RESCUE', ((), (), (EVAC,))),
    ('RESCUED', ((), (), (EVAC,))),
    ('ERROR', ((), (), (EVAC,))),
    ('VERIFY_RESIZE', ((), (), (EVAC,))),
    ('SHELVED', (('shelve-offload',),) * 3),
    ('SHELVED_OFFLOADED', (('skip',),) * 3),
    ('DELETED', (('skip',),) * 3),
    ('SOFT_DELETED', ((), (), ())),
    ('UNKNOWN', ((), (), ())),
    ('SOMETHING_NEW', ((), (), ())),
    ('BUILD', (('wait', LIVE), ('wait', LIVE, COLD), ('wait', LIVE, COLD))),
    ('REBOOT', (('wait', LIVE), ('wait', LIVE, COLD), ('wait', LIVE, COLD, EVAC))),  # noqa: E501
    ('MIGRATING', (('wait',),) * 3),
    ('RESIZE', (('wait',),) * 3),
    ('REVERT_RESIZE', (('wait',),) * 3),
)

#: status, task, action, reset_state when its host is dead.
EVACUATION = (
    ('ACTIVE', None, EVAC, ''),
    ('SHUTOFF', None, EVAC, ''),
    ('ERROR', None, EVAC, ''),
    ('PAUSED', None, EVAC, 'error'),
    ('SUSPENDED', None, EVAC, 'error'),
    ('RESCUE', None, EVAC, 'error'),
    ('VERIFY_RESIZE', None, EVAC, 'error'),
    ('SHELVED', None, EVAC, 'error'),
    ('SHELVED_OFFLOADED', None, 'skip', ''),
    ('SOFT_DELETED', None, 'skip', ''),
    ('DELETED', None, 'skip', ''),
    ('BUILD', 'spawning', 'blocked', ''),
    ('UNKNOWN', None, 'blocked', ''),
    ('REBOOT', 'rebooting', EVAC, ''),
    ('MIGRATING', 'migrating', EVAC, ''),
    ('ACTIVE', 'deleting', 'skip', ''),
    ('REBUILD', 'rebuilding', 'wait', ''),
)


class DrainTestCase(unittest.TestCase):
    def test_dr4_every_status_has_a_row(self) -> None:
        """DR4: each state is classified, none falls through."""
        for status, ladders in DRAIN:
            for flags, ladder in zip((PLAIN, OFF, ALL), ladders, strict=True):
                with self.subTest(status=status, flags=flags):
                    server = factory.server('a', status=status)
                    choice = classify.drain_choice(server, flags)
                    self.assertEqual(ladder, choice.ladder)
                    self.assertEqual(not ladder, bool(choice.blockers))
                    self.assertTrue(choice.reason)

    def test_dr14_no_stop_without_allow_off_vm(self) -> None:
        """DR14: nothing that runs is stopped unless that is allowed."""
        for status, _ in DRAIN:
            if status == 'SHUTOFF':
                continue
            choice = classify.drain_choice(
                factory.server('a', status=status), PLAIN
            )
            self.assertNotIn(COLD, choice.ladder)

    def test_vm_state_wins_over_status(self) -> None:
        server = factory.server('a', status='ERROR', vm_state='stopped')
        self.assertEqual((COLD,), classify.drain_choice(server).ladder)

    def test_blocked_states_say_what_to_do(self) -> None:
        rows = (
            ('SUSPENDED', 'suspended', 'resume it'),
            ('RESCUE', 'rescued', 'unrescue it'),
            ('ERROR', 'error', 'repair it'),
            ('VERIFY_RESIZE', 'verify-resize', 'confirm or revert'),
            ('SOFT_DELETED', 'soft-deleted', 'restore it'),
        )
        for status, code, text in rows:
            with self.subTest(status=status):
                choice = classify.drain_choice(
                    factory.server('a', status=status)
                )
                self.assertEqual(code, choice.blockers[0].code)
                self.assertIn(text, choice.blockers[0].text)

    def test_live_not_allowed(self) -> None:
        choice = classify.drain_choice(factory.server('a'), NO_LIVE)
        codes = [item.code for item in choice.blockers]
        self.assertEqual(
            [
                'live-not-allowed',
                'off-vm-not-allowed',
                'evacuate-not-allowed',
            ],
            codes,
        )

    def test_task_is_waited_for(self) -> None:
        for status in ('ACTIVE', 'SHUTOFF', 'PAUSED', 'ERROR', 'RESCUE'):
            with self.subTest(status=status):
                choice = classify.drain_choice(
                    factory.server('a', status=status, task_state='pausing')
                )
                self.assertEqual('wait', choice.action)
                self.assertFalse(choice.blockers)

    def test_leaving_by_itself_needs_no_destination(self) -> None:
        for task in ('deleting', 'migrating', 'resize_prep', 'shelving'):
            with self.subTest(task=task):
                choice = classify.drain_choice(
                    factory.server('a', task_state=task)
                )
                self.assertEqual(('wait',), choice.ladder)
                self.assertEqual((), choice.moves)

    def test_power_state_that_is_not_running(self) -> None:
        """Nova refuses to move live what its hypervisor says is off."""
        server = factory.server('a', power_state=4)
        self.assertEqual((COLD,), classify.drain_choice(server).ladder)
        crashed = factory.server('a', power_state=0)
        self.assertEqual((), classify.drain_choice(crashed).ladder)


class HeldTestCase(unittest.TestCase):
    def test_dr17_passthrough(self) -> None:
        """DR17: a device means stopped where allowed, else a blocker."""
        rows: tuple[dict[str, typing.Any], ...] = (
            {'resources': {'VGPU': 1}},
            {'resources': {'PCI_DEVICE': 1}},
            {'resources': {'SRIOV_NET_VF': 2}},
            {'resources': {'CUSTOM_PCI_10DE_1EB8': 1}},
            {'passthrough': True},
        )
        for row in rows:
            with self.subTest(row=row):
                server = factory.server('a', **row)
                choice = classify.drain_choice(server, PLAIN)
                self.assertEqual((), choice.ladder)
                self.assertEqual('passthrough', choice.blockers[0].code)
                choice = classify.drain_choice(server, OFF)
                self.assertEqual((COLD,), choice.ladder)
                self.assertIn('will be stopped', choice.reason)

    def test_dr17_paused_with_a_device_has_no_cold_way(self) -> None:
        """DR17: Nova does not migrate a paused server cold."""
        server = factory.server('a', status='PAUSED', passthrough=True)
        self.assertEqual((), classify.drain_choice(server, OFF).ladder)

    def test_locked(self) -> None:
        """Locks bind only users who are not admins (FD9)."""
        choice = classify.drain_choice(factory.server('a', locked=True))
        self.assertEqual((LIVE,), choice.ladder)

    def test_what_nova_is_known_to_refuse(self) -> None:
        server = factory.server('a', refuses={LIVE: 'it has a vTPM'})
        choice = classify.drain_choice(server)
        self.assertEqual('it has a vTPM', choice.blockers[0].text)
        self.assertEqual(
            (COLD,), classify.drain_choice(server, OFF).ladder
        )


class EvacuationTestCase(unittest.TestCase):
    def test_every_status(self) -> None:
        for status, task, action, reset in EVACUATION:
            with self.subTest(status=status, task=task):
                choice = classify.evacuation_choice(
                    factory.server('a', status=status, task_state=task)
                )
                self.assertEqual(action, choice.action)
                self.assertEqual(reset, choice.reset_state)

    def test_lock_does_not_stop_an_evacuation(self) -> None:
        choice = classify.evacuation_choice(factory.server('a', locked=True))
        self.assertEqual(EVAC, choice.action)

    def test_priority(self) -> None:
        rows = (
            (None, 5, False),
            ('0', 0, False),
            ('10', 10, False),
            (' 7 ', 7, False),
            ('11', 5, True),
            ('-1', 5, True),
            ('', 5, True),
            ('high', 5, True),
            ('5.5', 5, True),
            ('\u0663', 5, True),
            ('9' * 5000, 5, True),
        )
        for value, priority, warned in rows:
            with self.subTest(value=value):
                metadata = {} if value is None else {'p': value}
                found, warning = classify.recovery_priority(
                    factory.server('a', metadata=metadata), 'p'
                )
                self.assertEqual(priority, found)
                self.assertEqual(warned, bool(warning))

    def test_priority_zero_is_skipped_and_named(self) -> None:
        choice = classify.evacuation_choice(
            factory.server('a', metadata={'recovery_priority': '0'})
        )
        self.assertEqual('skip', choice.action)
        self.assertEqual('priority-zero', choice.warnings[0].code)
