# SPDX-License-Identifier: Apache-2.0
"""What keeps a node from being as it is to be is told (FP2)."""

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.tests.unit.power import base

ON, OFF, UNKNOWN = states.POWER_ON, states.POWER_OFF, states.UNKNOWN
DEVICE = base.device()
FINAL = (
    exceptions.PowerUnresolvable(device=DEVICE),
    exceptions.PowerCredentials(device=DEVICE),
    exceptions.PowerUntrusted(device=DEVICE, reason='x'),
    exceptions.PowerUnsupported(device=DEVICE, request='x'),
    exceptions.PowerStrange(device=DEVICE, request='x', reason='a redirect'))
#: What may be over in some seconds.
PASSING = (
    exceptions.PowerUnreachable(device=DEVICE),
    exceptions.PowerSilent(device=DEVICE),
    exceptions.PowerBusy(device=DEVICE),
    exceptions.PowerUnclear(device=DEVICE, state='"PoweringOff"'),
    exceptions.PowerProtocol(device=DEVICE, request='x', reason='y'))
REFUSED = exceptions.PowerRefused(device=DEVICE, request='power off',
                                  reason='HTTP status 500')


class PursuitCase(base.PowerTestCase):

    def setUp(self):
        super().setUp()
        self.begun = self.clock.now

    @property
    def passed(self):
        return self.clock.now - self.begun

    def fails(self, driver, function=confirm.fence, **values):
        return self.assertRaises(
            exceptions.PowerError, function, [self.feed(driver)],
            pause=self.clock.sleep, **values)


class CausesTestCase(PursuitCase):

    def check(self, error, cause):
        """FP2: it is the cause, with what it led to."""
        self.assertIs(type(cause), type(error))
        self.assertEqual(cause.error_code, error.error_code)
        self.assertEqual(
            f'{cause.error_code}: {cause.message} {DEVICE} did not confirm '
            f'power_off within 60 s; last read: {self.last}.', str(error))

    def test_final_ones_at_once(self):
        """FP2: while it is read, and while it is asked."""
        for cause in FINAL:
            for driver in (base.ScriptedDriver([cause]),
                           base.ScriptedDriver([ON], cause)):
                self.assertIs(cause, self.fails(driver))
        self.assertEqual(0, self.passed)

    def test_passing_ones_at_the_end_of_the_time(self):
        """FP2: they are tried until then, and named."""
        for cause in PASSING:
            self.begun = self.clock.now
            self.last = UNKNOWN
            self.check(self.fails(base.ScriptedDriver([cause])), cause)
            self.last = ON
            driver = base.ScriptedDriver([ON], cause)
            self.check(self.fails(driver), cause)
            self.assertGreater(len(driver.asked), 10)
            self.assertGreaterEqual(self.passed, 120)

    def test_the_last_one_counts(self):
        """FP2: not one that has passed."""
        driver = base.ScriptedDriver([PASSING[0]] * 3 + [ON])
        error = self.fails(driver)
        self.assertIs(exceptions.PowerTimeout, type(error))
        self.assertNotIn('cannot be reached', str(error))
        self.last = UNKNOWN
        self.check(self.fails(base.ScriptedDriver(
            [PASSING[0]] * 3 + [PASSING[2]])), PASSING[2])

    def test_one_of_two_feeds(self):
        """FP2: the one with a cause, whichever it is."""
        slow = base.SlowDriver(self.clock, off_after=None)
        lost = base.ScriptedDriver([ON, PASSING[0]])
        for feeds in ([self.feed(slow), self.feed(lost)],
                      [self.feed(lost), self.feed(slow)]):
            lost.readings = [ON, PASSING[0]]
            error = self.assertRaises(
                exceptions.PowerUnreachable, confirm.reach, feeds, OFF, 60,
                pause=self.clock.sleep)
            self.assertIn('cannot be reached', error.message)

    def test_no_secret(self):
        error = self.fails(base.ScriptedDriver([PASSING[2]]))
        self.assertNotIn(base.PASSWORD, base.everything_of(error))


