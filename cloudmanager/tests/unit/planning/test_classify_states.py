# SPDX-License-Identifier: Apache-2.0
"""What Nova calls the states of servers, and what plans say of them."""

import unittest

from cloudmanager.planning import classify
from cloudmanager.planning import options
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import factory

PLAIN = options.Options()
OFF = options.Options(allow_off_vm=True)
ALL = options.Options(allow_off_vm=True, allow_evacuate=True)
LIVE, COLD, EVAC = 'live-migrate', 'cold-migrate', 'evacuate'

VM_STATES = (
    ('active', 'ACTIVE'), ('building', 'BUILD'), ('paused', 'PAUSED'),
    ('suspended', 'SUSPENDED'), ('stopped', 'SHUTOFF'),
    ('rescued', 'RESCUED'), ('resized', 'VERIFY_RESIZE'),
    ('soft-delete', 'SOFT_DELETED'), ('deleted', 'DELETED'),
    ('error', 'ERROR'), ('shelved', 'SHELVED'),
    ('shelved_offloaded', 'SHELVED_OFFLOADED'), ('Active', 'ACTIVE'))
#: Statuses of the API alone, and what they are without their task.
STATUSES = (
    ('REBOOT', 'ACTIVE'), ('HARD_REBOOT', 'ACTIVE'), ('PASSWORD', 'ACTIVE'),
    ('REBUILD', 'ACTIVE'), ('MIGRATING', 'ACTIVE'), ('RESIZE', 'ACTIVE'),
    ('REVERT_RESIZE', 'VERIFY_RESIZE'), ('RESCUE', 'RESCUED'),
    ('shutoff', 'SHUTOFF'), ('SOMETHING_NEW', 'SOMETHING_NEW'))
LEAVING_TASKS = (
    'deleting', 'soft-deleting', 'migrating', 'resize_prep',
    'resize_migrating', 'resize_migrated', 'resize_finish',
    'resize_reverting', 'shelving', 'shelving_image_pending_upload',
    'shelving_image_uploading', 'shelving_offloading')
#: Server, flags, code and text of what is in the way first.
BLOCKED = (
    ({'status': 'UNKNOWN'}, PLAIN, 'unknown-state',
     'its state is not known: look at it in Nova'),
    ({'status': 'SUSPENDED'}, PLAIN, 'suspended',
     'it is suspended: resume it, or allow its evacuation '
     '(allow_evacuate)'),
    ({'status': 'SUSPENDED', 'refuses': {EVAC: 'it shares'}}, ALL,
     'suspended', 'it is suspended: resume it'),
    ({'passthrough': True}, PLAIN, 'passthrough',
     'it uses a passed-through device and cannot be moved live'),
    ({'resources': {'VGPU': 1, 'FPGA': 1, 'PGPU': 0}}, PLAIN, 'passthrough',
     'it uses FPGA, VGPU and cannot be moved live'),
    ({'power_state': 0}, PLAIN, 'power-state',
     'its power state is 0: it does not run'),
    ({'status': 'SHUTOFF', 'refuses': {COLD: 'it has shares'}}, PLAIN,
     'cold-refused', 'it has shares'))
#: Server, flags, ladder and reason.
REASONS = (
    ({}, PLAIN, (LIVE,), 'it runs'),
    ({'status': 'SHUTOFF'}, PLAIN, (COLD,), 'it does not run'),
    ({}, options.Options(allow_off_vm=True, allow_live=False), (COLD,),
     'will be stopped, not migrated live: live migration is not allowed'),
    ({'status': 'SUSPENDED'}, ALL, (EVAC,),
     'it is suspended: rebuilt elsewhere once its host is fenced'),
    ({'task_state': 'pausing'}, PLAIN, ('wait', LIVE),
     'its task pausing must end first'),
    ({'status': 'REBOOT'}, PLAIN, ('wait', LIVE),
     'its task REBOOT must end first'),
    ({'status': 'BUILD', 'task_state': 'spawning'}, PLAIN, ('wait', LIVE),
     'it is being built'),
    ({'status': 'BUILD', 'task_state': 'spawning'},
     options.Options(allow_live=False), ('wait',), 'it is being built'),
    ({'task_state': 'migrating'}, PLAIN, ('wait',),
     'its task migrating takes it off the host'),
    ({'status': 'RESIZE'}, PLAIN, ('wait',),
     'its task RESIZE takes it off the host'))
#: Server, action and reason when its host is dead.
EVACUATIONS = (
    ({}, EVAC, 'it ran'),
    ({'status': 'PAUSED'}, EVAC,
     'it was paused and will arrive running; reset to error first'),
    ({'task_state': 'rebuilding'}, 'wait',
     'it was already being rebuilt or evacuated'),
    ({'status': 'BUILD'}, 'blocked',
     'it was never launched: delete it and create a new one'),
    ({'refuses': {EVAC: 'it has shares'}}, 'blocked', 'it has shares'))


