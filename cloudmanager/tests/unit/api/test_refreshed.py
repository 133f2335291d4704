# SPDX-License-Identifier: Apache-2.0
"""What is kept of other services, and who waits for it."""

import threading
import time

import fixtures

from cloudmanager.api import refreshed
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.tests import base
from cloudmanager.tests import clocks

AWAY = exception.CloudUnreachable(service='Nova', reason='no answer')
# Nothing that is waited for in vain is waited for longer.
SHORT, LONG = 0.1, 10.0


class RefreshedCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(level=20))
        # Threads wait for each other here, so real time goes on.
        self.clock = clocks.Shifted()
        self.useFixture(fixtures.MockPatchObject(clock, 'source',
                                                 self.clock))
        self.config(group='inventory', cache_seconds=10, stale_seconds=300)
        self.values = {'a': 1, 'b': 2}
        self.reads = []
        self.error = None
        self.gate = threading.Event()
        self.gate.set()
        self.addCleanup(self.gate.set)
        self.cache = refreshed.Refreshed('things', self.read)

    def read(self, keys):
        self.reads.append(keys)
        self.assertTrue(self.gate.wait(LONG))
        if self.error:
            raise self.error
        return {key: self.values[key] for key in keys if key in self.values}

    def later(self, seconds):
        self.clock.offset += seconds

    def get(self, *keys, wait=LONG):
        return self.cache.get(keys, clock.monotonic() + wait)

    def settled(self):
        """Wait until nothing is read any more."""
        base.wait_for(lambda: self.cache._thread is None)

    def values_of(self, *keys, **kwargs):
        return dict(self.get(*keys, **kwargs).values)


class FreshTestCase(RefreshedCase):

    def test_first(self):
        found = self.get('a', 'b')
        self.assertEqual((self.values, True, None), (
            dict(found.values), found.complete, found.error))

    def test_kept(self):
        self.get('a')
        self.later(9)
        self.values['a'] = 7
        self.assertEqual({'a': 1}, self.values_of('a'))
        self.assertEqual(1, len(self.reads))

    def test_only_what_is_missing(self):
        self.get('a')
        self.get('a', 'b')
        self.assertEqual([{'a'}, {'b'}], self.reads)

    def test_unknown_keys(self):
        """That something is not there is known as well."""
        found = self.get('x')
        self.assertEqual(({'x': None}, True), (dict(found.values),
                                               found.complete))
        self.get('x')
        self.assertEqual(1, len(self.reads))

    def test_nothing_asked(self):
        self.assertTrue(self.get().complete)
        self.assertEqual([], self.reads)

    def test_more_than_asked(self):
        self.cache = refreshed.Refreshed(
            'things', lambda keys: self.reads.append(keys) or self.values)
        self.get('a')
        self.assertEqual({'b': 2}, self.values_of('b'))
        self.assertEqual(1, len(self.reads))


class StaleTestCase(RefreshedCase):

    def test_answered_while_it_is_read_anew(self):
        self.get('a')
        self.later(11)
        self.values['a'] = 7
        self.gate.clear()
        self.assertEqual({'a': 1}, self.values_of('a'))
        self.gate.set()
        self.settled()
        self.assertEqual({'a': 7}, self.values_of('a'))

    def test_too_old(self):
        self.get('a')
        self.later(301)
        self.values['a'] = 7
        self.assertEqual({'a': 7}, self.values_of('a'))

    def test_forgotten(self):
        """What nobody asks for is not kept for ever."""
        self.get('a')
        self.later(301)
        self.get('b')
        self.assertEqual(['b'], list(self.cache._entries))

    def test_one_reading_at_a_time(self):
        self.gate.clear()
        for _ in range(5):
            self.get('a', wait=0)
        base.wait_for(lambda: self.reads)
        self.get('b', wait=0)
        self.gate.set()
        self.settled()
        self.assertEqual([{'a'}, {'b'}], self.reads)

    def test_many_who_wait(self):
        together = base.Together(8, lambda number: self.values_of('a', 'b'))
        self.assertEqual([], together.raised)
        self.assertEqual([self.values] * 8, together.results)


class AwayTestCase(RefreshedCase):

    def test_fails(self):
        """Who waits is told at once, and nobody waits after that."""
        self.error = AWAY
        found = self.get('a')
        self.assertEqual(({}, False, AWAY), (
            dict(found.values), found.complete, found.error))
        begun = time.monotonic()
        for _ in range(20):
            self.get('a')
        self.assertLess(time.monotonic() - begun, 1)
        self.assertEqual(1, len(self.reads))
        self.assertEqual(1, self.logger.output.count('cannot be read'))

    def test_tried_again(self):
        self.error = AWAY
        self.get('a')
        self.settled()
        self.error = None
        self.later(11)
        self.gate.clear()
        self.assertFalse(self.get('a').complete)
        self.gate.set()
        self.settled()
        self.assertEqual({'a': 1}, self.values_of('a'))
        self.assertIn('can be read again', self.logger.output)

    def test_old_values_are_better_than_none(self):
        self.get('a')
        self.settled()
        self.error = AWAY
        self.later(100)
        self.get('a')
        self.settled()
        found = self.get('a')
        self.assertEqual(({'a': 1}, True, AWAY), (
            dict(found.values), found.complete, found.error))
        self.assertGreaterEqual(found.age, 100)
        self.later(201)
        self.assertFalse(self.get('a').complete)

    def test_slow(self):
        """Somebody waits in vain; others do not until it answers."""
        self.gate.clear()
        begun = time.monotonic()
        self.assertFalse(self.get('a', wait=SHORT).complete)
        self.assertGreaterEqual(time.monotonic() - begun, SHORT)
        begun = time.monotonic()
        for _ in range(5):
            self.assertFalse(self.get('a').complete)
        self.assertLess(time.monotonic() - begun, 1)
        self.gate.set()
        self.settled()
        self.assertEqual({'a': 1}, self.values_of('a'))
        # It is waited for again.
        self.assertEqual({'b': 2}, self.values_of('b'))

    def test_who_does_not_wait(self):
        """That somebody had no time says nothing of the service."""
        self.gate.clear()
        self.get('a', wait=0)
        threading.Timer(SHORT, self.gate.set).start()
        self.assertEqual({'a': 1}, self.values_of('a'))

    def test_errors_of_any_kind(self):
        """A fault in the reading is no fault of those who ask."""
        self.error = KeyError('x')
        self.assertFalse(self.get('a').complete)
        self.settled()

    def test_no_cache(self):
        self.config(group='inventory', cache_seconds=0)
        self.get('a')
        self.later(0.1)
        self.get('a')
        self.settled()
        self.assertEqual(2, len(self.reads))
