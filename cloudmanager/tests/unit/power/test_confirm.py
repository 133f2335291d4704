# SPDX-License-Identifier: Apache-2.0
import contextlib

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.tests.unit.power import base

ON, OFF, UNKNOWN = states.POWER_ON, states.POWER_OFF, states.UNKNOWN


class ConfirmTestCase(base.PowerTestCase):

    def reach_off(self, *feeds, timeout=60.0, **values):
        confirm.reach(list(feeds), OFF, timeout, pause=self.clock.sleep,
                      **values)

    def fence(self, *feeds):
        confirm.fence(list(feeds), pause=self.clock.sleep)


class ReachTestCase(ConfirmTestCase):

    def test_switches_and_confirms(self):
        driver = base.SlowDriver(self.clock)
        self.reach_off(self.feed(driver))
        self.assertEqual(['off'], driver.asked)

    def test_pw8_a_stale_reading_is_waited_out(self):
        driver = base.SlowDriver(self.clock, off_after=45)
        self.reach_off(self.feed(driver))
        # Asked again at half of the time, as requests get lost.
        self.assertEqual(['off', 'off'], driver.asked)
        self.assertGreaterEqual(self.clock.now - 1000, 45)

    def test_what_is_off_is_not_asked(self):
        driver = base.ScriptedDriver([OFF])
        self.reach_off(self.feed(driver))
        self.assertEqual([], driver.asked)

    def test_one_reading_is_not_enough(self):
        """A single reading of off, then on for ever."""
        driver = base.ScriptedDriver([ON, OFF, ON])
        self.assertRaises(exceptions.PowerTimeout, self.reach_off,
                          self.feed(driver))

    def test_first_reading_of_off_was_stale(self):
        driver = base.ScriptedDriver([OFF, ON, OFF, OFF])
        self.reach_off(self.feed(driver))
        self.assertEqual(['off'], driver.asked)

    def test_flapping_is_never_confirmed(self):
        driver = base.ScriptedDriver([ON] + [OFF, ON] * 100)
        self.assertRaises(exceptions.PowerTimeout, self.reach_off,
                          self.feed(driver))

    def test_pw12_unknown_is_never_off(self):
        driver = base.ScriptedDriver([UNKNOWN])
        error = self.assertRaises(exceptions.PowerTimeout, self.reach_off,
                                  self.feed(driver))
        self.assertIn('last read: unknown', str(error))

    def test_unknown_between_two_readings_starts_over(self):
        driver = base.ScriptedDriver([ON, OFF, UNKNOWN, OFF, ON])
        self.assertRaises(exceptions.PowerTimeout, self.reach_off,
                          self.feed(driver))

    def test_trouble_while_reading_is_unknown(self):
        device = base.device()
        driver = base.ScriptedDriver([
            exceptions.PowerUnreachable(device=device),
            exceptions.PowerBusy(device=device),
            exceptions.PowerRefused(device=device, request='power status',
                                    reason='Unspecified'), OFF])
        self.reach_off(self.feed(driver))
        self.assertEqual(['off'], driver.asked)

    def test_refused_off_on_a_chassis_that_is_off(self):
        refusal = exceptions.PowerRefused(device=base.device(),
                                          request='power off', reason='off')
        driver = base.ScriptedDriver([UNKNOWN, OFF], refusal)
        self.reach_off(self.feed(driver))
        self.assertEqual(['off'], driver.asked)

    def test_refused_off_on_a_chassis_that_is_on(self):
        refusal = exceptions.PowerRefused(device=base.device(),
                                          request='power off', reason='no')
        driver = base.ScriptedDriver([ON], refusal)
        self.assertIs(refusal, self.assertRaises(
            exceptions.PowerRefused, self.reach_off, self.feed(driver)))
        self.assertEqual(['off', 'off'], driver.asked)

    def test_a_request_that_did_not_arrive_is_repeated(self):
        driver = base.ScriptedDriver(
            [ON, ON, ON, OFF],
            exceptions.PowerUnreachable(device=base.device()))
        self.reach_off(self.feed(driver))
        self.assertEqual(['off'] * 3, driver.asked)

    def test_wrong_credentials_are_not_tried_again(self):
        error = exceptions.PowerCredentials(device=base.device())
        reading = base.ScriptedDriver([error])
        self.assertIs(error, self.assertRaises(
            exceptions.PowerCredentials, self.reach_off,
            self.feed(reading)))
        self.assertEqual([], reading.asked)
        asking = base.ScriptedDriver([ON], error)
        self.assertRaises(exceptions.PowerCredentials, self.reach_off,
                          self.feed(asking))
        self.assertEqual(['off'], asking.asked)

    def test_what_only_people_can_mend_is_not_tried_again(self):
        for error in (
                exceptions.PowerUntrusted(device=base.device(), reason='x'),
                exceptions.PowerNoOutput(device=base.device(), output='7')):
            reading = base.ScriptedDriver([error])
            self.assertIs(error, self.assertRaises(
                type(error), self.reach_off, self.feed(reading)))
            asking = base.ScriptedDriver([ON], error)
            self.assertRaises(type(error), self.reach_off,
                              self.feed(asking))
            self.assertEqual(['off'], asking.asked)

    def test_message_of_a_timeout(self):
        driver = base.ScriptedDriver([ON])
        error = self.assertRaises(exceptions.PowerTimeout, self.reach_off,
                                  self.feed(driver), timeout=7.0)
        self.assertEqual(
            'cloudmanager.power.timeout: IPMI://FakeDevice@bmc.example:623 '
            'did not confirm power_off within 7 s; last read: power_on.',
            str(error))
        self.assertEqual(503, error.code)
        self.assertEqual('cloudmanager.power.timeout', error.error_code)

    def test_ends_in_time(self):
        self.assertRaises(exceptions.PowerTimeout, self.reach_off,
                          self.feed(base.ScriptedDriver([ON])), timeout=9.0)
        self.assertLessEqual(self.clock.now - 1000, 9.2)

    def test_the_caller_can_end_it(self):
        class Stopped(Exception):
            pass

        def pause(seconds):
            raise Stopped

        self.assertRaises(
            Stopped, confirm.reach,
            [self.feed(base.ScriptedDriver([ON]))], OFF, 60.0, pause=pause)

    def test_a_node_without_feeds_is_not_taken_for_off(self):
        self.assertRaises(ValueError, self.reach_off)

    def test_no_secret_in_logs(self):
        error = exceptions.PowerUnreachable(device=base.device())
        driver = base.ScriptedDriver([error], error)
        self.assertRaises(exceptions.PowerUnreachable, self.reach_off,
                          self.feed(driver))
        self.assertIn('cannot be reached', self.logger.output)
        self.assertNotIn(base.PASSWORD, self.logger.output)


