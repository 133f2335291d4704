# SPDX-License-Identifier: Apache-2.0
"""Reading sensors and events, from a BMC that makes it hard."""

import struct
import time

from pyghmi import exceptions as pyghmi_exc

from cloudmanager.power.ipmi import health
from cloudmanager.tests.unit.power import base
from cloudmanager.tests.unit.power.ipmi import test_records as records

LAST = 0xffff
LOST_RESERVATION, TOO_MUCH, NOT_THERE, INVALID = 0xc5, 0xca, 0xcb, 0xc1


class FakeSession:
    """A BMC behind a session: sensors, readings, a log, and its limits.

    :ivar most: octets of a record that it gives at once
    :ivar following: number of the next record, by number
    :ivar errors: completion codes by network function and command
    :ivar asked: network function, command and data of each request
    """

    def __init__(self, sensors=(), events=(), seconds=60):
        self.deadline = time.monotonic() + seconds
        self.sensors = list(sensors)
        self.events = dict(enumerate(events, 1))
        self.readings = {}
        self.factors = {}
        self.most = 0xff
        self.following = {number: number + 1
                          for number in range(len(self.sensors) - 1)}
        self.errors = {}
        self.reservation = 0x1234
        self.lost = 0
        self.asked = []

    def ask(self, netfn, command, data=(), repeat=True, lun=0):
        self.asked.append((netfn, command, bytes(data)))
        code = self.errors.get((netfn, command))
        if code:
            raise pyghmi_exc.IpmiException('x', code)
        return getattr(self, f'_{netfn:x}_{command:x}')(bytes(data), lun)

    def fail(self, code):
        raise pyghmi_exc.IpmiException('x', code)

    def _a_22(self, data, lun):
        return struct.pack('<H', self.reservation)

    def _a_23(self, data, lun):
        reservation, number, offset, count = struct.unpack('<HHBB', data)
        if number >= len(self.sensors):
            self.fail(NOT_THERE)
        if count > self.most:
            self.fail(TOO_MUCH)
        if offset and self.lost:
            self.lost -= 1
            self.fail(LOST_RESERVATION)
        if offset and reservation != self.reservation:
            self.fail(LOST_RESERVATION)
        return (struct.pack('<H', self.following.get(number, LAST))
                + self.sensors[number][offset:offset + count])

    def _4_2d(self, data, lun):
        if data[0] not in self.readings:
            self.fail(NOT_THERE)
        return self.readings[data[0]]

    def _4_23(self, data, lun):
        return self.factors[data[0], data[1]]

    def _a_40(self, data, lun):
        return b'\x51' + struct.pack('<H', len(self.events)) + bytes(11)

    def _a_43(self, data, lun):
        _, number, _, _ = struct.unpack('<HHBB', data)
        if number == LAST:
            number = max(self.events, default=0)
        if number not in self.events:
            self.fail(NOT_THERE)
        return struct.pack('<H', LAST) + self.events[number]


