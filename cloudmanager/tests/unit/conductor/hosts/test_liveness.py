# SPDX-License-Identifier: Apache-2.0
"""Hosts that are up are not evacuated, unless that is what is wanted."""

import fixtures
import oslo_messaging as messaging

from cloudmanager.common import exception
from cloudmanager.conductor import manager
from cloudmanager.power import states
from cloudmanager.tests.unit.conductor import fakes_case


class AliveCase(fakes_case.ConductorCase):

    def setUp(self):
        super().setUp()
        self.host = self.nova.computes['src']

    def check(self, **params):
        return manager.ConductorManager(
            None, lambda: self.tools).check_host_action(
                self.context, 'evacuate', 'src', params)

    def refused(self, expected, **params):
        """Return the text of the error; nothing may have been touched."""
        error = self.assertRaises(messaging.ExpectedException, self.check,
                                  **params).exc_info[1]
        self.assertEqual((expected, 409), (type(error), error.code))
        self.assertEqual([], self.nova.sent)
        return str(error)

    def force_down(self, beats):
        """Let an operator force the service down this moment."""
        if not beats:
            self.nova.die('src')
        self.host.forced_down = True


class CheckTestCase(AliveCase):

    def test_host_is_up(self):
        """A healthy host is not evacuated by a mistyped verb (FD6)."""
        node = self.add_power()
        self.nova.add('vm1', 'vm2')
        self.nova.add('vm3', vm_state='stopped', power=4)
        text = self.refused(exception.HostIsUp)
        self.assertIn('the host is up; shut it down, or say `force`', text)
        self.assertIn('2 server(s) run: name-vm1, name-vm2', text)
        self.assertEqual(['power_on'], self.power_states(node))

    def test_many_servers(self):
        self.nova.add(*(f'vm{number:02}' for number in range(12)))
        text = self.refused(exception.HostIsUp)
        self.assertIn('12 server(s) run', text)
        self.assertNotIn('vm11', text)

    def test_force(self):
        """FD6: one that is up is fenced when the request says so."""
        self.add_power()
        self.assertEqual({}, self.check(force=True))

    def test_force_without_power_control(self):
        """FD6: up, and cannot be fenced."""
        self.assertIn('no power control', self.refused(
            exception.HostNotFenced, force=True))

    def test_force_with_a_device_that_does_not_answer(self):
        """FD6: that is found out before anything is touched."""
        self.add_power(control_type='NoSuchDevice')
        text = self.refused(exception.HostNotFenced, force=True)
        self.assertIn('NoSuchDevice', text)
        self.assertNotIn(fakes_case.PASSWORD, text)

    def test_force_with_a_device_that_does_not_know(self):
        node = self.add_power()
        feed, = self.feeds(node)
        self.useFixture(fixtures.MockPatchObject(
            type(feed.driver), 'state', lambda *args: states.UNKNOWN))
        self.assertIn('does not report', self.refused(
            exception.HostNotFenced, force=True))

    def test_guests_may_run(self):
        """FD6: nova-compute has died; the fence sees to its servers."""
        self.add_power()
        self.nova.add('vm1')
        self.nova.die('src')
        self.assertEqual({}, self.check())

    def test_forced_down_and_alive(self):
        """FD6: it reads as down, and its heartbeats say otherwise."""
        self.add_power()
        self.force_down(beats=True)
        self.refused(exception.HostIsUp)
        self.assertEqual({}, self.check(force=True))

    def test_force_does_not_wait(self):
        """It is fenced in any case, so nobody waits for a heartbeat."""
        self.add_power()
        for beats in (True, False):
            self.force_down(beats)
            before = self.clock.now
            self.assertEqual({}, self.check(force=True))
            self.assertEqual(before, self.clock.now)

    def test_force_with_a_device_that_is_away(self):
        """One that is down may wait for its devices, one that is up not."""
        self.add_power(control_type='NoSuchDevice')
        self.force_down(beats=True)
        self.assertIn('it is up, and', self.refused(
            exception.HostNotFenced, force=True))
        self.force_down(beats=False)
        self.assertEqual({}, self.check(force=True))

    def test_forced_down_and_dead(self):
        """What forced it down this moment is not taken for a heartbeat."""
        self.add_power()
        self.force_down(beats=False)
        self.assertEqual({}, self.check())

    def test_forced_down_long_ago(self):
        """Nothing is waited for then."""
        self.add_power()
        self.force_down(beats=False)
        self.clock.sleep(60)
        before = self.clock.now
        self.assertEqual({}, self.check())
        self.assertEqual(before, self.clock.now)

    def test_word_against_heartbeats(self):
        """FD6: an administrator may be wrong, too."""
        for forced in (False, True):
            self.host.forced_down = forced
            self.refused(exception.HostIsUp, fenced=True)
            self.refused(exception.HostNotFenced, fenced=True, force=True)

    def test_word_of_an_administrator(self):
        """Nova does not yet miss a host that was cut off this moment."""
        self.nova.die('src', seen_down=False)
        self.assertEqual({}, self.check(fenced=True))
        self.assertEqual({}, self.check(fenced=True, force=True))
        self.refused(exception.HostIsUp)

    def test_dry_run(self):
        """FD6: first of all it says that the host is up, and who runs."""
        self.nova.add('vm1')
        self.nova.add('vm2', vm_state='suspended')
        plan = self.check(dry_run=True)['plan']
        self.assertEqual(('host-up', ['vm1']), (
            plan['warnings'][0]['code'], plan['warnings'][0]['servers']))
        self.assertEqual('host-up', plan['blockers'][0]['code'])
        self.assertFalse(plan['feasible'])
        plan = self.check(dry_run=True, force=True)['plan']
        self.assertEqual('host-up', plan['warnings'][0]['code'])
        self.assertTrue(plan['feasible'])
        self.nova.die('src')
        plan = self.check(dry_run=True)['plan']
        self.assertNotIn('host-up', str(plan))
        self.assertTrue(plan['feasible'])


