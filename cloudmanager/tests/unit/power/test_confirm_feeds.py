# SPDX-License-Identifier: Apache-2.0
"""Nodes with several feeds, and shutdowns that were perhaps asked for."""

from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power.snmp import daenet_acpi
from cloudmanager.tests.unit.power import base

ON, OFF = states.POWER_ON, states.POWER_OFF
ACTIONS = (confirm.fence, confirm.switch_off, confirm.reset)


class Killed(BaseException):
    """The process ends here."""


class BMC(base.SlowDriver):
    """A device that can get lost, and come back.

    :ivar lost: whether it does not answer
    :ivar lost_after: requests after which it gets lost
    """

    lost = False
    lost_after = None

    def __init__(self, clock, **values):
        super().__init__(clock, **{'soft_after': 5, **values})

    def state(self, device, output):
        if self.lost:
            raise exceptions.PowerUnreachable(device=device)
        return super().state(device, output)

    def _ask(self, what, state):
        if self.lost:
            raise exceptions.PowerUnreachable(device=base.device())
        super()._ask(what, state)
        self.lost = len(self.asked) == self.lost_after


class FeedsCase(base.PowerTestCase):

    def setUp(self):
        super().setUp()
        self.begin()

    def begin(self):
        self.first, self.second = BMC(self.clock), BMC(self.clock)
        self.journal = confirm.Journal()

    def feeds(self):
        return [self.feed(self.first, host='bmc1.example'),
                self.feed(self.second, '2', host='bmc2.example')]

    def act(self, function, **values):
        function(self.feeds(), journal=self.journal,
                 pause=values.pop('pause', self.clock.sleep), **values)

    def fails(self, function, kind=exceptions.PowerError, **values):
        return self.assertRaises(kind, self.act, function, **values)

    def state(self, driver):
        driver.lost = False
        return driver.state(base.device(), '1')


class LostBeforeTestCase(FeedsCase):
    """Nothing is cut while a feed cannot be read (FP1)."""

    def test_all_actions(self):
        for lost, known in ((self.second, self.first),
                            (self.first, self.second)):
            lost.lost = True
            for function in ACTIONS:
                error = self.fails(function, exceptions.PowerFeedSilent)
                self.assertEqual(([], []), (known.asked, lost.asked))
                self.assertIn('bmc2' if lost is self.second else 'bmc1',
                              str(error))
            lost.lost = False

    def test_soft(self):
        """Nor is the operating system asked."""
        self.second.lost = True
        for function in (confirm.switch_off, confirm.reset):
            self.fails(function, exceptions.PowerFeedSilent,
                       manner=confirm.SOFT_THEN_HARD)
        self.assertEqual([], self.first.asked)

    def test_credentials(self):
        error = exceptions.PowerCredentials(device=base.device())
        self.second.state = base.ScriptedDriver([error]).state
        for function in ACTIONS:
            self.fails(function, exceptions.PowerCredentials)
        self.assertEqual([], self.first.asked)

    def test_one_reading_is_not_enough(self):
        """A device that is silent once does not keep the node on."""
        self.second.lost = True
        self.act(confirm.fence, pause=self.come_back)
        self.assertEqual(['off'], self.second.asked)

    def come_back(self, seconds):
        self.second.lost = False
        self.clock.sleep(seconds)


class LostBetweenTestCase(FeedsCase):
    """What was cut is switched on again (FP1)."""

    def begin(self):
        super().begin()
        self.second.lost_after = 1

    def test_cut(self):
        for function in (confirm.fence, confirm.reset):
            self.begin()
            error = self.fails(function)
            self.assertIn('It was switched on again: output 1 of '
                          'IPMI://FakeDevice@bmc1.example:623.', str(error))
            self.assertEqual(['off', 'on'], self.first.asked)
            self.assertEqual(ON, self.state(self.first))

    def test_hopeless(self):
        error = exceptions.PowerCredentials(device=base.device())
        self.second.power_off = base.ScriptedDriver([], error).power_off
        found = self.fails(confirm.reset, exceptions.PowerCredentials)
        self.assertIn('switched on again', str(found))
        self.assertEqual(ON, self.state(self.first))

    def test_soft_reset(self):
        """The guest has shut down; that is not the end of it."""
        found = self.fails(confirm.reset, manner=confirm.SOFT_THEN_HARD)
        self.assertIn('switched on again', str(found))
        self.assertEqual(ON, self.state(self.first))

    def test_soft_off(self):
        """What the guest did at the user's wish stays."""
        self.fails(confirm.switch_off)
        self.assertEqual(['soft'], self.first.asked)

    def test_what_was_off_before(self):
        """A feed that the action did not cut is left alone."""
        self.first.power_off(None, '1')
        self.first.asked.clear()
        self.fails(confirm.fence)
        self.assertEqual([], self.first.asked)

    def test_that_fails_too(self):
        self.first.power_on = base.ScriptedDriver(
            [], exceptions.PowerUnreachable(device=base.device())).power_on
        found = self.fails(confirm.fence)
        self.assertIn('could not be switched on again: output 1',
                      str(found))


