# SPDX-License-Identifier: Apache-2.0
"""Repair tells what a user meant from what broke."""

import datetime

from cloudmanager.tests.unit.conductor import server_case


class ActionCase(server_case.ServerCase):

    def did(self, request, ago=3600, user='user', over=True):
        """Let something have been asked for so many seconds ago."""
        action = self.nova._log('vm1', request)
        action.start_time -= datetime.timedelta(seconds=ago)
        action.user_id, action.over = user, over


class StoppedTestCase(ActionCase):
    """FD14: a server that is off because somebody wants it to be."""

    def setUp(self):
        super().setUp()
        self.nova.add('vm1', vm_state='stopped')

    def test_by_its_owner(self):
        """A server that its owner stopped is healthy (FD14)."""
        self.did('stop')
        text = self.act('repair')
        self.assertIn('nothing is wrong: a user stopped it at 2031-', text)
        self.assertEqual(([], 'stopped'), (self.asked(), self.vm.vm_state))

    def test_moved_since(self):
        """What leaves it stopped does not change that (FD14)."""
        self.did('stop')
        self.did('evacuate', 1800)
        self.did('lock', 900)
        self.assertIn('a user stopped it', self.act('repair'))
        self.assertEqual([], self.asked())

    def test_by_nova(self):
        """One that Nova found off, as after a crash, is started (FD14)."""
        self.did('stop', 7200)
        self.did('start', 7000)
        self.did('stop', 3600, user='')
        self.assertIn('it is off; start; it runs', self.act('repair'))
        self.assertEqual(['start'], self.asked())

    def test_started_since(self):
        """A stop of long ago is not why it is off now (FD14)."""
        self.did('stop')
        self.did('hard_reboot', 1800)
        self.act('repair')
        self.assertEqual(['start'], self.asked())

    def test_stuck_task(self):
        """A reset calls it active; then it is stopped again (FD14)."""
        self.did('stop')
        self.nova.set('vm1', task_state='image_snapshot')
        self.nova._reset = self.reset
        text = self.act('repair')
        self.assertEqual(['reset_state', 'stop'], self.asked())
        self.assertEqual('stopped', self.vm.vm_state)
        self.assertIn('its task image_snapshot is stuck', text)
        self.assertIn('a user stopped it', text)

    def reset(self, outcome, name, state):
        """Reset as Nova does: the guest is off as before."""
        self.nova.set(name, vm_state=state, task_state=None, power=4)

    def test_check(self):
        """Nothing keeps the request from being accepted."""
        self.did('stop')
        self.assertEqual({'host': 'src'}, self.check('repair'))

    def test_wakeup(self):
        """Who wants it to run can still have that."""
        self.did('stop')
        self.act('wakeup')
        self.assertEqual(['start'], self.asked())


class StuckTestCase(ActionCase):
    """FD15: tasks that nobody works on any more."""

    def stuck(self, task):
        self.nova.add('vm1', task_state=task)

    def test_for_hours(self):
        """Long after any sign of work the task is cleared (FD15)."""
        for task in ('rebooting', 'image_snapshot', 'rebooting_hard'):
            self.nova.reset()
            self.stuck(task)
            self.did('hard_reboot', 3 * 3600, over=False)
            self.assertIn(f'its task {task} is stuck; reset-state; it runs',
                          self.act('repair'))
            self.assertEqual(['reset_state'], self.asked())

    def test_other_action_since(self):
        """Another action of a moment ago is no work on the task (FD15)."""
        self.stuck('rebooting')
        self.did('hard_reboot', 3 * 3600, over=False)
        self.did('lock', 300)
        self.act('repair')
        self.assertEqual(['reset_state'], self.asked())

    def test_nothing_was_begun(self):
        """A request that no host took up is lost after a while (FD15)."""
        self.stuck('image_snapshot')
        self.did('hard_reboot', 90)
        self.act('repair')
        self.assertEqual(['reset_state'], self.asked())

    def test_work_under_way(self):
        """What a host has begun and not ended has longer (FD15)."""
        self.stuck('image_uploading')
        self.did('hard_reboot', 1200, over=False)
        self.assertIn('is under way', self.act('repair', 'FAILURE'))
        self.assertEqual([], self.asked())

    def test_work_behind_another_action(self):
        """An upload goes on though something else ended since (FD15)."""
        self.stuck('image_uploading')
        self.did('hard_reboot', 1200, over=False)
        self.did('lock', 300)
        self.act('repair', 'FAILURE')
        self.assertEqual([], self.asked())

    def test_moment_ago(self):
        """A request has time to reach its host (FD15)."""
        self.config(group='host_tasks', settle_timeout=5)
        self.stuck('rebooting')
        self.did('hard_reboot', 20)
        self.act('repair', 'FAILURE')
        self.assertEqual([], self.asked())

    def test_harmful(self):
        """In mid-rebuild only a long silence counts (FD15)."""
        self.stuck('rebuild_spawning')
        self.did('hard_reboot', 300)
        self.act('repair', 'FAILURE')
        self.assertEqual([], self.asked())
        self.clock.sleep(1800)
        self.act('repair')
        self.assertEqual(['reset_state'], self.asked())

    def test_then_the_mildest_step(self):
        """What runs is left alone, what does not is rebooted (FD15)."""
        self.nova.add('vm1', task_state='rebooting', guest='shutdown')
        self.did('hard_reboot', 7200, over=False)
        self.act('repair')
        self.assertEqual(['reset_state', 'hard_reboot'], self.asked())