class FeedsTestCase(ConfirmTestCase):
    """PW17: nodes with two supplies."""

    def test_all_feeds_are_cut(self):
        drivers = [base.SlowDriver(self.clock),
                   base.SlowDriver(self.clock, off_after=5)]
        self.fence(*[self.feed(driver) for driver in drivers])
        self.assertEqual([['off'], ['off']],
                         [driver.asked for driver in drivers])

    def test_one_feed_that_stays_on(self):
        good = base.SlowDriver(self.clock)
        bad = base.SlowDriver(self.clock, off_after=None)
        error = self.assertRaises(
            exceptions.PowerTimeout, self.fence, self.feed(good),
            self.feed(bad, host='other.example'))
        self.assertIn('other.example', str(error))
        self.assertIn('last read: power_on', str(error))

    def test_one_feed_that_is_unknown(self):
        silent = base.ScriptedDriver([
            exceptions.PowerUnreachable(device=base.device())])
        other = base.SlowDriver(self.clock)
        self.assertRaises(exceptions.PowerFeedSilent, self.fence,
                          self.feed(silent), self.feed(other))
        self.assertEqual(([], []), (silent.asked, other.asked))

    def test_a_feed_that_comes_back_while_others_are_waited_for(self):
        comes_back = base.ScriptedDriver([ON, OFF, OFF, ON])
        slow = base.SlowDriver(self.clock, off_after=20)
        self.assertRaises(exceptions.PowerTimeout, self.fence,
                          self.feed(comes_back), self.feed(slow))