class FenceTestCase(AliveCase):

    def evacuate(self, **params):
        self.node = self.add_power()
        self.nova.add('vm1')
        return self.run_of('host.evacuate', **{'force': False, **params})

    def test_it_came_back(self):
        """FD6: what the API saw may be over; it is left as it was."""
        row = self.run_flow(self.evacuate())
        self.assertEqual('FAILURE', row['status'])
        self.assertIn('the host is up', row['result'])
        self.assertEqual(('enabled', False), (self.host.status,
                                              self.host.forced_down))
        self.assertEqual(['power_on'], self.power_states(self.node))
        self.assertEqual(0, self.nova.count('evacuate'))

    def test_it_came_back_forced_down(self):
        self.force_down(beats=True)
        row = self.run_flow(self.evacuate())
        self.assertIn('the host is up', row['result'])
        self.assertEqual(['power_on'], self.power_states(self.node))

    def test_it_was_forced_down(self):
        """That the task disabled it is no heartbeat."""
        self.force_down(beats=False)
        self.clock.sleep(20)
        before = self.clock.now
        run = self.evacuate()
        row = self.run_flow(run)
        self.assertEqual('SUCCESS', row['status'])
        self.assertLess(self.clock.now - before, 15)

    def test_force(self):
        """FD6: fenced first, then rebuilt."""
        row = self.run_flow(self.evacuate(force=True))
        self.assertEqual('SUCCESS', row['status'])
        self.assertEqual(['power_off'], self.power_states(self.node))
        self.assertEqual(1, self.nova.count('evacuate'))

    def test_fence_goes_on(self):
        """Its power is off, and Nova does not miss it yet."""
        self.nova.die('src')
        run = self.evacuate()
        self.remember(run, was_enabled=True, fence_begun=True)
        self.nova.computes['src'].alive = True
        self.assertEqual('SUCCESS', self.run_flow(run)['status'])

    def test_task_of_an_older_version(self):
        """Its request could not say force; it goes on as it was begun."""
        self.node = self.add_power()
        run = self.run_of('host.evacuate', fenced=False)
        self.assertEqual('SUCCESS', self.run_flow(run)['status'])
