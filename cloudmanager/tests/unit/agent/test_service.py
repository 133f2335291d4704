# SPDX-License-Identifier: Apache-2.0
"""When an agent reports."""

from cloudmanager.agent import service
from cloudmanager.tests import base


class UntilReportTestCase(base.TestCase):

    def test_with_the_clock(self):
        """Agents that began at any moment report at the same moments."""
        for now in (100.0, 100.25, 100.75, 1.7e9 + 0.5):
            pause = service.until_report(30.0, now)
            self.assertEqual(0.0, (now + pause) % 1.0)
            self.assertGreater(pause, 29.0)
            self.assertLessEqual(pause, 30.0)
        # Nothing is lost from then on.
        self.assertEqual(30.0, service.until_report(30.0, 130.0))

    def test_broken_interval(self):
        """Never later than the interval, nor at once."""
        for now in (0.0, 0.3, 0.6, 0.9):
            pause = service.until_report(1.5, now)
            self.assertGreater(pause, 0.5)
            self.assertLessEqual(pause, 1.5)

    def test_short_interval(self):
        self.assertEqual(0.2, service.until_report(0.2, 100.9))
