# SPDX-License-Identifier: Apache-2.0
"""What moves have gained, by what is measured afterwards."""

import unittest

from cloudmanager.planning.drs import gains
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import settings as drs_settings
from cloudmanager.tests.unit.planning import factory

SETTINGS = drs_settings.Settings(use_weight=1.0, weights={'VCPU': 1.0})


def measure(places, uses, moves, hosts='ab'):
    """Measure moves, as (server, source, target, gain)."""
    cloud = factory.cloud(
        [factory.host(name) for name in hosts],
        [factory.server(key, on) for key, on in places.items()])
    use = load.Use({name: {'VCPU': sum(
        uses[key] for key, on in places.items() if on == name)}
        for name in hosts}, {key: {'VCPU': uses[key]} for key in places})
    return gains.measure(cloud, hosts, use, SETTINGS,
                         [gains.Made(*move) for move in moves])


class GainsTestCase(unittest.TestCase):

    def total(self):
        return factory.cloud([factory.host('a')], []).hosts[
            'a'].inventory['VCPU'].total

    def test_good(self):
        """Four of four busy servers were on one host."""
        found = measure(dict(s1='a', s2='a', s3='b', s4='b'),
                        dict.fromkeys(('s1', 's2', 's3', 's4'), 1.0),
                        [('s3', 'a', 'b', 0.2), ('s4', 'a', 'b', 0.1)])
        apart = 4 / self.total()
        self.assertAlmostEqual(apart, sum(found.moves.values()), 3)
        # They share it by what was thought of them.
        self.assertAlmostEqual(2, found.moves['s3'] / found.moves['s4'], 1)
        self.assertAlmostEqual(apart / 2, found.whole, 3)
        self.assertEqual({}, found.unknown)

    def test_bad(self):
        """The others have become idle: it would be better undone."""
        found = measure(dict(s1='a', s2='a', s3='b', s4='b'),
                        dict(s1=0.0, s2=0.0, s3=2.0, s4=2.0),
                        [('s3', 'a', 'b', 0.2)])
        self.assertAlmostEqual(-4 / self.total(), found.moves['s3'], 3)
        self.assertGreater(0, found.whole)

    def test_load_changed_for_all(self):
        """That everything has become busy is nobody's gain or loss."""
        found = measure(dict(s1='a', s2='b'), dict(s1=9.0, s2=9.0),
                        [('s2', 'a', 'b', 0.1)])
        self.assertLess(0, found.moves['s2'])

    def test_swap(self):
        """The two of a swap are judged together."""
        found = measure(dict(s1='b', s2='a', s3='a', s4='b'),
                        dict(s1=4.0, s2=2.0, s3=3.0, s4=1.0),
                        [('s1', 'a', 'b', 0.1), ('s2', 'b', 'a', 0.1)])
        self.assertEqual(found.moves['s1'], found.moves['s2'])
        self.assertAlmostEqual(4 / self.total(),
                               sum(found.moves.values()), 3)

    def test_unknown(self):
        found = measure(dict(s1='a', s2='b'), dict(s1=1.0, s2=1.0), [
            ('gone', 'a', 'b', 0.1), ('s1', 'a', 'b', 0.1),
            ('s2', 'z', 'b', 0.1)])
        self.assertEqual({
            'gone': 'the server has left the aggregate',
            's1': 'the server is on a now',
            's2': 'host z is not in use any more'}, found.unknown)
        self.assertEqual((None, {}), (found.whole, found.moves))

    def test_predicted(self):
        before = {'VCPU': 0.3, 'MEMORY_MB': 0.1}
        after = {'VCPU': 0.1, 'MEMORY_MB': 0.1}
        self.assertAlmostEqual(0.1, gains.predicted(
            before, after, drs_settings.Settings()))
        self.assertEqual(0.0, gains.predicted(
            before, after, drs_settings.Settings(weights={})))
