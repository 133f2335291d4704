# SPDX-License-Identifier: Apache-2.0
"""Many calls at a time."""

import threading

from cloudmanager.common import parallel
from cloudmanager.tests import base


class ParallelTestCase(base.TestCase):

    def test_order_of_results(self):
        self.assertEqual([n * n for n in range(100)], parallel.run(
            lambda n: n * n, list(range(100)), 8))

    def test_nothing_to_do(self):
        self.assertEqual([], parallel.run(lambda n: n, [], 8))

    def test_at_the_same_time(self):
        barrier = threading.Barrier(4)
        parallel.run(lambda n: barrier.wait(10), list(range(4)), 4)

    def test_no_more_than_said(self):
        running, peak, lock = [], [], threading.Lock()

        def call(n):
            with lock:
                running.append(n)
                peak.append(len(running))
            threading.Event().wait(0.005)
            with lock:
                running.remove(n)

        parallel.run(call, list(range(20)), 3)
        self.assertEqual(3, max(peak))

    def test_error(self):
        """It is raised, and the rest is not begun."""
        begun = []

        def call(n):
            begun.append(n)
            if n == 2:
                raise KeyError(n)

        self.assertRaises(KeyError, parallel.run, call, list(range(100)), 1)
        self.assertEqual([0, 1, 2], begun)

    def test_threads_do_not_hold_up_the_process(self):
        daemon = parallel.run(
            lambda n: threading.current_thread().daemon, [1], 1)
        self.assertEqual([True], daemon)
