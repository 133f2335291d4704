# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import socket
import threading
import time

import fixtures
from pyghmi import exceptions as pyghmi_exc
from pyghmi.ipmi.private import simplesession

from cloudmanager.power import exceptions
from cloudmanager.power import ipmi
from cloudmanager.power import ipmi_session
from cloudmanager.power import network
from cloudmanager.power import states
from cloudmanager.tests.unit.power import base

# Seconds for what takes half of one on an idle machine; with pyghmi alone
# it is 28, or for ever.
PATIENCE = 3
# Packets with a header as IPMI has it, and nonsense behind it.
NONSENSE = [
    b'', b'\x06', b'\x06\x00\xff\x07', b'\xff' * 64,
    b'\x06\x00\xff\x07' + b'\x00' * 12,
    b'\x06\x00\xff\x07\x06' + b'\x11' * 11,
    b'\x06\x00\xff\x07\x06\x11' + b'\xff' * 60,
    b'\x06\x00\xff\x07\x00' + b'\x00' * 8 + b'\x50' + b'\x81' * 30,
]


class TranslateTestCase(base.PowerTestCase):

    def translate(self, error):
        return ipmi._translate(base.device(), 'power off', error)

    def check(self, kind, *texts):
        for text in texts:
            error = self.translate(pyghmi_exc.IpmiException(text))
            self.assertIs(kind, type(error), text)

    def test_credentials(self):
        self.check(exceptions.PowerCredentials,
                   'Incorrect password provided',
                   'Unauthorized name in RAKP2',
                   'Unauthorized role or privilege level requested in RAKP2',
                   'Invalid RAKP4 integrity code (wrong Kg?)',
                   'Invalid integrity check value reported in RAKP4',
                   'Insufficient privilege level or firmware firewall',
                   'User is not allowed requested privilege level')

    def test_busy(self):
        self.check(exceptions.PowerBusy, 'Node Busy',
                   'Insufficient resources to create new session (wait for '
                   'existing sessions to timeout)',
                   'Insufficient resources to create a session at the '
                   'requested role', 'Timeout while processing command',
                   'BMC initialization in progress')

    def test_pw9_firmware_update(self):
        self.check(exceptions.PowerBusy, 'Device in firmware update mode')

    def test_unreachable(self):
        self.check(exceptions.PowerUnreachable, None, '', 'timeout',
                   'Session no longer connected', 'Invalid Session ID')
        for error in (TimeoutError(), OSError(101, 'no route'),
                      socket.gaierror(-2, 'Name or service not known')):
            self.assertIs(exceptions.PowerUnreachable,
                          type(self.translate(error)))

    def test_refused(self):
        self.check(exceptions.PowerRefused, 'Unspecified',
                   'Command not supported in present state')
        error = self.translate(pyghmi_exc.IpmiException('Unspecified', 255))
        self.assertIn('refused power off: Unspecified', str(error))

    def test_what_pyghmi_was_not_made_for(self):
        for error in (IndexError('x'), KeyError('x'), ValueError('x'),
                      TypeError('x'), AttributeError('x')):
            found = self.translate(error)
            self.assertIs(exceptions.PowerError, type(found))
            self.assertIn('malformed', str(found))

    def test_shares_nothing_with_the_cause(self):
        for error in (OSError(base.PASSWORD), ValueError(base.PASSWORD)):
            self.assertNotIn(base.PASSWORD,
                             base.everything_of(self.translate(error)))


class AnsweringTestCase(base.PowerTestCase):
    """The driver above a session that answers as it is told."""

    def setUp(self):
        super().setUp()
        self.asked = []
        self.answer = b'\x01\x00\x00'
        test = self

        class Session:
            def __init__(self, device, port, deadline):
                self.address = (device.host, port)

            def __enter__(self):
                return self

            def __exit__(self, *exc_info):
                pass

            def ask(self, *arguments):
                test.asked.append((*self.address, *arguments))
                return test.answer

        self.useFixture(fixtures.MockPatchObject(ipmi_session, 'Session',
                                                 Session))
        self.driver = ipmi.IPMIDriver()

    def test_states(self):
        for answer, expected in ((b'\x01', states.POWER_ON),
                                 (b'\x61\x10\x40', states.POWER_ON),
                                 (b'\x00', states.POWER_OFF),
                                 (b'\x60\x01\x01', states.POWER_OFF),
                                 (b'', states.UNKNOWN)):
            self.answer = answer
            self.assertEqual(expected,
                             self.driver.state(base.device(), '1'))

    def test_requests(self):
        device = base.device()
        self.driver.state(device, '1')
        self.driver.power_on(device, '1')
        self.driver.power_off(device, '1')
        self.driver.power_off(device, '1', soft=True)
        self.driver.reset(device, '1')
        self.assertEqual([
            (0, 1, (), True), (0, 2, (1,), True), (0, 2, (0,), True),
            (0, 2, (5,), True), (0, 2, (3,), False)],
            [request[2:] for request in self.asked])

    def test_pw15_port(self):
        self.driver.state(base.device(port=6230), '1')
        self.driver.state(base.device(port=None), '1')
        self.assertEqual([6230, 623], [request[1] for request in self.asked])

    def test_nothing_is_sent_without_credentials(self):
        for values in ({'password': None}, {'password': ''},
                       {'login': None}, {'login': ''}):
            self.assertRaises(exceptions.PowerCredentials,
                              self.driver.state, base.device(**values), '1')
        self.assertEqual([], self.asked)


