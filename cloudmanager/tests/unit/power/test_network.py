# SPDX-License-Identifier: Apache-2.0
"""Addresses and sockets of devices, within a deadline."""

from concurrent import futures
import socket
import threading
import time

from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.tests import base
from cloudmanager.tests.unit.power import base as power_base

TIMEOUT = 10
HOSTILE = ('', ' ', 'a b', 'x' * 70, 'a..b', '192.0.2.1\n', '-o', '$(id)',
           '\N{COLLISION SYMBOL}', '256.1.1.1')


class NetworkTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        pool = futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        self.patch(network, '_LOOKUPS', pool)

    def listen(self, address='127.0.0.1'):
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind((address, 0))
        listener.listen(8)
        return listener.getsockname()[1]

    def connect(self, host, port, kind=socket.SOCK_STREAM, seconds=TIMEOUT):
        made = network.connect(host, port, kind, time.monotonic() + seconds)
        self.addCleanup(made.close)
        return made

    def names(self, *addresses, after=None):
        """Let every name have some addresses, or hang until an event."""
        real = socket.getaddrinfo

        def look_up(host, port, family=0, kind=0, proto=0, flags=0):
            if flags & socket.AI_NUMERICHOST:
                return real(host, port, family, kind, proto, flags)
            if after is not None:
                after.wait(TIMEOUT)
            return [found for address in addresses
                    for found in real(address, port, family, kind)]

        self.patch(socket, 'getaddrinfo', look_up)

    def test_by_address_and_by_name(self):
        port = self.listen()
        self.names('127.0.0.1')
        for host in ('127.0.0.1', 'device.example'):
            self.assertEqual(('127.0.0.1', port),
                             self.connect(host, port).getpeername())

    def test_next_address_when_one_is_dead(self):
        port = self.listen()
        self.names('127.0.0.2', '127.0.0.1')
        self.assertEqual(('127.0.0.1', port), self.connect(
            'device.example', port).getpeername())

    def test_all_addresses_are_dead(self):
        port = self.listen()
        self.names('127.0.0.2', '127.0.0.3')
        self.assertRaises(ConnectionRefusedError, self.connect,
                          'device.example', port)

    def test_no_names(self):
        for host in HOSTILE:
            self.assertRaises(OSError, self.connect, host, 1)

    def test_a_name_that_hangs(self):
        released = threading.Event()
        self.addCleanup(released.set)
        self.names('127.0.0.1', after=released)
        start = time.monotonic()
        error = self.assertRaises(socket.gaierror, self.connect,
                                  'device.example', 1, seconds=0.2)
        self.assertEqual(socket.EAI_AGAIN, error.errno)
        self.assertLess(time.monotonic() - start, TIMEOUT / 2)

    def test_pw1_nobody_is_waited_for_longer_than_for_a_connection(self):
        """A listener whose queue is full answers no further caller."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(('127.0.0.1', 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        self.connect('127.0.0.1', port)
        self.patch(network, 'CONNECT_SECONDS', 0.2)
        start = time.monotonic()
        for _ in range(3):
            try:
                self.connect('127.0.0.1', port, seconds=60)
            except network.NoConnection:
                break
        else:
            self.fail('The queue never filled')
        self.assertLess(time.monotonic() - start, TIMEOUT)

    def test_datagrams_of_strangers_are_not_heard(self):
        device, stranger = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                            for _ in range(2))
        for each in (device, stranger):
            self.addCleanup(each.close)
            each.bind(('127.0.0.1', 0))
        client = self.connect('127.0.0.1', device.getsockname()[1],
                              socket.SOCK_DGRAM)
        stranger.sendto(b'stranger', client.getsockname())
        device.sendto(b'device', client.getsockname())
        client.settimeout(TIMEOUT)
        self.assertEqual(b'device', client.recv(100))

    def test_what_trouble_is_called(self):
        """Each has a code of its own (FP2)."""
        device = power_base.device()
        for exc, kind, code in (
                (socket.gaierror(socket.EAI_NONAME, 'x'),
                 exceptions.PowerUnresolvable, 'unresolvable'),
                # Name servers that are down come back.
                (socket.gaierror(socket.EAI_AGAIN, 'x'),
                 exceptions.PowerUnreachable, 'unreachable'),
                (network.NoConnection(), exceptions.PowerUnreachable,
                 'unreachable'),
                (ConnectionRefusedError(), exceptions.PowerUnreachable,
                 'unreachable'),
                (OSError(113, 'No route to host'),
                 exceptions.PowerUnreachable, 'unreachable'),
                (EOFError(), exceptions.PowerUnreachable, 'unreachable'),
                (TimeoutError(), exceptions.PowerSilent, 'timeout')):
            error = network.trouble(device, exc)
            self.assertIs(kind, type(error), exc)
            self.assertEqual(f'cloudmanager.power.{code}', error.error_code)
            self.assertEqual(kind is exceptions.PowerUnresolvable,
                             isinstance(error, exceptions.FINAL))
            self.assertIn('bmc.example', str(error))

    def test_left(self):
        self.assertGreater(network.left(time.monotonic() + 5), 4)
        self.assertRaises(TimeoutError, network.left, time.monotonic())
