# SPDX-License-Identifier: Apache-2.0
"""The next step for a server, by what is known of it."""

import dataclasses

import testtools

from cloudmanager.planning import remedies
from cloudmanager.planning.remedies import Step

DONE, FAILED = remedies.End.DONE, remedies.End.FAILED
STEP, WAIT = remedies.End.STEP, remedies.End.WAIT
Tried = remedies.Tried

STATUSES = ('ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED', 'RESCUED', 'SHELVED',
            'SHELVED_OFFLOADED', 'VERIFY_RESIZE', 'ERROR', 'BUILD',
            'SOFT_DELETED', 'DELETED', 'ALIEN')

RESIZE = remedies.Resize('cmp2')


def seen(status='ACTIVE', **values):
    """Return what is known of a server with nothing special about it."""
    made = {'host': 'cmp1'}
    if status == 'SHELVED_OFFLOADED':
        made['host'] = ''
    if status == 'VERIFY_RESIZE':
        made['resize'] = RESIZE
    if status == 'BUILD':
        made['launched'] = False
    if status == 'SHUTOFF':
        made['power'] = 4
    return remedies.Symptoms(status=status, **{**made, **values})


class TableCase(testtools.TestCase):

    def check(self, decide, table, *history, **values):
        """Check the first step for each status.

        :param table: a step, or an end, by status
        """
        self.assertEqual(set(STATUSES), set(table))
        for status, expected in table.items():
            found = decide(seen(status, **values), history)
            self.assertEqual(expected, found.step or found.end,
                             (status, found))
            self.assertEqual(found.end is STEP, bool(found.step))
            self.assertTrue(found.text)

    def says(self, decide, expected, *history, status='ACTIVE', **values):
        found = decide(seen(status, **values), history)
        self.assertIn(expected, found.text)
        return found


class WakeupTestCase(TableCase):

    TABLE = {
        'ACTIVE': DONE, 'SHUTOFF': Step.START,
        'PAUSED': Step.UNPAUSE, 'SUSPENDED': Step.RESUME,
        'RESCUED': Step.UNRESCUE, 'SHELVED': Step.UNSHELVE,
        'SHELVED_OFFLOADED': Step.UNSHELVE, 'VERIFY_RESIZE': DONE,
        'ERROR': FAILED, 'BUILD': FAILED, 'SOFT_DELETED': FAILED,
        'DELETED': FAILED, 'ALIEN': FAILED}

    def test_statuses(self):
        self.check(remedies.wakeup, self.TABLE)

    def test_after_a_step(self):
        """EV10: what runs is what was wanted, whoever made it run."""
        for error in ('', 'refused'):
            self.assertIs(DONE, remedies.wakeup(
                seen(), [Tried(Step.START, error)]).end)

    def test_step_failed(self):
        found = self.says(remedies.wakeup, 'no valid host', Tried(
            Step.UNSHELVE, 'no valid host'), status='SHELVED_OFFLOADED')
        self.assertIs(FAILED, found.end)
        self.assertIn('repair', found.text)

    def test_stopped_again_and_again(self):
        history = [Tried(Step.START)] * remedies.MAX_STEPS
        self.assertIs(FAILED, remedies.wakeup(seen('SHUTOFF'),
                                              history).end)
        self.assertIs(STEP, remedies.wakeup(seen('SHUTOFF'),
                                            history[1:]).end)

    def test_several_steps(self):
        """What it is now decides, not what it was."""
        found = remedies.wakeup(seen('PAUSED'), [Tried(Step.START)])
        self.assertEqual(Step.UNPAUSE, found.step)

    def test_error_names_repair(self):
        found = self.says(remedies.wakeup, 'disk is full: repair it',
                          status='ERROR', fault='disk is full')
        self.assertIs(FAILED, found.end)

    def test_active_but_off(self):
        for values in ({'power': 4}, {'power': 6}, {'power': 0},
                       {'power': None}, {'guest': 'not running'}):
            found = self.says(remedies.wakeup, 'repair', **values)
            self.assertIs(FAILED, found.end)

    def test_resized_and_off(self):
        self.assertIs(FAILED, remedies.wakeup(
            seen('VERIFY_RESIZE', power=4), []).end)

    def test_busy(self):
        for status in STATUSES[:-2]:
            self.assertIs(WAIT, remedies.wakeup(
                seen(status, task_state='x', busy='x is under way'),
                []).end, status)

    def test_stuck(self):
        self.assertIs(FAILED, self.says(
            remedies.wakeup, 'powering-on is stuck: repair', status='SHUTOFF',
            task_state='powering-on').end)

    def test_host_down(self):
        for status in set(STATUSES) - {'SHELVED_OFFLOADED', 'DELETED'}:
            self.assertIs(FAILED, self.says(
                remedies.wakeup, 'cmp1 is down', status=status,
                host_up=False).end)
        self.assertEqual(Step.UNSHELVE, remedies.wakeup(
            seen('SHELVED_OFFLOADED', host_up=False), []).step)


