# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import dataclasses
import socket
import threading
import time

import fixtures
import jsonschema
from pyghmi import exceptions as pyghmi_exc
from pyghmi.ipmi.private import simplesession

from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import states
from cloudmanager.power.ipmi import driver as ipmi
from cloudmanager.power.ipmi import session as ipmi_session
from cloudmanager.tests.unit.power import base
from cloudmanager.tests.unit.power import bmc
from cloudmanager.tests.unit.power.ipmi import test_records

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


def capabilities(request, extended):
    """Answer the question which versions a BMC has, section 22.13."""
    def checksum(octets):
        return bytes([-sum(octets) & 0xff])

    head = bytes([request[17], 0x1c])
    body = bytes([0x20, request[18], 0x38, 0, 1, 0x80 if extended else 0x04,
                  4, 2 if extended else 0, 0, 0, 0, 0])
    payload = head + checksum(head) + body + checksum(body)
    return request[:4] + bytes(9) + bytes([len(payload)]) + payload


def speaks_ipmi_2(request):
    return capabilities(request, True)


def speaks_ipmi_1_5(request):
    return capabilities(request, False)


def refuses_algorithms(request, status=4):
    """Answer the wish for a session, section 13.18."""
    return (request[:5] + b'\x11' + bytes(8) + b'\x08\x00'
            + bytes([request[16], status, 0, 0]) + request[20:24])


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
        self.check(exceptions.PowerUpdating,
                   'Device in firmware update mode')

    def test_unreachable(self):
        """FP2: each has a code of its own."""
        self.check(exceptions.PowerSilent, None, '', 'timeout')
        self.check(exceptions.PowerUnreachable,
                   'Session no longer connected', 'Invalid Session ID')
        for error, kind in (
                (TimeoutError(), exceptions.PowerSilent),
                (OSError(101, 'no route'), exceptions.PowerUnreachable),
                (socket.gaierror(-2, 'Name or service not known'),
                 exceptions.PowerUnresolvable)):
            self.assertIs(kind, type(self.translate(error)))

    def test_refused(self):
        self.check(exceptions.PowerRefused, 'Unspecified',
                   'Command not supported in present state')
        error = self.translate(pyghmi_exc.IpmiException('Unspecified', 255))
        self.assertIn('refused power off: Unspecified', str(error))

    def test_unsupported(self):
        for error in (pyghmi_exc.IpmiException('Invalid command', 0xc1),
                      pyghmi_exc.UnsupportedFunctionality()):
            self.assertIs(exceptions.PowerUnsupported,
                          type(self.translate(error)))
        error = self.translate(ipmi_session.Unacceptable('cipher suite 17'))
        self.assertIs(exceptions.PowerUnsupported, type(error))
        self.assertIn('support cipher suite 17', str(error))

    def test_what_pyghmi_was_not_made_for(self):
        for error in (IndexError('x'), KeyError('x'), ValueError('x'),
                      TypeError('x'), AttributeError('x')):
            found = self.translate(error)
            self.assertIs(exceptions.PowerProtocol, type(found))
            self.assertIn('power off', str(found))

    def test_shares_nothing_with_the_cause(self):
        for error in (OSError(base.PASSWORD), ValueError(base.PASSWORD)):
            self.assertNotIn(base.PASSWORD,
                             base.everything_of(self.translate(error)))


