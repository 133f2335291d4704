# SPDX-License-Identifier: Apache-2.0
"""A broker that is away is told at once, and in one way."""

import socket
import threading
import time

import fixtures
import oslo_messaging as messaging

from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import memory_bus
from cloudmanager.common import rpc
from cloudmanager.conductor import rpcapi
from cloudmanager.tests import base

SECONDS = 10


class BrokerIsAwayTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        rpc.cleanup()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.common.rpc._URL', None))
        # Bound, so that nobody else gets the port, and not listening.
        self.socket = socket.socket()
        self.addCleanup(self.socket.close)
        self.socket.bind(('127.0.0.1', 0))
        rpc.init('rabbit://guest:guest@127.0.0.1:'
                 f'{self.socket.getsockname()[1]}/')
        self.addCleanup(rpc.cleanup)

    def refused(self, function, *args, **kwargs):
        begun = time.monotonic()
        error = self.assertRaises(exception.Unavailable, function,
                                  cm_context.admin_context(), *args,
                                  **kwargs)
        self.assertLess(time.monotonic() - begun, SECONDS)
        self.assertIn('broker', str(error))

    def test_cast(self):
        self.refused(rpcapi.ConductorAPI().run_task, 'task')

    def test_call(self):
        self.refused(rpcapi.ConductorAPI().check_host_action, 'shutdown',
                     'cmp1', {})


class Endpoint:

    target = messaging.Target(namespace='notes', version='1.0')

    def __init__(self):
        self.threads = {}
        self.some = threading.Event()

    @rpc.noted_at_once
    def note(self, context, word):
        self.threads[word] = threading.current_thread()
        if word == 'bad':
            raise ValueError('no')
        return word

    def work(self, context, word):
        self.threads[word] = threading.current_thread()
        self.some.set()
        return word


class NotedAtOnceTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        rpc.init(memory_bus.URL)
        self.addCleanup(rpc.cleanup)
        self.endpoint = Endpoint()
        server = rpc.get_server('notes', 'host', [self.endpoint])
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        self.addCleanup(memory_bus.hurry)

    def client(self, namespace='notes'):
        return rpc.get_client('notes', '1.0').prepare(
            namespace=namespace, timeout=20)

    def cast(self, method, **arguments):
        self.client().cast(cm_context.RequestContext(overwrite=False),
                           method, **arguments)

    def test_threads(self):
        """Only casts are taken by the thread that receives.

        Nothing that comes keeps it from taking what follows.
        """
        self.cast('note', word='first')
        self.client(['no', 'name']).cast(
            cm_context.RequestContext(overwrite=False), 'note', word='x')
        self.cast('note', word='bad')
        self.cast('note', nothing=1)
        self.cast('note', word='last')
        self.cast('work', word='work')
        self.assertTrue(self.endpoint.some.wait(20))
        self.assertEqual('called', self.client().call(
            cm_context.RequestContext(overwrite=False), 'note',
            word='called'))
        threads = self.endpoint.threads
        self.assertEqual({'first', 'bad', 'last', 'work', 'called'},
                         set(threads))
        self.assertIs(threads['first'], threads['last'])
        self.assertNotIn(threads['first'],
                         (threads['work'], threads['called']))
