# SPDX-License-Identifier: Apache-2.0
"""What is decided for a server, and the words that an operator reads."""

import testtools

from cloudmanager.planning import remedies
from cloudmanager.planning.remedies import Step

DONE, FAILED = remedies.End.DONE, remedies.End.FAILED
WAIT = remedies.End.WAIT
Tried = remedies.Tried
RESET, REBOOT = Tried(Step.RESET), Tried(Step.REBOOT)
EVACUATED = Tried(Step.EVACUATE)
WAITING = {'status': 'VERIFY_RESIZE'}
OFF = {'status': 'SHUTOFF', 'power': 4}
BY_USER = {**OFF, 'stopped': 'noon'}

#: What is known, what was tried, the step or end, and why.
WAKEUP = (
    ({}, [], DONE, 'it runs'),
    ({'power': 1}, [], DONE, 'it runs'),
    ({'status': 'DELETED'}, [], FAILED, 'it is deleted'),
    ({'host_up': False}, [], FAILED, 'its host cmp1 is down: recover it'),
    ({'busy': 'it is built'}, [], WAIT, 'it is built'),
    ({'task_state': 'x'}, [], FAILED, 'its task x is stuck: repair it'),
    (OFF, [Tried(Step.START, 'no disk')], FAILED,
     'start failed: no disk; repair it'),
    (OFF, [], Step.START, 'it is SHUTOFF'),
    (OFF, [Tried(Step.START)] * 5, Step.START, 'it is SHUTOFF'),
    (OFF, [Tried(Step.START)] * 6, FAILED,
     'it does not keep running: it is SHUTOFF again'),
    (WAITING, [], DONE, 'it runs, and its resize waits for confirmation'),
    ({**WAITING, 'power': 4}, [], FAILED,
     'its resize waits for confirmation, and its power state is off: confirm '
     'or revert it, or repair it'),
    ({'power': 3}, [], FAILED,
     'it is ACTIVE, but its power state is paused: repair it'),
    ({'power': 6}, [], FAILED,
     'it is ACTIVE, but its power state is crashed: repair it'),
    ({'power': 7}, [], FAILED,
     'it is ACTIVE, but its power state is suspended: repair it'),
    ({'power': 9}, [], FAILED,
     'it is ACTIVE, but its power state is 9: repair it'),
    ({'power': 0}, [], FAILED,
     'it is ACTIVE, but its power state is unknown: repair it'),
    ({'power': None}, [], FAILED,
     'it is ACTIVE, but its power state is unknown: repair it'),
    ({'guest': 'gone'}, [], FAILED,
     'it is ACTIVE, but the hypervisor calls it gone: repair it'),
    ({'status': 'ERROR'}, [], FAILED, 'it is in error: repair it'),
    ({'status': 'ERROR', 'fault': 'no disk'}, [], FAILED,
     'it is in error: no disk: repair it'),
    ({'status': 'BUILD'}, [], FAILED,
     'it was never launched: delete it and create a new one'),
    ({'status': 'SOFT_DELETED'}, [], FAILED,
     'it is soft-deleted: restore it'),
    ({'status': 'ALIEN'}, [], FAILED, 'its state ALIEN is not known'))
RESETS = (
    ({}, [], Step.RESET, 'it is ACTIVE'),
    ({'task_state': 'x'}, [], Step.RESET, 'it is ACTIVE with the task x'),
    ({}, [RESET], DONE, 'its state is active'),
    ({}, [Tried(Step.RESET, 'refused')], FAILED,
     'reset-state failed: refused'),
    ({'busy': 'it moves', 'guarded': True}, [], FAILED,
     'it moves; a reset now would do harm'),
    ({'status': 'SHELVED'}, [], FAILED,
     'it is shelved, and a reset would leave its image behind: wake it up'),
    ({'status': 'SHELVED_OFFLOADED', 'host': ''}, [], FAILED,
     'it is shelved and on no host: wake it up'),
    (WAITING, [], FAILED, 'its resize waits for confirmation, and a reset '
     'would leave the old half behind: repair it'),
    ({'launched': False}, [], FAILED,
     'it was never launched: delete it and create a new one'))
