# SPDX-License-Identifier: Apache-2.0

import datetime
import unittest

from cloudmanager.planning.drs import movable

NOW = datetime.datetime(2026, 11, 28, 12)


class CooldownTestCase(unittest.TestCase):

    def left(self, *minutes, base=1800, most=86400):
        return movable.cooldown(
            [NOW - datetime.timedelta(minutes=age) for age in minutes], NOW,
            base, most)

    def test_never_moved(self):
        self.assertEqual(0.0, self.left())

    def test_once(self):
        self.assertEqual(600.0, self.left(20))
        self.assertEqual(0.0, self.left(30))

    def test_grows(self):
        """DS3: who is moved again and again rests longer each time."""
        self.assertEqual(3600.0, self.left(0, 60))
        self.assertEqual(7200.0, self.left(0, 60, 120))
        self.assertEqual(86400.0, self.left(*range(40)))

    def test_old_moves(self):
        self.assertEqual(1800.0, self.left(0, 1441, 5000))
        self.assertEqual(0.0, self.left(1441))

    def test_off(self):
        self.assertEqual(0.0, self.left(0, base=0))
