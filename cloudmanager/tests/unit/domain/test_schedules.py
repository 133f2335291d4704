# SPDX-License-Identifier: Apache-2.0
"""When audits are due, and when not; all of it in UTC."""

import datetime
import random
import unittest

from cloudmanager.domain import schedules
from cloudmanager.domain.schedules import Window

NOW = datetime.datetime(2026, 3, 4, 12, 0)  # a Wednesday


def at(text):
    return datetime.datetime.fromisoformat(text)


class WindowTestCase(unittest.TestCase):

    def test_of_a_day(self):
        window = Window(('wed',), '09:00', '17:30')
        for time, inside in (('2026-03-04T08:59', False),
                             ('2026-03-04T09:00', True),
                             ('2026-03-04T17:29:59', True),
                             ('2026-03-04T17:30', False),
                             ('2026-03-05T12:00', False)):
            self.assertIs(inside, window.contains(at(time)), time)

    def test_over_midnight(self):
        """What begins on Sunday goes on until Monday."""
        window = Window(('sun',), '22:00', '04:00')
        for time, inside in (('2026-03-08T21:59', False),
                             ('2026-03-08T22:00', True),
                             ('2026-03-09T03:59', True),
                             ('2026-03-09T04:00', False),
                             ('2026-03-08T03:00', False),
                             ('2026-03-09T23:00', False)):
            self.assertIs(inside, window.contains(at(time)), time)

    def test_whole_day(self):
        window = Window(('wed',), '00:00', '00:00')
        self.assertTrue(window.contains(at('2026-03-04T23:59')))
        self.assertFalse(window.contains(at('2026-03-05T00:00')))

    def test_none(self):
        self.assertFalse(schedules.inside((), NOW))


class FollowingTestCase(unittest.TestCase):

    def test_interval(self):
        for due, following in ((None, '2026-03-04T12:10'),
                               ('2026-03-04T12:00', '2026-03-04T12:10'),
                               ('2026-03-04T11:57', '2026-03-04T12:07'),
                               # What was missed is not made up for.
                               ('2026-03-02T11:57', '2026-03-04T12:07'),
                               # The clock was set back by a day.
                               ('2026-03-05T12:00', '2026-03-04T12:10')):
            self.assertEqual(at(following), schedules.following(
                600, None, NOW, due and at(due)), due)

    def test_cron(self):
        for cron, following in (('0 3 * * *', '2026-03-05T03:00'),
                                ('*/15 * * * *', '2026-03-04T12:15'),
                                ('30 1 * * sun', '2026-03-08T01:30')):
            self.assertEqual(at(following), schedules.following(
                None, cron, NOW, at('2026-01-01T00:00')), cron)

    def test_always_later(self):
        """Whatever the clock does, the next one is ahead, but not far."""
        rng = random.Random(5)  # noqa: S311
        for _ in range(2000):
            due = NOW + datetime.timedelta(seconds=rng.randint(-9**6, 9**6))
            step = rng.randint(60, 86400)
            found = schedules.following(step, None, NOW, due)
            self.assertLess(NOW, found)
            self.assertLessEqual(found,
                                 NOW + datetime.timedelta(seconds=step))

    def test_bad_cron(self):
        for text in ('', '* * * *', '* * * * * *', '61 * * * *', 'a b c d e',
                     '@daily', '0 0 30 2 *', '*/0 * * * *'):
            self.assertRaises(ValueError, schedules.check_cron, text)
        schedules.check_cron('0 3 * * 1-5')

    def test_bad_clock(self):
        for text in ('24:00', '9:00', '12:60', '', '12:00 ', '１2:00'):
            self.assertRaises(ValueError, schedules.check_clock, text)
        schedules.check_clock('23:59')
