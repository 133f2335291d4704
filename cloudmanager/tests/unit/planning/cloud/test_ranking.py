# SPDX-License-Identifier: Apache-2.0
"""The best host is the one that a search of all of them would find."""

import random

from cloudmanager.planning import options
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import ranking
from cloudmanager.tests import base

WANTED = {'VCPU': 2, 'MEMORY_MB': 4096}


def _bin(name, memory, flags=options.DEFAULT):
    return ledger.Bin(model.Host(name=name, inventory={
        'VCPU': model.Inventory(16, allocation_ratio=4.0),
        'MEMORY_MB': model.Inventory(memory)}), flags)


class RankingTestCase(base.TestCase):

    def best(self, made, allowed=None, costs=None):
        found = made.best(lambda name: allowed is None or name in allowed,
                          lambda name: (costs or {}).get(name, 0.0))
        return found and found.name

    def test_order(self):
        """By load, then by name; a host to be avoided comes last."""
        flags = options.Options(avoid_hosts=frozenset({'a'}))
        made = ranking.Ranking(
            [_bin('a', 65536, flags), _bin('c', 32768), _bin('b', 32768),
             _bin('d', 16384), _bin('small', 2048)], WANTED)
        self.assertEqual('b', self.best(made))
        self.assertEqual('c', self.best(made, {'a', 'c', 'd', 'small'}))
        self.assertEqual('a', self.best(made, {'a', 'small'}))
        self.assertIsNone(self.best(made, {'small'}))
        self.assertEqual('d', self.best(made, None, {'b': 0.2, 'c': 0.2}))
        self.assertEqual('b', self.best(made), 'a query changes nothing')

    def test_full_and_free_again(self):
        bins = [_bin('a', 8192), _bin('b', 6000)]
        made = ranking.Ranking(bins, WANTED)
        bins[0].add({'MEMORY_MB': 5000})
        made.update('a')
        self.assertEqual('b', self.best(made))
        bins[1].add({'MEMORY_MB': 5000})
        made.update('b')
        self.assertIsNone(self.best(made))
        bins[0].add({'MEMORY_MB': 5000}, -1)
        made.update('a')
        made.update('unknown')
        self.assertEqual('a', self.best(made))

    def test_as_a_search(self):
        for seed in range(30):
            self.check(random.Random(seed))

    def check(self, rng):
        bins = [_bin(f'h{number}', rng.choice((16384, 32768)))
                for number in range(12)]
        made = ranking.Ranking(bins, WANTED)
        placed = []
        for _ in range(60):
            if placed and rng.random() < 0.4:
                bin_ = placed.pop(rng.randrange(len(placed)))
                bin_.add(WANTED, -1)
            else:
                bin_ = rng.choice(bins)
                placed.append(bin_)
                bin_.add(WANTED)
            made.update(bin_.name)
            allowed = {b.name for b in bins if rng.random() < 0.8}
            costs = {b.name: 0.2 for b in bins if rng.random() < 0.3}
            wanted = min(
                ((avoid, load + costs.get(name, 0.0), name)
                 for avoid, load, name in (
                     ranking.score(b, WANTED) for b in bins
                     if b.fits(WANTED) and b.name in allowed)),
                default=(None,))
            self.assertEqual(wanted[-1], self.best(made, allowed, costs))
