# SPDX-License-Identifier: Apache-2.0
"""Backtests of an aggregate, by what a source has kept."""

import itertools
from unittest import mock

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.audits import backtests
from cloudmanager.conductor.audits import sources
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.domain.audit_policies import Mode
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import samples
from cloudmanager.tests.unit.conductor.steps import test_audits


class Source:
    """Has measured that each server uses some CPUs all the time."""

    def __init__(self, busy):
        self.busy = busy

    def samples(self, cloud, hosts, start, end):
        times = [start + 60.0 * number
                 for number in range(int((end - start) // 60) + 1)]
        return samples.Samples(servers={
            server.id: {'VCPU': [(time, self.busy) for time in times]}
            for host in hosts for server in cloud.servers_on(host)})


class BacktestsTestCase(test_audits.AuditCase):

    def run_backtest(self, source, **params):
        self.enterContext(mock.patch.object(sources, 'get',
                                            lambda name: source))
        # What is used now is of no matter.
        self.enterContext(mock.patch.object(
            sources, 'read', lambda *args: load.NOTHING))
        return backtests.run(self.tools, test_audits.AGGREGATE, {
            'hours': 4, 'interval': 3600, **params})

    def test_told(self):
        """Six servers of 8 CPUs are on one of two hosts."""
        db_policies.put(self.context, test_audits.AGGREGATE, Mode.OFF,
                        {'max_moves': 1}, clock.utcnow())
        found = self.run_backtest(Source(8.0), max_moves=50, threshold=0.01)
        self.assertEqual((5, 0), (found['rounds'], found['unknown']))
        # The policy lets an audit move one, the request many.
        self.assertEqual((1, 0.01), (found['present']['max_moves'],
                                     found['asked']['threshold']))
        self.assertEqual(3, found['asked']['moves'])
        self.assertEqual(3, found['present']['moves'])
        self.assertGreater(found['asked']['gain'], found['present']['gain'])
        self.assertGreater(found['present']['gain'], 0)
        self.assertAlmostEqual(found['deviation'] - found['asked']['gain'],
                               found['asked']['deviation'], 3)
        # Nothing was moved.
        self.assertEqual([], self.nova.arrived)

    def test_time_is_up(self):
        """All three replays are of the rounds for which there was time."""
        self.config(group='drs', backtest_time=100.0)
        self.assertEqual(
            (5, 0), tuple(self.run_backtest(Source(8.0))[name]
                          for name in ('rounds', 'unreached')))
        moments = iter([0.0, 50.0, 99.0, 100.0])
        with mock.patch.object(clock, 'monotonic',
                               lambda: next(moments)):
            found = self.run_backtest(Source(8.0))
        self.assertEqual((3, 2), (found['rounds'], found['unreached']))
        # In the first of three rounds all is moved that ever is.
        self.assertEqual(3, found['asked']['moves'])
        self.assertAlmostEqual(found['deviation'] / 3,
                               found['asked']['deviation'], 3)

    def test_no_time(self):
        """The first round is replayed however long the rest takes."""
        self.config(group='drs', backtest_time=1.0)
        moments = itertools.count(step=1000.0)
        with mock.patch.object(clock, 'monotonic',
                               lambda: next(moments)):
            found = self.run_backtest(Source(8.0))
        self.assertEqual((1, 4), (found['rounds'], found['unreached']))

    def test_nothing_known(self):
        error = self.assertRaises(
            exception.NothingMeasured, self.run_backtest,
            sources.Allocations())
        self.assertEqual(409, error.code)
        self.assertIn('none', str(error))

    def test_no_aggregate(self):
        self.nova.aggregate_list = []
        self.assertRaises(exception.AggregateNotFound, self.run_backtest,
                          Source(1.0))
