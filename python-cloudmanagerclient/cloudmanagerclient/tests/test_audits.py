# SPDX-License-Identifier: Apache-2.0
"""Audits as pictures; their answers are played."""

from cloudmanagerclient.tests import test_hosts

AUDIT = {
    'id': 7, 'aggregate_id': 3, 'status': 'DONE', 'conclusion': 'one move',
    'before': {'hosts': {'cmp1': {'MEMORY_MB': 0.75},
                         'cmp2': {'MEMORY_MB': 0.25}}},
    'after': {'hosts': {'cmp1': {'MEMORY_MB': 0.5},
                        'cmp2': {'MEMORY_MB': 0.5}}},
    'reached': None, 'moves': []}


class ShowTestCase(test_hosts.HostCase):

    def shown(self, **more):
        self.play('GET', '/audits/7', [{'audit': {**AUDIT, **more}}])
        outcome = self.run_command('audit show 7 -f json')
        self.assertIsNone(outcome.error)
        self.assertIn('"conclusion": "one move"', outcome.stdout.getvalue())
        return outcome.stderr.getvalue().splitlines()

    def test_bars(self):
        first, second = self.shown()
        self.assertEqual(['cmp1', 'MEMORY_MB', 15 * '█' + 5 * '░', '75.0%',
                          '->', 10 * '█' + 10 * '░', '50.0%'],
                         first.split())
        self.assertEqual('cmp2', second.split()[0])

    def test_what_was_reached(self):
        """Once moves were made, it counts what came of them."""
        first, _ = self.shown(reached={'hosts': {
            'cmp1': {'MEMORY_MB': 0.6}, 'cmp2': {'MEMORY_MB': 0.4}}})
        self.assertEqual('60.0%', first.split()[-1])

    def test_nothing_seen(self):
        """One that failed has no loads to show."""
        self.assertEqual([], self.shown(before=None, after=None))
