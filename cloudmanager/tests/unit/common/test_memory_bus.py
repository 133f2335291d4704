# SPDX-License-Identifier: Apache-2.0
"""The bus in memory waits without working."""

import time

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
        rpc.init('kombu+memory://')
        self.addCleanup(rpc.cleanup)
        server = rpc.get_server(TOPIC, 'host', [Endpoint()])
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        self.client = rpc.get_client(TOPIC, '1.0').prepare(timeout=20)

    def double(self, number):
        return self.client.call(
            cm_context.RequestContext(overwrite=False), 'double',
            number=number)

    def test_calls(self):
        for number in range(5):
            self.assertEqual(2 * number, self.double(number))

    def test_waiting_costs_nothing(self):
        """By the clock of the processor, which others do not push."""
        self.double(1)
        begun = time.process_time()
        time.sleep(2)
        self.assertLess(time.process_time() - begun, 0.2)

    def test_transport(self):
        """What kombu takes for the URL is ours, and keeps its pause."""
        made = transport.get_transport_cls('memory')
        self.assertIs(memory_bus.Transport, made)
        self.assertEqual(memory_bus.PAUSE, made.polling_interval.fget(None))
