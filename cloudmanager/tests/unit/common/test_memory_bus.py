# SPDX-License-Identifier: Apache-2.0
"""The bus in memory waits without working."""

import threading
import time
from unittest import mock
import uuid

import kombu
from kombu import transport
import oslo_messaging as messaging

from cloudmanager.common import context as cm_context
from cloudmanager.common import memory_bus
from cloudmanager.common import rpc
from cloudmanager.tests import base

TOPIC = 'topic'


class Endpoint:

    target = messaging.Target(version='1.0')

    def double(self, context, number):
        return 2 * number


class MemoryBusTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        rpc.init(memory_bus.URL)
        self.addCleanup(rpc.cleanup)
        server = rpc.get_server(TOPIC, 'host', [Endpoint()])
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        self.addCleanup(memory_bus.hurry)
        self.client = rpc.get_client(TOPIC, '1.0').prepare(timeout=20)

    def double(self, number):
        return self.client.call(
            cm_context.RequestContext(overwrite=False), 'double',
            number=number)

    def test_calls(self):
        for number in range(5):
            self.assertEqual(2 * number, self.double(number))

    def test_seldom_awake(self):
        """Nothing asks again and again while there is no message."""
        self.double(1)
        # The doubling pauses after the call are over.
        time.sleep(2)
        with mock.patch.object(
                memory_bus.Transport, 'drain_events', autospec=True,
                side_effect=memory_bus.Transport.drain_events) as drained:
            time.sleep(3)
        # Of two threads, each of which looks once a second.
        self.assertLessEqual(drained.call_count, 10)

    def test_waiting_costs_nothing(self):
        """By the clock of the processor, which others do not push."""
        self.double(1)
        begun = time.process_time()
        time.sleep(2)
        self.assertLess(time.process_time() - begun, 0.1)

    def test_transport(self):
        """What kombu takes for the URL is ours."""
        for name in ('memory', 'inprocess'):
            self.assertIs(memory_bus.Transport,
                          transport.get_transport_cls(name))


class DrainTestCase(base.TestCase):
    """The transport by itself, with kombu's own producers."""

    def setUp(self):
        super().setUp()
        memory_bus.register()
        # A test before this one may have stopped a bus.
        memory_bus.hurry(False)
        self.got = []
        self.connection = self.connect()
        self.queue = self.connection.SimpleQueue(f'queue-{uuid.uuid4().hex}')
        self.addCleanup(self.queue.close)
        looked = mock.patch.object(
            self.connection.transport.cycle, 'get',
            wraps=self.connection.transport.cycle.get)
        self.looks = looked.start()
        self.addCleanup(looked.stop)

    def connect(self):
        connection = kombu.Connection('memory://')
        connection.connect()
        self.addCleanup(connection.release)
        return connection

    def test_no_message(self):
        """The time given passes with a look before and one after it."""
        self.assertRaises(TimeoutError, self.connection.drain_events,
                          timeout=0.3)
        self.assertLessEqual(self.looks.call_count, 3)

    def test_hurry(self):
        """It ends a wait, and keeps the next ones short."""
        self.addCleanup(memory_bus.hurry, False)
        hurry = threading.Timer(0.2, memory_bus.hurry)
        hurry.start()
        self.addCleanup(hurry.join)
        for _ in range(2):
            self.assertRaises(TimeoutError, self.connection.drain_events,
                              timeout=3600)

    def test_a_message_wakes(self):
        other = self.connect()
        sender = threading.Timer(0.2, lambda: other.SimpleQueue(
            self.queue.queue.name).put('late'))
        sender.start()
        self.addCleanup(sender.join)
        self.assertEqual('late', self.queue.get(timeout=30).payload)
        self.assertLessEqual(self.looks.call_count, 6)

    def test_a_message_that_was_there(self):
        self.queue.put('early')
        self.assertEqual('early', self.queue.get(timeout=30).payload)

    def test_a_message_for_others(self):
        """It wakes in vain; the time given is kept."""
        self.connect().SimpleQueue('others').put('x')
        sender = threading.Timer(0.1, lambda: self.connect().SimpleQueue(
            'others').put('x'))
        sender.start()
        self.addCleanup(sender.join)
        self.assertRaises(TimeoutError, self.connection.drain_events,
                          timeout=0.5)
