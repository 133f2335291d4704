# SPDX-License-Identifier: Apache-2.0
"""Requests to one device follow each other and end in time."""

import asyncio
import threading
import time

from cloudmanager.power import base as power_base
from cloudmanager.power import deadline
from cloudmanager.power import exceptions
from cloudmanager.tests import base

TIMEOUT = 10


def device(host='192.0.2.1', port=1):
    return power_base.Device('T', 'p', host, port, password='s3cret')


class TurnsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.turns = deadline.Turns()

    def test_one_at_a_time(self):
        inside, most = [], []

        def work(number):
            with self.turns.take(device()):
                inside.append(number)
                most.append(len(inside))
                time.sleep(0.01)
                inside.remove(number)

        self.assertEqual([], base.Together(8, work).raised)
        self.assertEqual([1] * 8, most)

    def test_busy_after_half_of_the_deadline(self):
        self.config(group='power', call_deadline=0.5)
        with self.turns.take(device()):
            begun = time.monotonic()
            caught = base.Together(1, lambda number: self.turns.take(
                device()).__enter__()).raised
        self.assertIsInstance(caught[0], exceptions.PowerBusy)
        self.assertLess(time.monotonic() - begun, TIMEOUT)

    def test_other_devices_do_not_wait(self):
        """PW1: one that hangs keeps nobody from another."""
        self.config(group='power', call_deadline=0.5)
        with self.turns.take(device()):
            with self.turns.take(device(port=2)):
                pass
            with self.turns.take(device(host='192.0.2.2')):
                pass

    def test_turn_is_given_back_after_an_error(self):
        def fail():
            with self.turns.take(device()):
                raise OSError

        self.assertRaises(OSError, fail)
        self.config(group='power', call_deadline=0.5)
        with self.turns.take(device()):
            pass

    def test_pw15_an_interval_between_two_turns(self):
        with self.turns.take(device(), 0.3):
            ended = time.monotonic()
        with self.turns.take(device(), 0.3):
            self.assertGreaterEqual(time.monotonic() - ended, 0.29)
        # Others need not wait, nor do those that did not ask for it.
        with self.turns.take(device(port=2), 60):
            pass
        begun = time.monotonic()
        with self.turns.take(device()):
            self.assertLess(time.monotonic() - begun, 0.2)

    def test_an_interval_that_takes_too_long(self):
        self.config(group='power', call_deadline=1.0)
        with self.turns.take(device(), 60):
            pass
        begun = time.monotonic()
        self.assertRaises(exceptions.PowerBusy,
                          self.turns.take(device(), 60).__enter__)
        self.assertLess(time.monotonic() - begun, 0.5)
        # The turn was given back.
        with self.turns.take(device()):
            pass


class LoopTestCase(base.TestCase):

    def run_loop(self, coroutine, seconds=TIMEOUT):
        return deadline.Loop().run(coroutine, time.monotonic() + seconds)

    def test_result(self):
        async def answer():
            await asyncio.sleep(0)
            return 7

        self.assertEqual(7, self.run_loop(answer()))

    def test_error(self):
        async def fail():
            raise ConnectionRefusedError

        self.assertRaises(ConnectionRefusedError, self.run_loop, fail())

    def test_cut_off(self):
        """One that waits is cancelled and can close its connection."""
        closed = threading.Event()

        async def wait():
            try:
                await asyncio.sleep(3600)
            finally:
                closed.set()

        self.assertRaises(TimeoutError, self.run_loop, wait(), 0.1)
        self.assertTrue(closed.wait(TIMEOUT))

    def test_deadline_that_has_passed(self):
        async def wait():
            await asyncio.sleep(3600)

        self.assertRaises(TimeoutError, self.run_loop, wait(), -1)