class StatusTestCase(unittest.TestCase):

    def test_vm_states(self) -> None:
        for vm_state, status in VM_STATES:
            server = factory.server('a', status='x', vm_state=vm_state)
            self.assertEqual(status, classify.base_status(server))

    def test_statuses(self) -> None:
        for status, without_task in STATUSES:
            self.assertEqual(without_task, classify.base_status(
                factory.server('a', status=status)))

    def test_passthrough_classes(self) -> None:
        names = ['CUSTOM_MDEV_A', 'CUSTOM_PCI_1', 'CUSTOM_VGPU_B', 'FPGA',
                 'PCI_DEVICE', 'PGPU', 'SRIOV_NET_VF', 'VGPU']
        server = factory.server('a', resources={
            **dict.fromkeys(names, 1), 'CUSTOM_BAREMETAL': 1})
        self.assertEqual(names, classify.passthrough_classes(server))


class DrainWordsTestCase(unittest.TestCase):

    def test_blocked(self) -> None:
        for values, flags, code, text in BLOCKED:
            with self.subTest(values):
                choice = classify.drain_choice(factory.server('a', **values),
                                               flags)
                self.assertEqual((), choice.ladder)
                self.assertEqual((code, text), (choice.blockers[0].code,
                                                choice.blockers[0].text))
                self.assertEqual(text, choice.reason)

    def test_advice_says_each_thing_once(self) -> None:
        server = factory.server('a', status='SUSPENDED')
        self.assertEqual(1, len(classify.drain_choice(server).blockers))
        refusing = factory.server('a', status='SUSPENDED',
                                  refuses={EVAC: 'it shares'})
        self.assertEqual(
            ['suspended', 'evacuate-refused'],
            [item.code for item in classify.drain_choice(
                refusing, ALL).blockers])

    def test_failed_before(self) -> None:
        choice = classify.drain_choice(
            factory.server('a'), options.Options(tried={'a': [LIVE]}))
        self.assertEqual('failed-before', choice.blockers[0].code)

    def test_host_that_is_not_fenced(self) -> None:
        choice = classify.drain_choice(
            factory.server('a', status='ERROR'),
            options.Options(allow_evacuate=True,
                            cannot_fence={'src': 'no power control'}))
        self.assertEqual(
            ('not-fenced', 'no power control'),
            (choice.blockers[1].code, choice.blockers[1].text))

    def test_reasons(self) -> None:
        for values, flags, ladder, reason in REASONS:
            with self.subTest(values):
                choice = classify.drain_choice(factory.server('a', **values),
                                               flags)
                self.assertEqual((ladder, reason),
                                 (choice.ladder, choice.reason))

    def test_leaving(self) -> None:
        for task in LEAVING_TASKS:
            choice = classify.drain_choice(
                factory.server('a', task_state=task), ALL)
            self.assertEqual((('wait',), True),
                             (choice.ladder, choice.leaving), task)

    def test_state_before_an_evacuation(self) -> None:
        for task in (None, 'resuming'):
            choice = classify.drain_choice(
                factory.server('a', status='SUSPENDED', task_state=task), ALL)
            self.assertEqual('error', choice.reset_state)
            choice = classify.drain_choice(
                factory.server('a', task_state=task), ALL)
            self.assertEqual('', choice.reset_state)


class EvacuationWordsTestCase(unittest.TestCase):

    def test_reasons(self) -> None:
        for values, action, reason in EVACUATIONS:
            with self.subTest(values):
                choice = classify.evacuation_choice(
                    factory.server('a', **values))
                self.assertEqual((action, reason),
                                 (choice.action, choice.reason))

    def test_codes(self) -> None:
        for values, code in (({'status': 'BUILD'}, 'never-launched'),
                             ({'status': 'UNKNOWN'}, 'unknown-state'),
                             ({'refuses': {EVAC: 'x'}}, 'evacuate-refused')):
            choice = classify.evacuation_choice(factory.server('a', **values))
            self.assertEqual([code], [item.code for item in choice.blockers])

    def test_rebuild_that_is_under_way(self) -> None:
        """Its disks are the rebuild's matter by now: it is awaited alone."""
        choice = classify.evacuation_choice(factory.server(
            'a', task_state='rebuilding', disks=(model.ROOT,)))
        self.assertEqual((('wait',), True), (choice.ladder, choice.leaving))

    def test_bad_priority(self) -> None:
        choice = classify.evacuation_choice(factory.server(
            'a', metadata={'recovery_priority': 'x' * 40}))
        self.assertEqual(
            [('bad-priority', f"metadata recovery_priority='{'x' * 32}' is "
              'not a whole number from 0 to 10; 5 is used')],
            [(item.code, item.text) for item in choice.warnings])