class SuccessorTestCase(FeedsCase):
    """A successor knows what was cut (FP1)."""

    def kill(self, seconds):
        raise Killed

    def test_between_the_feeds(self):
        for function in (confirm.fence, confirm.reset):
            self.begin()
            self.second.lost_after = 1
            self.assertRaises(Killed, self.act, function, pause=self.kill)
            self.assertEqual(['off'], self.first.asked)
            self.fails(function, exceptions.PowerFeedSilent)
            self.assertEqual(ON, self.state(self.first))

    def test_what_was_proven_off_stays_off(self):
        """One of a task's later actions does not undo an earlier one."""
        self.act(confirm.fence)
        self.second.lost = True
        self.fails(confirm.switch_off, exceptions.PowerFeedSilent)
        self.assertEqual(OFF, self.state(self.first))
        self.assertEqual(['off'], self.first.asked)


class Button(BMC):
    soft_may_repeat = False


class ShutdownTestCase(base.PowerTestCase):
    """Asked and to be asked are told apart (FP4)."""

    def setUp(self):
        super().setUp()
        self.journal = confirm.Journal()

    def off(self, driver, **values):
        confirm.switch_off([self.feed(driver)], journal=self.journal,
                           **{'pause': self.clock.sleep, **values})

    def kill_in(self, seconds):
        end = self.clock.now + seconds

        def pause(wait):
            self.clock.sleep(wait)
            if self.clock.now >= end:
                raise Killed
        return pause

    def test_silent_and_killed(self):
        """The operating system is asked by the successor."""
        driver = BMC(self.clock)
        driver.lost = True
        self.assertRaises(Killed, self.off, driver, pause=self.kill_in(50))
        driver.lost = False
        self.off(driver)
        self.assertEqual(['soft'], driver.asked)

    def test_killed_while_asking(self):
        """Nobody knows whether it was; it is asked again."""
        driver = BMC(self.clock)
        driver.power_off = self.die
        self.assertRaises(Killed, self.off, driver)
        del driver.power_off
        self.off(driver)
        self.assertEqual(['soft'], driver.asked)

    def test_a_button_is_not_pressed_again(self):
        self.assertFalse(daenet_acpi.DaenetACPIDriver.soft_may_repeat)
        driver = Button(self.clock)
        driver.power_off = self.die
        self.assertRaises(Killed, self.off, driver)
        del driver.power_off
        self.off(driver)
        self.assertEqual(['off'], driver.asked)

    def die(self, device, output, soft):
        raise Killed

    def test_late(self):
        """The time of the guest begins when it was asked."""
        driver = BMC(self.clock, soft_after=100)
        driver.lost = True
        begun = self.clock.now

        def pause(seconds):
            self.clock.sleep(seconds)
            driver.lost = self.clock.now < begun + 110
        self.off(driver, pause=pause)
        self.assertEqual(['soft'], driver.asked)

    def test_one_of_two(self):
        """Who was asked is not asked again; the other one is."""
        asked, other = BMC(self.clock), BMC(self.clock)
        feeds = [self.feed(asked), self.feed(other, '2')]
        self.journal.note(f'asked {feeds[0]} to shut down')
        asked.power_off(None, '1', soft=True)
        confirm.switch_off(feeds, journal=self.journal,
                           pause=self.clock.sleep)
        self.assertEqual((['soft'], ['soft']), (asked.asked, other.asked))

    def test_notes_of_an_earlier_version(self):
        """They were written before it was asked."""
        driver = BMC(self.clock, soft_after=60)
        driver.power_off(None, '1', soft=True)
        self.journal.note('asked to shut down')
        self.off(driver)
        self.assertEqual(['soft'], driver.asked)