class ResetTestCase(TableCase):

    TABLE = {
        **dict.fromkeys(('ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED',
                         'RESCUED', 'ERROR', 'ALIEN'), Step.RESET),
        **dict.fromkeys(('SHELVED', 'SHELVED_OFFLOADED', 'VERIFY_RESIZE',
                         'BUILD', 'SOFT_DELETED', 'DELETED'), FAILED)}

    def test_statuses(self):
        self.check(remedies.reset_only, self.TABLE)
        self.check(remedies.reset_and_reboot, self.TABLE)
        self.check(remedies.recover, self.TABLE)

    def test_never_launched(self):
        """What failed to be built has nothing to come back to."""
        for decide in (remedies.reset_only, remedies.recover,
                       remedies.repair):
            self.assertIs(FAILED, self.says(
                decide, 'never launched', status='ERROR',
                launched=False).end)

    def test_reset_and_no_more(self):
        self.assertIs(DONE, remedies.reset_only(
            seen(), [Tried(Step.RESET)]).end)
        self.assertIs(FAILED, remedies.reset_only(
            seen('ERROR'), [Tried(Step.RESET, 'refused')]).end)

    def test_stuck_task(self):
        """That is what a reset is for."""
        for decide in (remedies.reset_only, remedies.reset_and_reboot,
                       remedies.recover):
            self.assertEqual(Step.RESET, decide(
                seen(task_state='rebooting', busy='it is under way'),
                []).step)

    def test_guarded(self):
        """A reset in the middle of a migration would do harm."""
        for decide in (remedies.reset_only, remedies.reset_and_reboot,
                       remedies.recover):
            self.assertIs(FAILED, self.says(
                decide, 'would do harm', task_state='migrating',
                busy='its migration is under way', guarded=True).end)

    def test_reboot(self):
        history = [Tried(Step.RESET)]
        for decide in (remedies.reset_and_reboot, remedies.recover):
            self.assertEqual(Step.REBOOT, decide(seen(), history).step)
            self.assertIs(WAIT, decide(seen(busy='x'), history).end)
            done = [*history, Tried(Step.REBOOT)]
            self.assertIs(DONE, decide(seen(), done).end)
            self.assertIs(WAIT, decide(seen(busy='x'), done).end)
            self.assertIs(FAILED, decide(seen(guest='paused'), done).end)
            self.assertIs(FAILED, decide(seen('ERROR'), done).end)
            self.assertIs(FAILED, self.says(
                decide, 'no disk', *history,
                Tried(Step.REBOOT, 'no disk')).end)

    def test_host_down(self):
        self.assertEqual(Step.RESET, remedies.reset_only(
            seen('ERROR', host_up=False), []).step)
        self.assertIs(FAILED, remedies.reset_and_reboot(
            seen('ERROR', host_up=False), []).end)


class RecoverTestCase(TableCase):

    def test_host_down(self):
        """It comes back elsewhere, whatever state it is in."""
        self.check(remedies.recover, {
            **dict.fromkeys(set(STATUSES) - set(
                ('SHELVED_OFFLOADED', 'BUILD', 'SOFT_DELETED', 'DELETED')),
                Step.EVACUATE),
            **dict.fromkeys(('SHELVED_OFFLOADED', 'BUILD', 'SOFT_DELETED',
                             'DELETED'), FAILED)}, host_up=False)

    def test_host_dies_meanwhile(self):
        self.assertEqual(Step.EVACUATE, remedies.recover(
            seen(host_up=False), [Tried(Step.RESET)]).step)

    def test_arrived(self):
        history = [Tried(Step.EVACUATE)]
        self.assertIs(DONE, remedies.recover(seen(), history).end)
        self.assertEqual(Step.START, remedies.recover(
            seen('SHUTOFF'), history).step)
        self.assertIs(FAILED, remedies.recover(seen('ERROR'), history).end)
        self.assertIs(WAIT, remedies.recover(
            seen('SHUTOFF', busy='x'), history).end)
        self.assertIs(FAILED, remedies.recover(seen('SHUTOFF'), [
            *history, Tried(Step.START)]).end)

    def test_evacuation_failed(self):
        self.assertIs(FAILED, self.says(
            remedies.recover, 'not proven', Tried(
                Step.EVACUATE, 'not proven'), host_up=False).end)

    def test_never_evacuated_twice(self):
        self.assertIs(FAILED, remedies.recover(
            seen(host='cmp2', host_up=False),
            [Tried(Step.EVACUATE)]).end)