class RefusalsTestCase(PursuitCase):
    """A request that is refused (FP2)."""

    def test_in_earnest(self):
        """FP2: asked once more, then it is the last word."""
        driver = base.ScriptedDriver([ON], REFUSED)
        self.assertIs(REFUSED, self.fails(driver))
        self.assertEqual(['off', 'off'], driver.asked)
        self.assertLess(self.passed, 10)

    def test_while_the_wanted_state_is_read(self):
        """FP2: that is no failure; nor while nothing is read."""
        for readings in ([ON, OFF], [UNKNOWN, OFF], [ON, ON, OFF],
                         [ON, *[UNKNOWN] * 9, OFF],
                         [ON, *[PASSING[0]] * 9, OFF]):
            confirm.fence([self.feed(base.ScriptedDriver(
                readings, REFUSED))], pause=self.clock.sleep)

    def test_for_a_moment(self):
        """FP2: a device may be in the middle of something."""
        driver = base.SlowDriver(self.clock)
        ask, driver.power_off = driver.power_off, self.refuse
        self.pending = lambda: setattr(driver, 'power_off', ask)
        confirm.fence([self.feed(driver)], pause=self.clock.sleep)
        self.assertEqual(['off'], driver.asked)

    def refuse(self, device, output, soft=False):
        self.pending()
        raise REFUSED

    def test_after_it_was_taken(self):
        """FP2: it is off, tells the old state, and refuses to be off."""
        driver = base.SlowDriver(self.clock, off_after=45)
        ask = driver.power_off

        def power_off(device, output, soft=False):
            if driver.asked:
                raise REFUSED
            ask(device, output, soft)

        driver.power_off = power_off
        confirm.fence([self.feed(driver)], pause=self.clock.sleep)
        self.assertEqual(['off'], driver.asked)

    def test_of_a_slow_relay(self):
        """FP2: one that has not moved yet has not refused."""
        class Relay(base.SlowDriver):
            def power_off(self, device, output, soft=False):
                super().power_off(device, output, soft)
                raise exceptions.PowerUnchanged(
                    device=device, request='x', reason='it did not change')

        driver = Relay(self.clock, off_after=20)
        confirm.fence([self.feed(driver)], pause=self.clock.sleep)
        self.assertEqual(['off'], driver.asked)
        error = self.fails(Relay(self.clock, off_after=None))
        self.assertIs(exceptions.PowerTimeout, type(error))

    def test_of_a_soft_shutdown(self):
        """FP2: what is left is done at once, if anything is."""
        class Deaf(base.SlowDriver):
            def power_off(self, device, output, soft=False):
                super().power_off(device, output, soft)
                if soft:
                    raise REFUSED

        driver = Deaf(self.clock)
        confirm.switch_off([self.feed(driver)], pause=self.clock.sleep)
        self.assertEqual(['soft', 'off'], driver.asked)
        driver = Deaf(self.clock)
        self.assertIs(REFUSED, self.fails(
            driver, confirm.switch_off, manner=confirm.Manner(hard=False)))
        self.assertEqual(['soft'], driver.asked)
        self.assertLess(self.passed, 15)

    def test_of_what_has_just_gone_off(self):
        """FP2: a node that was cut is not left dark for it."""
        class Hot(base.SlowDriver):
            def power_on(self, device, output):
                self.asked.append('on')
                if self.asked.count('on') < 6:
                    raise REFUSED
                self.asked.pop()
                super().power_on(device, output)

        drivers = [Hot(self.clock), base.SlowDriver(self.clock)]
        confirm.reset([self.feed(driver) for driver in drivers],
                      pause=self.clock.sleep)
        self.assertEqual([ON] * 2, [driver.state(DEVICE, '1')
                                    for driver in drivers])
        # One that nobody has cut may stay as it is.
        driver = base.ScriptedDriver([OFF], REFUSED)
        self.assertIs(REFUSED, self.fails(driver, confirm.switch_on))
        self.assertEqual(['on', 'on'], driver.asked)


class SoftTestCase(PursuitCase):

    def test_out_of_reach(self):
        """FP2: cutting the power is tried all the same, and then told."""
        error = self.fails(base.ScriptedDriver([PASSING[0]]),
                           confirm.switch_off)
        self.assertIs(exceptions.PowerUnreachable, type(error))
        self.assertGreaterEqual(self.passed, 180)

    def test_final(self):
        """FP2: what would keep it from being cut as well is told at once."""
        for cause in FINAL:
            if not isinstance(cause, exceptions.PowerUnsupported):
                self.assertIs(cause, self.fails(
                    base.ScriptedDriver([ON], cause), confirm.switch_off))
        self.assertEqual(0, self.passed)