class AnsweringTestCase(base.PowerTestCase):
    """The driver above a session that answers as it is told."""

    def setUp(self):
        super().setUp()
        self.asked = []
        self.sessions = []
        # By network function and command, else this one.
        self.answers = {}
        self.answer = b'\x01\x00\x00'
        test = self

        class Session:
            def __init__(self, device, port, deadline, suites, privilege):
                self.deadline = deadline
                test.sessions.append((device.host, port, list(suites),
                                      privilege, time.monotonic()))

            def __enter__(self):
                return self

            def __exit__(self, *exc_info):
                pass

            def ask(self, netfn, command, data=(), repeat=True, lun=0):
                test.asked.append((netfn, command, tuple(data), repeat))
                found = test.answers.get((netfn, command), test.answer)
                if isinstance(found, Exception):
                    raise found
                return found

        self.useFixture(fixtures.MockPatchObject(ipmi_session, 'Session',
                                                 Session))
        self.driver = ipmi.IPMIDriver()

    def with_options(self, **options):
        for name, value in options.items():
            jsonschema.validate(value, self.driver.options_schema[name])
        return base.device(options=options)

    def test_states(self):
        for answer, expected in ((b'\x01', states.POWER_ON),
                                 (b'\x61\x10\x40', states.POWER_ON),
                                 (b'\x00', states.POWER_OFF),
                                 (b'\x60\x01\x01', states.POWER_OFF)):
            self.answer = answer
            self.assertEqual(expected,
                             self.driver.state(base.device(), '1'))
        self.answer = b''
        self.assertRaises(exceptions.PowerUnclear, self.driver.state,
                          base.device(), '1')

    def test_all_outputs_are_one(self):
        self.assertEqual({'1': states.POWER_ON, 'x': states.POWER_ON},
                         self.driver.states(base.device(), ['1', 'x']))
        self.assertEqual({}, self.driver.states(base.device(), []))
        self.assertEqual(1, len(self.asked))
        self.assertEqual(['1'], self.driver.outputs(base.device()))

    def test_requests(self):
        device = base.device()
        self.driver.state(device, '1')
        self.driver.power_on(device, '1')
        self.driver.power_off(device, '1')
        self.driver.power_off(device, '1', soft=True)
        self.driver.reset(device, '1')
        self.driver.check(device)
        self.assertEqual([
            (0, 1, (), True), (0, 2, (1,), True), (0, 2, (0,), True),
            (0, 2, (5,), True), (0, 2, (3,), False), (0, 1, (), True)],
            self.asked)

    def test_pw15_port(self):
        self.driver.state(base.device(port=6230), '1')
        self.driver.state(base.device(port=None), '1')
        self.assertEqual([6230, 623], [port for _, port, *_
                                       in self.sessions])

    def test_pw15_suites_and_privilege(self):
        """Settings of one BMC: those of others stay as they are."""
        for options, suites, privilege in (
                ({}, [17, 3], None), ({'cipher_suites': [17]}, [17], None),
                ({'cipher_suites': [3]}, [3], None),
                ({'privilege': 'user'}, [17, 3], 2),
                ({'privilege': 'operator'}, [17, 3], 3),
                ({'privilege': 'administrator'}, [17, 3], 4),
                ({'privilege': 'automatic'}, [17, 3], None)):
            self.driver.state(self.with_options(**options), '1')
            self.assertEqual((suites, privilege), self.sessions[-1][2:4])

    def test_pw15_interval(self):
        device = self.with_options(min_command_interval=0.3)
        for _ in range(3):
            self.driver.state(device, '1')
        first, second, third = (begun for *_, begun in self.sessions)
        self.assertGreaterEqual(second - first, 0.29)
        self.assertGreaterEqual(third - second, 0.29)

    def test_options_that_make_no_sense_are_refused(self):
        for name, value in (
                ('cipher_suites', [0]), ('cipher_suites', [17, 0]),
                ('cipher_suites', [1]), ('cipher_suites', []),
                ('cipher_suites', 17), ('cipher_suites', [17, 17]),
                ('privilege', 'callback'), ('privilege', 'oem'),
                ('min_command_interval', -1), ('min_command_interval', 11),
                ('boot_mode', 'legacy')):
            self.assertRaises(jsonschema.ValidationError, self.with_options,
                              **{name: value})

    def test_nothing_is_sent_that_no_bmc_can_have(self):
        for values in ({'login': 'x' * 17}, {'password': 'x' * 21},
                       {'password': '\N{SNOWMAN}' * 7},
                       {'login': '\ud800'}, {'password': '\ud800'}):
            self.assertRaises(exceptions.PowerCredentials,
                              self.driver.state, base.device(**values), '1')
        self.assertEqual([], self.sessions)

    def test_empty_credentials_are_for_the_bmc_to_judge(self):
        """The name of the null user is empty (FP5)."""
        for values in ({'login': None}, {'login': ''}, {'password': None},
                       {'password': ''}):
            self.answers[0, 1] = bytes([1, 0, 0])
            self.assertEqual(states.POWER_ON, self.driver.state(
                base.device(**values), '1'))
        self.assertEqual(4, len(self.sessions))

    def test_boot_devices(self):
        """Flags and device as section 28.13 has them."""
        uefi, bios = base.device(), self.with_options(boot_mode='bios')
        for device, name, persistent, flags, number in (
                (uefi, 'pxe', False, 0xa0, 0x04),
                (uefi, 'disk', True, 0xe0, 0x08),
                (bios, 'cdrom', False, 0x80, 0x14),
                (bios, 'bios', True, 0xc0, 0x18),
                (uefi, 'none', False, 0x00, 0x00),
                (uefi, 'none', True, 0x00, 0x00)):
            self.asked.clear()
            # The valid bit is cleared by some.
            self.answers[0, 9] = bytes([1, 5, flags & 0x7f, number, 0, 0, 0])
            self.driver.set_boot_device(device, '1', name, persistent)
            self.assertEqual([
                (0, 8, (3, 8), True),
                (0, 8, (5, flags, number, 0, 0, 0), True),
                (0, 9, (5, 0, 0), True)], self.asked)
        self.assertEqual({'pxe', 'disk', 'cdrom', 'bios', 'none'},
                         set(self.driver.boot_devices))

    def test_boot_device_that_is_not_taken(self):
        for answer in (b'', b'\x01\x05', b'\x01\x05\x80',
                       b'\x01\x05\x80\x08\x00\x00\x00'):
            self.answers[0, 9] = answer
            error = self.assertRaises(
                exceptions.PowerRefused, self.driver.set_boot_device,
                base.device(), '1', 'pxe')
            self.assertIn('boot device pxe', str(error))

    def test_boot_device_that_nobody_has(self):
        for name in ('floppy', '', 'PXE', '$(id)'):
            self.assertRaises(
                exceptions.PowerUnsupported, self.driver.set_boot_device,
                base.device(), '1', name)
        self.assertEqual([], self.asked)

    def test_a_bmc_without_the_timer_of_boot_flags(self):
        real = ipmi_session.Session.ask

        def ask(session, netfn, command, data=(), repeat=True, lun=0):
            if tuple(data) == (3, 8):
                raise pyghmi_exc.IpmiException('Invalid data field', 0xcc)
            return real(session, netfn, command, data, repeat, lun)

        self.patch(ipmi_session.Session, 'ask', ask)
        self.answers[0, 9] = bytes([1, 5, 0xa0, 4, 0, 0, 0])
        self.driver.set_boot_device(base.device(), '1', 'pxe')

    def test_health(self):
        self.answers = {
            (0x0a, 0x23): b'\xff\xff' + test_records.full(1),
            (4, 0x2d): bytes([30, 0xc0, 0, 0]),
            (0x0a, 0x40): b'\x51\x01' + bytes(12),
            (0x0a, 0x43): b'\xff\xff' + test_records.log_entry()}
        found = self.driver.health(base.device())
        self.assertEqual([('CPU', 30.0)], [(each.name, each.value)
                                           for each in found.sensors])
        self.assertEqual(['Upper critical'],
                         [each.text for each in found.events])

    def test_a_bmc_without_health(self):
        invalid = pyghmi_exc.IpmiException('Invalid command', 0xc1)
        self.answers = {(0x0a, 0x23): invalid, (0x0a, 0x40): invalid}
        error = self.assertRaises(exceptions.PowerUnsupported,
                                  self.driver.health, base.device())
        self.assertIn('hardware health', str(error))


