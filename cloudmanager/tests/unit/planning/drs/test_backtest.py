# SPDX-License-Identifier: Apache-2.0
"""Loads of some time ago, replayed against other limits."""

import unittest

from cloudmanager.planning import options as opts
from cloudmanager.planning.drs import backtest
from cloudmanager.planning.drs import samples
from cloudmanager.planning.drs import settings as drs_settings
from cloudmanager.tests.unit.planning import factory

HOUR = 3600.0
LIMITS = samples.Limits(window=900.0, half_life=300.0, max_age=300.0)
SETTINGS = drs_settings.Settings(use_weight=1.0, weights={'VCPU': 1.0},
                                 source_floor=0.0)
PAUSES = backtest.Pauses(base=1800.0, most=86400.0)
TIMES = [number * HOUR for number in range(1, 13)]


def past(busy, hours=13, place='aaaaaaaa'):
    """Samples of each minute.

    :param busy: tells of a server and an hour how many CPUs it used
    """
    servers = {f's{number}': {'VCPU': [
        (minute * 60.0, busy(number, minute // 60))
        for minute in range(hours * 60)]} for number in range(len(place))}
    cloud = factory.cloud(
        [factory.host(name) for name in 'ab'],
        [factory.server(f's{number}', on)
         for number, on in enumerate(place)])
    return cloud, backtest.Past(cloud, 'ab', samples.Samples(
        servers=servers), LIMITS)


def replay(made, **limits):
    settings = drs_settings.Settings(**{
        'use_weight': 1.0, 'weights': {'VCPU': 1.0}, 'source_floor': 0.0,
        **limits})
    return made.replay(TIMES, settings, opts.Options(), PAUSES)


class BacktestTestCase(unittest.TestCase):

    def test_unequal(self):
        """Eight busy servers on one of two hosts: half of them would go."""
        cloud, made = past(lambda number, hour: 1.0)
        still = replay(made, max_moves=0)
        self.assertEqual((0, 12, 0), (still.moves, still.rounds,
                                      still.unknown))
        self.assertAlmostEqual(0.25, still.deviation)
        found = replay(made)
        self.assertEqual((4, 1), (found.moves, found.most_moved))
        # Of the first round only.
        self.assertAlmostEqual(0.25 / 12, found.deviation)
        # The picture of the cloud is as it was.
        self.assertEqual(8, len(list(cloud.servers_on('a'))))

    def test_threshold(self):
        """A higher threshold makes fewer moves, and gains less."""
        _, made = past(lambda number, hour: 1.0)
        tight, loose = replay(made), replay(made, threshold=0.15)
        self.assertLess(loose.moves, tight.moves)
        self.assertGreater(loose.deviation, tight.deviation)
        self.assertEqual(0, replay(made, threshold=0.3).moves)

    def test_flapping(self):
        """Of loads that swing each hour a lower gain makes many moves."""
        _, made = past(lambda number, hour: (
            1.5 if (number < 4) == (hour % 2 == 0) else 0.1),
            place='aaaabbbb')
        calm = replay(made, threshold=0.2)
        busy = replay(made, threshold=0.01, minimum_gain=0.0)
        self.assertLess(calm.moves, busy.moves)
        # The growing pauses hold in a replay, too.
        self.assertLessEqual(busy.most_moved, 6)

    def test_gaps(self):
        """Times of which nothing is known are told, and not taken as idle."""
        _, made = past(lambda number, hour: 1.0, hours=7)
        found = replay(made)
        self.assertEqual((7, 5), (found.rounds, found.unknown))
        _, made = past(lambda number, hour: 1.0, hours=0)
        found = replay(made)
        self.assertEqual((0, None, 12), (found.moves, found.deviation,
                                         found.unknown))
