# SPDX-License-Identifier: Apache-2.0
"""A broker that is away is told at once, and in one way."""

import socket
import time

import fixtures

from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
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