class PeerTestCase(base.PowerTestCase):
    """The driver and something on the network that is no BMC."""

    def setUp(self):
        super().setUp()
        self.conf.config(group='power', call_deadline=0.5)
        self.driver = ipmi.IPMIDriver()
        self.peer = self.make_peer()
        self.device = base.device('127.0.0.1', self.peer.getsockname()[1])

    def make_peer(self):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(peer.close)
        peer.bind(('127.0.0.1', 0))
        peer.settimeout(5)
        return peer

    def answer_with(self, packets, sender=None):
        """Answer the first request with some packets."""
        def serve():
            address = self.peer.recvfrom(3000)[1]
            for packet in packets:
                (sender or self.peer).sendto(packet, address)
        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join, 10)

    def fails(self, kind):
        """Return the error of a request, and the seconds it took."""
        start = time.monotonic()
        error = self.assertRaises(kind, self.driver.state, self.device, '1')
        self.assertLess(time.monotonic() - start, PATIENCE)
        # As long as the process lives, nothing of a session may stay.
        self.assertEqual({}, simplesession.Session.keepalive_sessions)
        self.assertNotIn(base.PASSWORD, base.everything_of(error))
        self.assertIsNone(error.__context__)
        self.assertNotIn(base.PASSWORD, self.logger.output)
        return error

    def test_pw1_silence(self):
        self.fails(exceptions.PowerUnreachable)

    def test_pw1_silence_of_a_bmc_is_found_early(self):
        self.conf.config(group='power', call_deadline=60.0)
        self.patch(network, 'CONNECT_SECONDS', 0.3)
        self.fails(exceptions.PowerUnreachable)

    def test_nonsense(self):
        for packet in NONSENSE:
            self.peer = self.make_peer()
            self.device = base.device('127.0.0.1',
                                      self.peer.getsockname()[1])
            self.answer_with([packet])
            self.fails(exceptions.PowerError)

    def test_a_flood_does_not_move_the_deadline(self):
        self.answer_with([NONSENSE[2]] * 3000 + [NONSENSE[3]] * 3000)
        self.fails(exceptions.PowerUnreachable)

    def test_a_stranger_is_not_listened_to(self):
        self.answer_with(NONSENSE, self.make_peer())
        self.fails(exceptions.PowerUnreachable)

    def test_a_name_that_hangs(self):
        released = threading.Event()
        self.addCleanup(released.set)
        real = socket.getaddrinfo

        def hang(host, *arguments):
            if arguments[-1] & socket.AI_NUMERICHOST:
                return real(host, *arguments)
            released.wait(30)
            raise socket.gaierror

        self.patch(socket, 'getaddrinfo', hang)
        self.device = base.device('bmc.example', 623)
        self.fails(exceptions.PowerUnreachable)

    def test_one_request_at_a_time(self):
        """Who waits too long for others is told so, not that it is dead."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            start = time.monotonic()
            found = [pool.submit(self.driver.state, self.device, '1')
                     for _ in range(4)]
            kinds = sorted(type(each.exception()).__name__
                           for each in found)
        self.assertLess(time.monotonic() - start, PATIENCE)
        self.assertEqual(['PowerBusy'] * 3 + ['PowerUnreachable'], kinds)

    def test_256_threads_and_as_many_bmcs(self):
        """All dead: none waits for another, and nothing is left."""
        devices = [base.device(f'127.0.1.{number}',
                               self.device.port) for number in range(256)]
        before = threading.active_count()
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(256) as pool:
            found = [pool.submit(self.driver.state, device, '1')
                     for device in devices]
            kinds = {type(each.exception()) for each in found}
        self.assertEqual({exceptions.PowerUnreachable}, kinds)
        # One after the other it would be 128.
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(before, threading.active_count())