REBOOTS = (
    ({'host_up': False}, [], FAILED, 'its host cmp1 is down: recover it'),
    ({}, [], Step.RESET, 'it is ACTIVE'),
    ({}, [Tried(Step.RESET, 'refused')], FAILED,
     'reset-state failed: refused'),
    ({'busy': 'it boots'}, [RESET], WAIT, 'it boots'),
    ({}, [RESET], Step.REBOOT, 'its state is active'),
    ({}, [RESET, REBOOT], DONE, 'it runs'),
    ({'power': 4}, [RESET, REBOOT], FAILED,
     'it is ACTIVE after the reboot; its power state is off'),
    ({'status': 'ERROR', 'power': 4}, [RESET, REBOOT], FAILED,
     'it is ERROR after the reboot'))
DEAD = {'host_up': False}
RECOVERIES = (
    (DEAD, [], Step.EVACUATE, 'its host cmp1 is down'),
    ({**DEAD, 'launched': False}, [], FAILED,
     'it was never launched: delete it and create a new one'),
    (DEAD, [EVACUATED], FAILED, 'its host cmp1 is down as well'),
    (DEAD, [Tried(Step.EVACUATE, 'refused')], FAILED,
     'evacuate failed: refused'),
    ({}, [Tried(Step.EVACUATE, 'refused')], FAILED,
     'evacuate failed: refused'),
    ({}, [EVACUATED], DONE, 'it runs'),
    ({'busy': 'it boots'}, [EVACUATED], WAIT, 'it boots'),
    (OFF, [EVACUATED], Step.START, 'it arrived stopped'),
    (OFF, [EVACUATED, Tried(Step.START)], FAILED,
     'it is SHUTOFF after its evacuation'))
REPAIRS = (
    ({}, [], DONE, 'nothing is wrong: it runs'),
    ({}, [RESET], DONE, 'it runs'),
    ({'status': 'DELETED'}, [], FAILED, 'it is deleted'),
    (DEAD, [], Step.EVACUATE, 'its host cmp1 is down'),
    ({'busy': 'it boots'}, [], WAIT, 'it boots'),
    ({'launched': False}, [], FAILED,
     'it was never launched: delete it and create a new one'),
    ({'power': 4}, [RESET] * 6, FAILED, 'it is ACTIVE after 6 steps'),
    ({'power': 4}, [RESET] * 5, Step.REBOOT,
     'it is ACTIVE, but its power state is off'),
    ({'status': 'ALIEN'}, [], FAILED, 'its state ALIEN is not known'),
    # A task that nobody works on.
    ({'task_state': 'x', 'host': ''}, [], FAILED,
     'its task x is stuck, and it is on no host'),
    ({'task_state': 'x'}, [RESET], FAILED,
     'its task x is stuck after a reset'),
    ({'task_state': 'x'}, [], Step.RESET, 'its task x is stuck'),
    # Nova calls it active.
    ({'power': 4, 'stopped': 'noon'}, [], Step.STOP,
     'it is ACTIVE, but a user stopped it at noon'),
    ({'power': 4, 'stopped': 'noon'}, [Tried(Step.STOP)], Step.REBOOT,
     'it is ACTIVE, but its power state is off'),
    ({'power': 6, 'stopped': 'noon'}, [], Step.REBOOT,
     'it is ACTIVE, but its power state is crashed'),
    ({'power': 4}, [REBOOT], FAILED, 'its power state is off after a reboot'),
    ({'power': 4}, [Tried(Step.REBOOT, 'no disk')], FAILED,
     'hard-reboot failed: no disk'),
    # Off.
    (OFF, [Tried(Step.CONFIRM)], DONE, 'it is off, as it was before its '
     'resize'),
    (OFF, [Tried(Step.REVERT)], DONE, 'it is off, as it was before its '
     'resize'),
    (OFF, [Tried(Step.CONFIRM), RESET], Step.START, 'it is off'),
    (BY_USER, [], DONE, 'nothing is wrong: a user stopped it at noon; wake '
     'it up to make it run'),
    (BY_USER, [Tried(Step.STOP)], DONE, 'it is off: a user stopped it at '
     'noon'),
    (BY_USER, [Tried(Step.START)], Step.REBOOT, 'it went off again'),
    (OFF, [], Step.START, 'it is off'),
    (OFF, [Tried(Step.START, 'no disk')], Step.REBOOT,
     'start failed: no disk'),
    (OFF, [REBOOT], FAILED, 'it went off again'),
    (OFF, [Tried(Step.REBOOT, 'no disk')], FAILED,
     'hard-reboot failed: no disk'),
    # In error.
    ({'status': 'ERROR'}, [], Step.RESET, 'it is in error'),
    ({'status': 'ERROR', 'fault': 'no disk'}, [RESET], Step.REBOOT,
     'it is in error: no disk again'),
    ({'status': 'ERROR'}, [RESET, REBOOT], FAILED, 'it is in error'),
    # Paused and the like, on purpose.
    ({'status': 'PAUSED'}, [], DONE,
     'nothing is wrong: it is paused; wake it up to make it run'),
    ({'status': 'SUSPENDED'}, [], DONE,
     'nothing is wrong: it is suspended; wake it up to make it run'),
    ({'status': 'RESCUED'}, [], DONE,
     'nothing is wrong: it is in rescue; wake it up to make it run'),
    ({'status': 'SHELVED'}, [], DONE,
     'nothing is wrong: it is shelved; wake it up to make it run'),
    ({'status': 'SHELVED_OFFLOADED', 'host': ''}, [], DONE,
     'nothing is wrong: it is shelved; wake it up to make it run'))
