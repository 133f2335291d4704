# SPDX-License-Identifier: Apache-2.0
"""What the tests of power drivers with devices of other makes share."""

import contextlib
import gc
import logging
import os
import threading
import time

import fixtures
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools

from cloudmanager.conf import power as power_conf
from cloudmanager.tests.unit.power import base as unit_base


class PowerDriverTestCase(testtools.TestCase):
    """Has the options of power, and all that is logged.

    :cvar prompt: seconds within which a call that needs no waiting is over
    :cvar pace: how much more often than with real machines states are read
    """

    password = unit_base.PASSWORD
    deadline = 3.0
    prompt = 3.0
    pace = 10
    confirm_timeout = 10.0
    soft_timeout = 3.0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Devices have seconds to answer here. Other tests can wait.
        before = os.getpriority(os.PRIO_PROCESS, 0)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before - 10)
            cls.addClassCleanup(os.setpriority, os.PRIO_PROCESS, 0, before)

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(
            level=logging.DEBUG))
        # Before all that may log, so that it is checked after all of it.
        self.addCleanup(self.check_logs)
        self.conf = self.useFixture(config_fixture.Config(cfg.CONF))
        power_conf.register_opts(self.conf.conf)
        self.conf.config(group='power', call_deadline=self.deadline,
                         confirm_timeout=self.confirm_timeout,
                         soft_timeout=self.soft_timeout)

    def check_logs(self):
        self.assertNotIn(self.password, self.logger.output)

    @contextlib.contextmanager
    def short_deadline(self):
        """Wait a second only for a device that is silent.

        A device that answers gets more time: the machine may be busy.
        """
        self.conf.config(group='power', call_deadline=1.0)
        yield
        self.conf.config(group='power', call_deadline=self.deadline)

    def pause(self, seconds):
        time.sleep(seconds / self.pace)

    def fails(self, kind, function, *arguments, within=None):
        """Return the error of a call that has to fail in time.

        :param within: seconds; ``prompt`` by default
        """
        start = time.monotonic()
        error = self.assertRaises(kind, function, *arguments)
        self.assertLess(time.monotonic() - start, within or self.prompt)
        self.assertNotIn(self.password, unit_base.everything_of(error))
        return error

    def leaves_nothing(self, call, times=20):
        """Check that calls leave neither open files nor threads behind."""
        call()
        gc.collect()
        files = len(os.listdir('/proc/self/fd'))
        threads = threading.active_count()
        for _ in range(times):
            call()
        # A peer in this process takes a moment to close its side.
        deadline = time.monotonic() + self.prompt
        while (len(os.listdir('/proc/self/fd')) > files
               or threading.active_count() > threads):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def delays_nobody(self, lost, call):
        """Check that calls are answered in time while another waits.

        :param lost: the future of a call that will fail
        """
        longest = calls = 0
        while not lost.done():
            start = time.monotonic()
            call()
            longest = max(longest, time.monotonic() - start)
            calls += 1
        lost.result()
        self.assertLess(longest, self.prompt)
        self.assertGreater(calls, 5)