class RepairTestCase(TableCase):

    TABLE = {
        'ACTIVE': DONE, 'SHUTOFF': Step.START, 'PAUSED': DONE,
        'SUSPENDED': DONE, 'RESCUED': DONE, 'SHELVED': DONE,
        'SHELVED_OFFLOADED': DONE, 'VERIFY_RESIZE': Step.CONFIRM,
        'ERROR': Step.RESET, 'BUILD': FAILED, 'SOFT_DELETED': FAILED,
        'DELETED': FAILED, 'ALIEN': FAILED}

    def test_statuses(self):
        self.check(remedies.repair, self.TABLE)

    def test_busy(self):
        """A task that Nova works on is not stuck."""
        for status in set(STATUSES) - {'SOFT_DELETED', 'DELETED'}:
            self.assertIs(WAIT, remedies.repair(
                seen(status, task_state='spawning', busy='x'), []).end)

    def test_stuck_tasks(self):
        for status in set(STATUSES) - {'SHELVED_OFFLOADED', 'BUILD',
                                       'SOFT_DELETED', 'DELETED'}:
            self.assertEqual(Step.RESET, self.says(
                remedies.repair, 'powering-off is stuck', status=status,
                task_state='powering-off').step)
        self.assertIs(FAILED, remedies.repair(seen(
            'SHELVED_OFFLOADED', task_state='unshelving'), []).end)
        self.assertIs(FAILED, remedies.repair(seen(
            task_state='x'), [Tried(Step.RESET)]).end)

    def test_after_a_reset(self):
        """It goes no further than it must."""
        history = [Tried(Step.RESET)]
        self.assertIs(DONE, remedies.repair(seen(), history).end)
        for values in ({'power': 4}, {'power': 3}, {'guest': 'not running'}):
            self.assertEqual(Step.REBOOT, remedies.repair(
                seen(**values), history).step)
        self.assertEqual(Step.REBOOT, remedies.repair(
            seen('ERROR'), history).step)

    def test_error_in_spite_of_all(self):
        history = [Tried(Step.RESET), Tried(Step.REBOOT, 'no disk')]
        self.assertIs(FAILED, self.says(remedies.repair, 'no disk', *history,
                                        status='ERROR').end)
        self.assertIs(FAILED, self.says(
            remedies.repair, 'reboot failed', *history, power=4).end)

    def test_off(self):
        history = [Tried(Step.START, 'no network')]
        self.assertEqual(Step.REBOOT, remedies.repair(
            seen('SHUTOFF'), history).step)
        self.assertEqual(Step.REBOOT, remedies.repair(
            seen('SHUTOFF'), [Tried(Step.START)]).step)
        self.assertIs(FAILED, remedies.repair(
            seen('SHUTOFF'), [*history, Tried(Step.REBOOT)]).end)

    def test_resizes(self):
        """Placement tells which half is the good one."""
        for resize, expected in (
                (RESIZE, Step.CONFIRM),
                (dataclasses.replace(RESIZE, allocated=False),
                 Step.REVERT),
                (dataclasses.replace(RESIZE, stuck=False), DONE),
                (dataclasses.replace(RESIZE, source_up=False), FAILED),
                (None, FAILED)):
            found = remedies.repair(seen('VERIFY_RESIZE', resize=resize), [])
            self.assertEqual(expected, found.step or found.end, resize)

    def test_after_a_resize(self):
        """A server that was off before stays off."""
        for step in (Step.CONFIRM, Step.REVERT):
            for status in ('SHUTOFF', 'ACTIVE'):
                self.assertIs(DONE, remedies.repair(
                    seen(status), [Tried(step)]).end)
            self.assertIs(FAILED, remedies.repair(seen(
                'VERIFY_RESIZE', resize=dataclasses.replace(
                    RESIZE, allocated=step == Step.CONFIRM)),
                [Tried(step, 'refused')]).end)
            self.assertEqual(Step.RESET, remedies.repair(
                seen('ERROR'), [Tried(step, 'broke')]).step)

    def test_host_down(self):
        for status in set(STATUSES) - {'SHELVED_OFFLOADED', 'BUILD',
                                       'SOFT_DELETED', 'DELETED'}:
            self.assertEqual(Step.EVACUATE, remedies.repair(
                seen(status, host_up=False), []).step)
        self.assertIs(FAILED, remedies.repair(
            seen(host_up=False), [Tried(Step.EVACUATE, 'x')]).end)

    def test_comes_to_an_end(self):
        """Whatever a server does, the steps are bounded."""
        for status in STATUSES:
            for task_state in (None, 'stuck'):
                for error in ('', 'it failed'):
                    self._drive(seen(status, task_state=task_state,
                                     power=4), error)

    def _drive(self, symptoms, error):
        for decide in (remedies.repair, remedies.recover, remedies.wakeup,
                       remedies.reset_and_reboot, remedies.reset_only):
            history = []
            while len(history) <= remedies.MAX_STEPS:
                found = decide(symptoms, history)
                if found.end is not STEP:
                    break
                history.append(Tried(found.step, error))
            else:
                self.fail(f'{decide.__name__}: {symptoms}')