class SuitesTestCase(base.PowerTestCase):
    """PW15: the driver and BMCs that have the one or the other suite."""

    both = [(3, 4, 1), (1, 1, 1)]

    def setUp(self):
        super().setUp()
        self.conf.config(group='power', call_deadline=5.0)
        self.driver = ipmi.IPMIDriver()

    def start(self, *suites):
        self.bmc = self.useFixture(bmc.BMC('admin', base.PASSWORD, suites))

    def state(self, allowed=(17, 3), **values):
        options = {'cipher_suites': list(allowed), **values}
        return self.driver.state(base.device('127.0.0.1', self.bmc.port,
                                             options=options), '1')

    def test_pw15_suite_17(self):
        self.start(3, 17)
        for allowed in ((17,), (17, 3)):
            self.assertEqual(states.POWER_ON, self.state(allowed))
        self.assertEqual(self.both[:1] * 2, self.bmc.offered)
        # Asked, and told that the session is over.
        self.assertEqual([(6, 0x3b), (0, 1), (6, 0x3c)],
                         [each[:2] for each in self.bmc.commands[:3]])

    def test_suite_3_is_used_where_17_is_refused(self):
        self.start(3)
        self.assertEqual(states.POWER_ON, self.state())
        self.assertEqual(self.both, self.bmc.offered)
        self.assertEqual(states.POWER_ON, self.state((3,)))
        self.assertEqual([*self.both, self.both[1]], self.bmc.offered)

    def test_suite_3_is_not_used_where_it_is_not_allowed(self):
        self.start(3)
        self.assertRaises(exceptions.PowerUnsupported, self.state, (17,))
        self.assertEqual(self.both[:1], self.bmc.offered)

    def test_suite_17_is_not_used_where_it_is_not_allowed(self):
        self.start(17)
        self.assertRaises(exceptions.PowerUnsupported, self.state, (3,))
        self.assertEqual(self.both[1:], self.bmc.offered)

    def test_privilege(self):
        self.start(17)
        for privilege, expected in (('user', 2), ('operator', 3),
                                    ('administrator', 4),
                                    ('automatic', 4)):
            self.state(privilege=privilege)
            self.assertEqual(expected, self.bmc.privileges[-1])
            # The session is raised to it, no further.
            self.assertEqual(bytes([expected]), [
                data for function, command, data in self.bmc.commands
                if (function, command) == (6, 0x3b)][-1])

    def test_wrong_password(self):
        for suite in (17, 3):
            self.start(suite)
            device = base.device('127.0.0.1', self.bmc.port,
                                 password='not-this-one')
            self.assertRaises(exceptions.PowerCredentials,
                              self.driver.state, device, '1')
            self.assertEqual([], self.bmc.commands)


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

    def serve(self, *answers):
        """Answer each request with what a function makes of it."""
        self.requests = []

        def work():
            for answer in answers:
                packet, address = self.peer.recvfrom(3000)
                self.requests.append(packet)
                self.peer.sendto(answer(packet), address)
        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join, 10)

    def with_suites(self, *suites):
        self.device = dataclasses.replace(
            self.device, options={'cipher_suites': list(suites)})

    def algorithms(self):
        """Return those of the sessions that were asked for."""
        return [tuple(packet[16 + place] for place in (12, 20, 28))
                for packet in self.requests if packet[5] == 0x10]

    def test_pw15_suites_are_offered_as_they_are_allowed(self):
        """And never one without integrity or encryption."""
        for suites, expected in (((17, 3), [(3, 4, 1), (1, 1, 1)]),
                                 ((17,), [(3, 4, 1)]),
                                 ((3,), [(1, 1, 1)])):
            self.with_suites(*suites)
            self.serve(speaks_ipmi_2, *[refuses_algorithms] * len(expected))
            error = self.fails(exceptions.PowerUnsupported)
            self.assertEqual(expected, self.algorithms())
            for suite in suites:
                self.assertIn(str(suite), str(error))

    def test_suite_0_is_never_used(self):
        self.with_suites(0)
        self.fails(exceptions.PowerUnsupported)
        self.peer.settimeout(0.1)
        self.assertRaises(TimeoutError, self.peer.recvfrom, 100)

    def test_a_bmc_that_has_only_ipmi_1_5(self):
        """Anybody could say so, and the password would be worth less."""
        self.serve(speaks_ipmi_1_5)
        self.assertIn('IPMI 2.0', str(self.fails(
            exceptions.PowerUnsupported)))
        self.peer.settimeout(0.1)
        self.assertRaises(TimeoutError, self.peer.recvfrom, 100)

    def test_a_refusal_of_a_session_is_not_one_of_its_suite(self):
        self.with_suites(17)
        self.serve(speaks_ipmi_2, lambda packet: refuses_algorithms(
            packet, 1))
        self.fails(exceptions.PowerBusy)
        self.assertEqual([(3, 4, 1)], self.algorithms())

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
        self.assertEqual(['PowerBusy'] * 3 + ['PowerSilent'], kinds)

    def test_256_threads_and_as_many_bmcs(self):
        """All dead: none waits for another, and nothing is left."""
        # A busy machine may let a thread wait for a part of a second, and who
        # has not begun after half of the time does not begin.
        self.conf.config(group='power', call_deadline=4)
        devices = [base.device(f'127.0.1.{number}',
                               self.device.port) for number in range(256)]
        before = threading.active_count()
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(256) as pool:
            found = [pool.submit(self.driver.state, device, '1')
                     for device in devices]
            kinds = {type(each.exception()) for each in found}
        self.assertEqual({exceptions.PowerSilent}, kinds)
        # One after the other it would be 1024.
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(before, threading.active_count())