#: What is known of the resize, what was tried, the step or end, and why.
RESIZES = (
    (None, [], FAILED, 'its resize waits for confirmation, and Nova has no '
     'record of the resize'),
    ({'stuck': False}, [], DONE,
     'nothing is wrong: its resize waits for its owner'),
    ({'source_up': False}, [], FAILED, 'its resize is stuck, and the host of '
     'its old half, cmp2, is down: bring that host back'),
    ({}, [], Step.CONFIRM,
     'its resize is stuck, and Placement has it on its new host'),
    ({'allocated': False}, [], Step.REVERT,
     'its resize is stuck, and Placement has it on its old host'),
    ({}, [Tried(Step.CONFIRM)], FAILED, 'its resize is stuck'),
    ({}, [Tried(Step.REVERT)], Step.CONFIRM,
     'its resize is stuck, and Placement has it on its new host'),
    ({'allocated': False}, [Tried(Step.REVERT, 'refused')], FAILED,
     'revert-resize failed: refused'))


class WordsTestCase(testtools.TestCase):

    def test_steps(self):
        """Tasks and their history call them so."""
        self.assertEqual(
            ['reset-state', 'start', 'stop', 'unpause', 'resume', 'unshelve',
             'unrescue', 'confirm-resize', 'revert-resize', 'hard-reboot',
             'evacuate'], [step.value for step in Step])

    def check(self, decide, rows):
        for values, history, expected, text in rows:
            seen = remedies.Symptoms(
                **{'status': 'ACTIVE', 'host': 'cmp1', **values})
            found = decide(seen, history)
            self.assertEqual((expected, text),
                             (found.step or found.end, found.text),
                             (values, history))

    def test_wakeup(self):
        self.check(remedies.wakeup, WAKEUP)

    def test_reset(self):
        self.check(remedies.reset_only, RESETS)

    def test_reset_and_reboot(self):
        self.check(remedies.reset_and_reboot, REBOOTS)

    def test_recover(self):
        self.check(remedies.recover, (*RECOVERIES, *REBOOTS[1:]))

    def test_repair(self):
        self.check(remedies.repair, REPAIRS)

    def test_resizes(self):
        self.check(remedies.repair, [
            ({**WAITING, 'resize': None if values is None
              else remedies.Resize('cmp2', **values)}, *rest)
            for values, *rest in RESIZES])
