# SPDX-License-Identifier: Apache-2.0
"""What the tests of power drivers have in common."""

import logging
import time
import traceback

import fixtures
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools

from cloudmanager.conf import power as power_conf
from cloudmanager.power import base
from cloudmanager.power import confirm
from cloudmanager.power import states
from cloudmanager.tests import clocks

PASSWORD = 'S3cret-Of-The-BMC'


def device(host='bmc.example', port=623, **values):
    return base.Device(**{
        'control_type': 'FakeDevice', 'protocol_type': 'IPMI', 'host': host,
        'port': port, 'login': 'admin', 'password': PASSWORD, **values})


class ScriptedDriver(base.PowerDriver):
    """A device that does as it was told beforehand.

    :param readings: what it reads one after the other, an exception to
        raise it; the last one for ever
    :param refusal: what a request raises
    """

    supports_soft = True

    def __init__(self, readings, refusal=None):
        self.readings = list(readings)
        self.refusal = refusal
        self.asked = []

    def state(self, device, output):
        found = (self.readings.pop(0) if len(self.readings) > 1
                 else self.readings[0])
        if isinstance(found, Exception):
            raise found
        return found

    def power_on(self, device, output):
        self._ask('on')

    def power_off(self, device, output, soft=False):
        self._ask('soft' if soft else 'off')

    def reset(self, device, output):
        self._ask('reset')

    def _ask(self, what):
        self.asked.append(what)
        if self.refusal is not None:
            raise self.refusal


class SlowDriver(base.PowerDriver):
    """A device that obeys after a while.

    :param off_after: seconds; None for never
    :param soft_after: seconds; None for never
    """

    supports_soft = True

    def __init__(self, clock, off_after=0, soft_after=None):
        self.clock = clock
        self.after = {'off': off_after, 'soft': soft_after, 'on': 0}
        self.asked = []
        self._now = states.POWER_ON
        self._due = []

    def state(self, device, output):
        for when, state in list(self._due):
            if self.clock.now >= when:
                self._now = state
                self._due.remove((when, state))
        return self._now

    def power_on(self, device, output):
        self._ask('on', states.POWER_ON)

    def power_off(self, device, output, soft=False):
        self._ask('soft' if soft else 'off', states.POWER_OFF)

    def _ask(self, what, state):
        self.asked.append(what)
        if self.after[what] is not None:
            self._due.append((self.clock.now + self.after[what], state))


class PowerTestCase(testtools.TestCase):
    """Has the options of power and a clock of its own."""

    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(config_fixture.Config(cfg.CONF))
        power_conf.register_opts(self.conf.conf)
        self.conf.config(group='power', confirm_timeout=60.0,
                         soft_timeout=120.0)
        self.clock = clocks.simulate(self)
        self.logger = self.useFixture(fixtures.FakeLogger())

    def feed(self, driver, output='1', **values):
        return confirm.Feed(driver, device(**values), output)


class DriverTestCase(PowerTestCase):
    """Has all logs, those of libraries too, and no secret in them.

    :cvar patience: seconds within which a call that fails is over
    :cvar secrets: what neither logs nor errors may contain
    """

    patience = 4
    secrets: tuple[str, ...] = (PASSWORD,)

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(
            level=logging.DEBUG))
        # Before all that may log, so that it is checked after all of it.
        self.addCleanup(self.check_logs)

    def check_logs(self):
        for secret in self.secrets:
            self.assertNotIn(secret, self.logger.output)

    def fails(self, kind, function, *arguments, **values):
        """Return the error of a call that has to fail in time."""
        start = time.monotonic()
        error = self.assertRaises(kind, function, *arguments, **values)
        self.assertLess(time.monotonic() - start, self.patience)
        found = everything_of(error)
        for secret in self.secrets:
            self.assertNotIn(secret, found)
        self.assertIsNone(error.__context__)
        return error


def everything_of(error):
    """Return all that a report of an error could show, locals included."""
    report = traceback.TracebackException.from_exception(
        error, capture_locals=True)
    chained = [error.__cause__, error.__context__]
    return ''.join(report.format()) + repr((
        error, str(error), error.args, vars(error), chained))
