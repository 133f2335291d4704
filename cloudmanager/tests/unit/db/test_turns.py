# SPDX-License-Identifier: Apache-2.0
"""Writers of SQLite take turns, in the order in which they came."""

import threading

import fixtures
import sqlalchemy as sa
import testtools

from cloudmanager.db import turns
from cloudmanager.tests import base as tests_base

BEGIN = 'BEGIN IMMEDIATE'


class TurnsTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.turns = turns.Turns()
        self.turns.take('first')
        self.came = []

    def wait(self, owner):
        """Let somebody wait in a thread."""
        def take():
            self.turns.take(owner, 30)
            self.came.append(owner)
            self.turns.give(owner)
        before = len(self.turns._waiting)
        thread = threading.Thread(target=take)
        thread.start()
        tests_base.wait_for(lambda: len(self.turns._waiting) > before)
        return thread

    def test_in_order(self):
        """The burst of power actions: nobody is passed by."""
        threads = [self.wait(number) for number in range(5)]
        self.turns.give('first')
        for thread in threads:
            thread.join(30)
        self.assertEqual([0, 1, 2, 3, 4], self.came)

    def wait_for_a_client(self, owner):
        def take():
            with turns.for_a_client():
                self.turns.take(owner, 30)
            self.came.append(owner)
            self.turns.give(owner)
        before = len(self.turns._first)
        thread = threading.Thread(target=take)
        thread.start()
        tests_base.wait_for(lambda: len(self.turns._first) > before)
        return thread

    def test_clients_first(self):
        """They pass others, three at a time, and not each other."""
        threads = [self.wait('task1'), self.wait('task2')]
        threads += [self.wait_for_a_client(number) for number in range(5)]
        self.turns.give('first')
        for thread in threads:
            thread.join(30)
        self.assertEqual([0, 1, 2, 'task1', 3, 4, 'task2'], self.came)

    def test_client_that_gives_up(self):
        with turns.for_a_client():
            self.assertFalse(self.turns.take('second', 0))
        self.turns.give('first')
        self.assertTrue(self.turns.take('third', 0))

    def test_only_while_a_client_waits(self):
        with turns.for_a_client(), turns.for_a_client():
            pass
        thread = self.wait('task')
        self.assertEqual((1, 0), (len(self.turns._waiting),
                                  len(self.turns._first)))
        self.turns.give('first')
        thread.join(30)
        self.assertEqual(['task'], self.came)

    def test_who_gives_up(self):
        """It leaves the queue, and does not get the turn later."""
        self.assertFalse(self.turns.take('second', 0))
        self.turns.give('first')
        self.assertTrue(self.turns.take('third', 0))

    def test_not_the_owner(self):
        self.turns.give('second')
        self.assertFalse(self.turns.take('third', 0))

    def test_again(self):
        self.assertTrue(self.turns.take('first', 0))


class EngineTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        path = self.useFixture(fixtures.TempDir()).join('x.sqlite')
        self.engine = sa.create_engine(f'sqlite:///{path}')
        self.addCleanup(self.engine.dispose)
        turns.apply(self.engine, BEGIN)
        self.turns = turns.of_file(path)

    def begin(self):
        connection = self.engine.connect()
        self.addCleanup(connection.close)
        connection.exec_driver_sql(BEGIN)
        self.assertFalse(self.free())
        return connection

    def free(self):
        free = self.turns.take('test', 0)
        self.turns.give('test')
        return free

    def test_every_end(self):
        for end in ('commit', 'rollback', 'close', 'invalidate'):
            connection = self.begin()
            getattr(connection, end)()
            self.assertTrue(self.free(), end)
            connection.close()

    def test_error(self):
        """A begin that fails gives its turn away with its connection."""
        other = self.begin()
        raw = self.engine.raw_connection()
        raw.execute('PRAGMA busy_timeout=0')
        raw.close()
        other.close()
        connection = self.begin()
        self.assertRaises(sa.exc.OperationalError,
                          connection.exec_driver_sql, 'nonsense')
        connection.close()
        self.assertTrue(self.free())
