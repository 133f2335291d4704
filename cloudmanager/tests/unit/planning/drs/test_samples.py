# SPDX-License-Identifier: Apache-2.0

import math
import unittest

from cloudmanager.planning.drs import samples

NOW = 1_000_000.0
LIMITS = samples.Limits(window=600.0, half_life=60.0, max_age=120.0)


def series(*values, end=NOW, every=60.0):
    """Samples in even distances, the last one at the end."""
    return [(end - every * (len(values) - number), value)
            for number, value in enumerate(values, 1)]


class SummaryTestCase(unittest.TestCase):

    def summary(self, found):
        return samples.summary(found, NOW, LIMITS)

    def test_later_ones_weigh_more(self):
        found = self.summary(series(0.0, 0.0, 7.0))
        # Weights are a quarter, a half and one.
        self.assertAlmostEqual(4.0, found.average)

    def test_constant(self):
        found = self.summary(series(*[3.0] * 10))
        self.assertAlmostEqual(3.0, found.average)
        self.assertEqual((3.0, 0.0), (found.peak, found.age))

    def test_peak(self):
        """DS4: one sample of twenty is no peak, two are."""
        limits = samples.Limits(window=3600.0, half_life=60.0, max_age=120.0)
        one = samples.summary(series(*[1.0] * 19, 9.0), NOW, limits)
        two = samples.summary(series(*[1.0] * 18, 9.0, 9.0), NOW, limits)
        self.assertEqual((1.0, 9.0), (one.peak, two.peak))

    def test_window(self):
        """What lies before the window counts nothing."""
        found = self.summary(series(*[1000.0] * 5, *[1.0] * 10))
        self.assertAlmostEqual(1.0, found.peak)

    def test_age(self):
        found = self.summary(series(1.0, 1.0, 1.0, end=NOW - 100))
        self.assertEqual(100.0, found.age)

    def test_no_numbers(self):
        """What is no number is left out, and not zero."""
        found = self.summary(series(2.0, math.nan, math.inf, -1.0, 2.0, 2.0))
        self.assertAlmostEqual(2.0, found.average)

    def test_unknown(self):
        for found, reason in (
                ((), 'is not measured'),
                (series(math.nan, math.nan, math.nan), 'is not measured'),
                (series(1.0, 1.0, 1.0, end=NOW - 121), '121 s ago'),
                (series(1.0, 1.0), '2 times only'),
                (series(1.0, 1.0, 1.0, end=NOW + 9000), 'is not measured')):
            self.assertIn(reason, self.summary(found))

    def test_clocks_differ(self):
        found = self.summary(series(1.0, 1.0, 1.0, end=NOW + 100))
        self.assertEqual((1.0, 0.0), (found.average, found.age))


class UseTestCase(unittest.TestCase):

    def use(self, hosts, servers=None, missing=None, names='a'):
        return samples.use(samples.Samples(hosts, servers or {},
                                           missing or {}),
                           names, NOW, LIMITS)

    def test_known(self):
        use = self.use(
            {'a': {'VCPU': series(*[2.0] * 3),
                   'MEMORY_MB': series(*[512.0] * 3, end=NOW - 30),
                   'MEMORY_PRESSURE': series(*[0.5] * 3)}},
            {'s': {'VCPU': series(1.0, 1.0, 1.0),
                   'DIRTY': series(8.0, 8.0, 8.0)}})
        self.assertEqual({'a': {'VCPU': 2.0, 'MEMORY_MB': 512.0}}, use.hosts)
        self.assertEqual(use.hosts, use.host_peaks)
        self.assertEqual({'a': {'MEMORY_MB': 0.5}}, use.pressure)
        self.assertEqual({'a': 30.0}, use.ages)
        self.assertEqual(({'s': {'VCPU': 1.0}}, {'s': 8.0}),
                         (use.servers, use.dirty))
        self.assertEqual({}, use.missing)

    def test_missing(self):
        """What is not known is told by host, and has no number."""
        use = self.use({'a': {'VCPU': series(*[2.0] * 3, end=NOW - 500)},
                        'b': {}}, missing={'c': 'silent'}, names='abc')
        self.assertEqual({}, use.hosts)
        self.assertEqual(
            {'a': 'CPU was measured 500 s ago last, memory is not measured',
             'b': 'CPU is not measured, memory is not measured',
             'c': 'silent'}, use.missing)

    def test_disk(self):
        """The use of disks need not be known."""
        known = {'VCPU': series(*[2.0] * 3), 'MEMORY_MB': series(*[1.0] * 3)}
        self.assertEqual({}, self.use({'a': known}).missing)
        self.assertIn('disk', self.use(
            {'a': {**known, 'DISK_GB': ()}}).missing['a'])


class MovedTestCase(unittest.TestCase):
    """A server that uses 4 CPUs has gone from a to b."""

    def use(self, *moves, hosts=('a', 'b'), busy=(6.0, 6.0)):
        found = samples.Samples(
            {host: {'VCPU': series(*[amount] * 10)}
             for host, amount in zip(hosts, busy, strict=True)},
            {'s': {'VCPU': series(*[4.0] * 10)}})
        return samples.use(found, hosts, NOW, LIMITS, [
            samples.Moved('s', *move) for move in moves])

    def cpus(self, *moves, **values):
        return {host: round(found['VCPU'], 3) for host, found in
                self.use(*moves, **values).hosts.items()}

    def test_just_now(self):
        """All samples are of the time before."""
        self.assertEqual({'a': 2.0, 'b': 10.0}, self.cpus(('a', 'b', NOW)))
        use = self.use(('a', 'b', NOW))
        # What a needs at times is not known yet to be less.
        self.assertEqual((6.0, 10.0), (use.host_peaks['a']['VCPU'],
                                       use.host_peaks['b']['VCPU']))

    def test_a_while_ago(self):
        """The last two samples already know; they are most of the weight."""
        found = self.cpus(('a', 'b', NOW - 90))
        self.assertAlmostEqual(6.0 - 4.0 / 4, found['a'], delta=0.01)
        self.assertAlmostEqual(6.0 + 4.0 / 4, found['b'], delta=0.01)

    def test_long_ago(self):
        self.assertEqual({'a': 6.0, 'b': 6.0},
                         self.cpus(('a', 'b', NOW - 3000)))

    def test_there_and_back(self):
        self.assertEqual({'a': 6.0, 'b': 6.0}, self.cpus(
            ('a', 'b', NOW), ('b', 'a', NOW)))

    def test_through(self):
        self.assertEqual(
            {'a': 2.0, 'b': 6.0, 'c': 10.0},
            self.cpus(('a', 'b', NOW), ('b', 'c', NOW), hosts='abc',
                      busy=(6.0, 6.0, 6.0)))

    def test_never_below_nothing(self):
        self.assertEqual({'a': 0.0, 'b': 10.0},
                         self.cpus(('a', 'b', NOW), busy=(1.0, 6.0)))

    def test_elsewhere(self):
        """A host that is not measured, and a server that is not."""
        self.assertEqual({'a': 2.0, 'b': 6.0}, self.cpus(('a', 'x', NOW)))
        found = samples.Samples({'a': {'VCPU': series(*[6.0] * 10)}})
        use = samples.use(found, 'a', NOW, LIMITS, [
            samples.Moved('s', 'a', 'b', NOW)])
        self.assertEqual({'a': {'VCPU': 6.0}}, use.hosts)