class IsOffTestCase(ConfirmTestCase):
    """A proof that switches nothing."""

    def is_off(self, *readings):
        drivers = [base.ScriptedDriver(list(states)) for states in readings]
        found = confirm.is_off([self.feed(driver) for driver in drivers],
                               pause=self.clock.sleep)
        self.assertEqual([], [each for driver in drivers
                              for each in driver.asked])
        return found

    def test_two_readings(self):
        self.assertTrue(self.is_off([OFF]))
        for readings in ([ON], [UNKNOWN], [OFF, ON], [OFF, UNKNOWN],
                         [ON, OFF]):
            self.assertFalse(self.is_off(readings), readings)

    def test_all_feeds(self):
        self.assertTrue(self.is_off([OFF], [OFF]))
        for second in ([ON], [UNKNOWN], [OFF, ON]):
            self.assertFalse(self.is_off([OFF], second), second)

    def test_no_feeds(self):
        self.assertRaises(ValueError, confirm.is_off, [])


class SwitchOffTestCase(ConfirmTestCase):
    """PW18: softly first, then hard."""

    def switch_off(self, *feeds):
        confirm.switch_off(list(feeds), pause=self.clock.sleep)

    def test_soft_is_enough(self):
        driver = base.SlowDriver(self.clock, soft_after=90)
        self.switch_off(self.feed(driver))
        self.assertEqual(['soft'], driver.asked)

    def test_soft_then_hard(self):
        driver = base.SlowDriver(self.clock, soft_after=None)
        self.switch_off(self.feed(driver))
        self.assertEqual(['soft', 'off'], driver.asked)
        self.assertGreaterEqual(self.clock.now - 1000, 120)
        self.assertIn('A soft shutdown did not help', self.logger.output)

    def test_hard_where_soft_is_not_supported(self):
        driver = base.SlowDriver(self.clock)
        driver.supports_soft = False
        self.switch_off(self.feed(driver))
        self.assertEqual(['off'], driver.asked)

    def test_hard_where_one_feed_cannot_do_it_softly(self):
        soft = base.SlowDriver(self.clock)
        hard = base.SlowDriver(self.clock)
        hard.supports_soft = False
        self.switch_off(self.feed(soft), self.feed(hard))
        self.assertEqual([['off'], ['off']], [soft.asked, hard.asked])

    def test_a_fence_is_never_soft(self):
        driver = base.SlowDriver(self.clock, soft_after=0)
        self.fence(self.feed(driver))
        self.assertEqual(['off'], driver.asked)

    def test_neither_helps(self):
        driver = base.SlowDriver(self.clock, off_after=None)
        self.assertRaises(exceptions.PowerTimeout, self.switch_off,
                          self.feed(driver))


class SwitchOnAndResetTestCase(ConfirmTestCase):

    def reset(self, *feeds):
        confirm.reset(list(feeds), pause=self.clock.sleep)

    def test_switch_on(self):
        driver = base.ScriptedDriver([OFF, ON])
        confirm.switch_on([self.feed(driver)], pause=self.clock.sleep)
        self.assertEqual(['on'], driver.asked)

    def test_reset_by_the_device(self):
        driver = base.ScriptedDriver([ON])
        self.reset(self.feed(driver))
        self.assertEqual(['reset'], driver.asked)

    def test_reset_of_what_is_off_switches_on(self):
        driver = base.ScriptedDriver([OFF, OFF, ON])
        self.reset(self.feed(driver))
        self.assertEqual(['on'], driver.asked)

    def test_reset_without_help_of_the_device(self):
        driver = base.SlowDriver(self.clock)
        self.reset(self.feed(driver))
        self.assertEqual(['off', 'on'], driver.asked)

    def test_pw7_nothing_is_switched_on_when_off_failed(self):
        driver = base.SlowDriver(self.clock, off_after=None)
        self.assertRaises(exceptions.PowerTimeout, self.reset,
                          self.feed(driver))
        self.assertNotIn('on', driver.asked)

    def test_pw7_a_refused_reset_is_a_failure(self):
        driver = base.ScriptedDriver([ON], exceptions.PowerRefused(
            device=base.device(), request='power reset', reason='no'))
        self.assertRaises(exceptions.PowerRefused, self.reset,
                          self.feed(driver))
        self.assertEqual(['reset'], driver.asked)

    def test_reset_with_two_feeds_cuts_both(self):
        drivers = [base.SlowDriver(self.clock), base.SlowDriver(self.clock)]
        self.reset(*[self.feed(driver) for driver in drivers])
        self.assertEqual([['off', 'on']] * 2,
                         [driver.asked for driver in drivers])