class ReaderTestCase(base.PowerTestCase):

    def setUp(self):
        super().setUp()
        self.bmc = FakeSession(
            [records.full(1, name=records.name_field(b'CPU')),
             records.compact(2), records.event_only(3),
             records.full(4, name=records.name_field(b'A long name'))],
            [records.log_entry(number) for number in range(1, 4)])
        self.bmc.readings = {1: bytes([30, 0xc0, 0, 0]),
                             2: bytes([0, 0xc0, 3, 0]),
                             4: bytes([40, 0xc0, 8, 0])}

    def read(self):
        return health.Reader(self.bmc).read()

    def check_all(self, found):
        self.assertEqual(
            [('CPU', 30.0, 'ok'), ('PS', None, 'critical'),
             ('A long name', 40.0, 'warning')],
            [(each.name, each.value, each.status)
             for each in found.sensors])
        self.assertEqual(['CPU'] * 3, [each.source
                                       for each in found.events])
        self.assertEqual((3, True), (found.events_total, found.complete))

    def test_all(self):
        self.check_all(self.read())

    def test_a_bmc_that_gives_little_at_once(self):
        for most in (16, 17, 200):
            self.bmc.most = most
            self.check_all(self.read())

    def test_a_reservation_that_is_lost(self):
        self.bmc.most = 20
        self.bmc.lost = 1
        self.check_all(self.read())
        # If it is lost again and again, somebody else is at it.
        self.bmc.lost = 99
        error = self.assertRaises(pyghmi_exc.IpmiException, self.read)
        self.assertEqual(LOST_RESERVATION, error.ipmicode)

    def test_sensors_that_cannot_be_read(self):
        del self.bmc.readings[2]
        self.bmc.readings[4] = b''
        self.assertEqual([30.0, None, None],
                         [each.value for each in self.read().sensors])
        self.assertEqual(['ok', 'unknown', 'unknown'],
                         [each.status for each in self.read().sensors])

    def test_sensors_of_other_controllers(self):
        self.bmc.sensors = [records.full(1, owner=0x2c)]
        self.assertEqual('unknown', self.read().sensors[0].status)
        self.assertNotIn((4, 0x2d), [request[:2]
                                     for request in self.bmc.asked])

    def test_factors_of_each_reading(self):
        self.bmc.sensors = [records.full(1, linearization=0x70)]
        self.bmc.factors = {(1, 30): bytes([0, 2, 0, 0, 0, 0, 0])}
        self.assertEqual(60.0, self.read().sensors[0].value)
        self.bmc.factors = {(1, 30): b'\x00'}
        self.assertEqual('unknown', self.read().sensors[0].status)

    def test_other_errors_are_errors(self):
        for request in ((0x0a, 0x23), (4, 0x2d), (0x0a, 0x40),
                        (0x0a, 0x43)):
            self.bmc.errors = {request: 0xd2}
            error = self.assertRaises(pyghmi_exc.IpmiException, self.read)
            self.assertEqual(0xd2, error.ipmicode)

    def test_no_sensors(self):
        for code in (NOT_THERE, INVALID):
            self.bmc.errors = {(0x0a, 0x23): code}
            found = self.read()
            self.assertEqual(((), 3), (found.sensors, found.events_total))

    def test_no_log(self):
        self.bmc.errors = {(0x0a, 0x40): INVALID}
        found = self.read()
        self.assertEqual((3, (), 0), (len(found.sensors), found.events,
                                      found.events_total))

    def test_neither(self):
        self.bmc.errors = {(0x0a, 0x40): INVALID, (0x0a, 0x23): INVALID}
        self.assertRaises(pyghmi_exc.UnsupportedFunctionality, self.read)

    def test_empty_log(self):
        self.bmc.events = {}
        self.assertEqual((), self.read().events)

    def test_the_newest_events_come_first(self):
        self.bmc.events = {number: records.log_entry(number, when=0x6976f0c0
                                                     + number)
                           for number in range(1, 101)}
        found = self.read()
        self.assertEqual(100, found.events_total)
        times = [each.time.timestamp() for each in found.events]
        self.assertEqual([0x6976f0c0 + number
                          for number in range(100, 80, -1)], times)

    def test_gaps_in_the_log(self):
        self.bmc.events = {number: records.log_entry(number)
                           for number in (1, 2, 5, 20, 21)}
        self.assertEqual(5, len(self.read().events))
        # Numbers that have nothing to do with each other are given up.
        self.bmc.events = {number: records.log_entry(number)
                           for number in (1, 30000)}
        self.assertEqual(1, len(self.read().events))

    def test_nonsense(self):
        self.bmc.sensors = [b'', b'\x01', records.full(1)[:20],
                            records.full(1), bytes([1, 0, 0x51, 1, 0xff])]
        self.bmc.following = {number: number + 1 for number in range(4)}
        self.bmc.events = {1: b'', 2: b'\x01', 3: records.log_entry()[:9]}
        found = self.read()
        self.assertEqual([30.0], [each.value for each in found.sensors])
        self.assertEqual((), found.events)

    def test_records_in_a_circle(self):
        self.bmc.following = {0: 1, 1: 3, 3: 0}
        self.assertEqual(3, len(self.read().sensors))

    def test_pw2_records_without_end(self):
        """It stops in time, with what it has."""
        class Endless(FakeSession):
            def _a_23(self, data, lun):
                time.sleep(0.01)
                number, = struct.unpack('<H', data[2:4])
                return (struct.pack('<H', number + 1)
                        + records.full(number & 0xff))

        self.bmc = Endless(seconds=health.RESERVE_SECONDS + 0.5)
        start = time.monotonic()
        found = self.read()
        self.assertLess(time.monotonic() - start, 5)
        self.assertFalse(found.complete)
        self.assertGreater(len(found.sensors), 3)
        self.assertEqual({'unknown'},
                         {each.status for each in found.sensors})

    def test_slow_readings(self):
        """What there was no time for is unknown, not missing."""
        class Slow(FakeSession):
            def _4_2d(self, data, lun):
                time.sleep(0.2)
                return bytes([30, 0xc0, 0, 0])

        self.bmc = Slow([records.full(number) for number in range(50)],
                        seconds=health.RESERVE_SECONDS + 0.5)
        found = self.read()
        self.assertEqual((50, False), (len(found.sensors), found.complete))
        self.assertEqual(('ok', 'unknown'), (found.sensors[0].status,
                                             found.sensors[-1].status))
