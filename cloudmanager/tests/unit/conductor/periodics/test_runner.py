# SPDX-License-Identifier: Apache-2.0
"""Periodic work goes on whatever happens to a round of it."""

import threading

from cloudmanager.conductor.periodics import runner
from cloudmanager.tests import base

TIMEOUT = 10


class RunnerTestCase(base.TestCase):

    def start(self, *works):
        made = runner.Runner(list(works))
        made.start()
        self.addCleanup(made.stop, TIMEOUT)
        return made

    def test_rounds_follow_each_other(self):
        third = threading.Event()
        rounds = []

        def work(stopping):
            rounds.append(stopping.is_set())
            if len(rounds) == 3:
                third.set()

        self.start(runner.Work('w', lambda: 0.01, work))
        self.assertTrue(third.wait(TIMEOUT))
        self.assertEqual([False] * 3, rounds[:3])

    def test_goes_on_after_an_error(self):
        again = threading.Event()
        rounds = []

        def work(stopping):
            rounds.append(1)
            if len(rounds) == 2:
                again.set()
            raise RuntimeError('the database is away')

        self.start(runner.Work('w', lambda: 0.01, work))
        self.assertTrue(again.wait(TIMEOUT))

    def test_one_that_hangs_stops_no_other(self):
        release, other = threading.Event(), threading.Event()
        self.start(
            runner.Work('hangs', lambda: 0.01,
                        lambda stopping: release.wait(TIMEOUT)),
            runner.Work('works', lambda: 0.01,
                        lambda stopping: other.set()))
        self.addCleanup(release.set)
        self.assertTrue(other.wait(TIMEOUT))

    def test_switched_off_and_on(self):
        """The interval is asked before each round."""
        self.patch(runner.Runner, 'OFF_SECONDS', 0.01)
        intervals = iter([0, 0, 0.01])
        asked, ran = [], threading.Event()

        def interval():
            asked.append(ran.is_set())
            return next(intervals, 0.01)

        self.start(runner.Work('w', interval, lambda stopping: ran.set()))
        self.assertTrue(ran.wait(TIMEOUT))
        self.assertEqual([False] * 3, asked[:3])

    def test_stop_ends_pauses_and_rounds(self):
        begun, ended = threading.Event(), threading.Event()

        def work(stopping):
            begun.set()
            stopping.wait(TIMEOUT)
            ended.set()

        made = self.start(
            runner.Work('long', lambda: 3600, work),
            runner.Work('idle', lambda: 3600, lambda stopping: None))
        self.assertTrue(begun.wait(TIMEOUT))
        made.stop(TIMEOUT)
        self.assertTrue(ended.is_set())
        self.assertFalse([thread.name for thread in threading.enumerate()
                          if thread.name in ('periodic-long',
                                             'periodic-idle')])