class MannerTestCase(ConfirmTestCase):
    """PW18: what is allowed of soft and hard."""

    def switch_off(self, manner, *feeds, **values):
        confirm.switch_off(list(feeds), manner=manner,
                           pause=self.clock.sleep, **values)

    def test_only_soft(self):
        """A guest that ignores it stays on."""
        driver = base.SlowDriver(self.clock, soft_after=None)
        error = self.assertRaises(
            exceptions.PowerTimeout, self.switch_off,
            confirm.Manner(hard=False), self.feed(driver))
        self.assertIn('120 s', str(error))
        self.assertEqual(['soft'], driver.asked)

    def test_only_soft_where_a_device_cannot(self):
        able, unable = (base.SlowDriver(self.clock) for _ in range(2))
        unable.supports_soft = False
        self.assertRaises(
            exceptions.PowerUnsupported, self.switch_off,
            confirm.Manner(hard=False), self.feed(able), self.feed(unable))
        self.assertEqual(([], []), (able.asked, unable.asked))

    def test_own_timeout(self):
        driver = base.SlowDriver(self.clock, soft_after=None)
        self.switch_off(confirm.Manner(soft_timeout=7), self.feed(driver))
        self.assertEqual(['soft', 'off'], driver.asked)
        self.assertLess(self.clock.now - 1000, 15)

    def test_hard(self):
        driver = base.SlowDriver(self.clock, soft_after=0)
        self.switch_off(confirm.HARD, self.feed(driver))
        self.assertEqual(['off'], driver.asked)

    def test_a_pause_of_its_own(self):
        """Only a shutdown may be ended by it, a cut goes on."""
        class Stopped(Exception):
            pass

        def stop(seconds):
            raise Stopped

        driver = base.SlowDriver(self.clock, soft_after=None)
        self.assertRaises(Stopped, self.switch_off, confirm.SOFT_THEN_HARD,
                          self.feed(driver), soft_pause=stop)
        self.assertEqual(['soft'], driver.asked)
        self.switch_off(confirm.HARD, self.feed(driver), soft_pause=stop)


class JournalTestCase(ConfirmTestCase):
    """An action that is begun again does nothing twice."""

    def setUp(self):
        super().setUp()
        self.journal = confirm.Journal()

    def reset(self, *drivers, **values):
        confirm.reset([self.feed(driver) for driver in drivers],
                      pause=self.clock.sleep, journal=self.journal,
                      **values)

    def test_a_shutdown_is_asked_for_once(self):
        driver = base.SlowDriver(self.clock, soft_after=100)
        driver.power_off(None, '1', soft=True)
        self.journal.note(f'asked {self.feed(driver)} to shut down')
        self.clock.sleep(90)
        confirm.switch_off([self.feed(driver)], pause=self.clock.sleep,
                           journal=self.journal)
        self.assertEqual(['soft'], driver.asked)

    def test_a_shutdown_gets_what_is_left_of_its_time(self):
        driver = base.SlowDriver(self.clock, soft_after=None)
        self.journal.note(f'asked {self.feed(driver)} to shut down')
        self.clock.sleep(110)
        now = self.clock.now
        confirm.switch_off([self.feed(driver)], pause=self.clock.sleep,
                           journal=self.journal)
        self.assertEqual(['off'], driver.asked)
        self.assertLess(self.clock.now - now, 20)

    def test_reset_is_noted_before_and_after(self):
        noted = []

        class Device(base.ScriptedDriver):
            def reset(self, device, output):
                noted.append(sorted(journal._noted))

        journal = self.journal
        self.reset(Device([ON]))
        self.assertEqual([['asked to reset']], noted)
        self.assertTrue(journal.has('was reset'))

    def test_after_the_reset(self):
        driver = base.ScriptedDriver([ON])
        self.journal.note('asked to reset')
        self.journal.note('was reset')
        self.reset(driver)
        self.assertEqual([], driver.asked)

    def test_nobody_knows_whether_it_was_reset(self):
        """It is told, and not done once more."""
        driver = base.ScriptedDriver([ON])
        self.journal.note('asked to reset')
        error = self.assertRaises(exceptions.PowerInterrupted, self.reset,
                                  driver)
        self.assertEqual([], driver.asked)
        self.assertNotIn(base.PASSWORD, str(error))

    def test_nobody_knows_but_it_is_off(self):
        driver = base.ScriptedDriver([OFF, OFF, ON])
        self.journal.note('asked to reset')
        self.reset(driver)
        self.assertEqual(['on'], driver.asked)

    def test_in_the_middle_of_off_and_on(self):
        """Whatever it was about to do, both feeds are cut, and then on."""
        drivers = [base.SlowDriver(self.clock) for _ in range(2)]
        drivers[0].power_off(None, '1')
        self.journal.note('switching off')
        self.reset(*drivers)
        self.assertEqual([['off', 'on']] * 2,
                         [driver.asked for driver in drivers])

    def test_after_off(self):
        drivers = [base.SlowDriver(self.clock) for _ in range(2)]
        drivers[0].power_on(None, '1')
        self.journal.note('switching off')
        self.journal.note('off')
        self.reset(*drivers)
        self.assertEqual([['on'], []], [driver.asked for driver in drivers])

    def test_soft_reset(self):
        driver = base.SlowDriver(self.clock, soft_after=30)
        self.reset(driver, manner=confirm.Manner(hard=False))
        self.assertEqual(['soft', 'on'], driver.asked)

    def test_soft_reset_of_a_guest_that_ignores_it(self):
        """PW18, PW7: it stays on, and it is said."""
        driver = base.SlowDriver(self.clock, soft_after=None)
        self.assertRaises(exceptions.PowerTimeout, self.reset, driver,
                          manner=confirm.Manner(hard=False))
        self.assertEqual(['soft'], driver.asked)


class AdmissionTestCase(ConfirmTestCase):

    def setUp(self):
        super().setUp()
        self.seen = []

    @contextlib.contextmanager
    def admit(self):
        self.seen.append('in')
        yield
        self.seen.append('out')

    def switch_on(self, *drivers):
        confirm.switch_on([self.feed(driver) for driver in drivers],
                          pause=self.clock.sleep, admit=self.admit)

    def test_what_is_off(self):
        driver = base.SlowDriver(self.clock)
        driver.power_off(None, '1')
        self.switch_on(driver)
        self.assertEqual(['in', 'out'], self.seen)

    def test_what_is_on_waits_for_nothing(self):
        self.switch_on(base.ScriptedDriver([ON]))
        self.assertEqual([], self.seen)

    def test_one_of_two_feeds(self):
        self.switch_on(base.ScriptedDriver([ON]),
                       base.ScriptedDriver([UNKNOWN, ON]))
        self.assertEqual(['in', 'out'], self.seen)


class UpdatingTestCase(ConfirmTestCase):
    """PW9: nothing is tried on a BMC that updates its firmware."""

    def test_all(self):
        error = exceptions.PowerUpdating(device=base.device())
        for function in (confirm.fence, confirm.switch_off,
                         confirm.switch_on, confirm.reset):
            driver = base.ScriptedDriver([error])
            now = self.clock.now
            self.assertIs(error, self.assertRaises(
                exceptions.PowerUpdating, function, [self.feed(driver)],
                pause=self.clock.sleep))
            self.assertEqual(([], now), (driver.asked, self.clock.now))
        self.assertIn('firmware', str(error))

    def test_while_it_is_switched(self):
        error = exceptions.PowerUpdating(device=base.device())
        driver = base.ScriptedDriver([ON, OFF, error])
        self.assertRaises(exceptions.PowerUpdating, self.fence,
                          self.feed(driver))
