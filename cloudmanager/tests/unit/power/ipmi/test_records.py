# SPDX-License-Identifier: Apache-2.0
"""Octets of BMCs, written out by the tables of the specification."""

import datetime
import struct

import testtools

from cloudmanager.power import base
from cloudmanager.power.ipmi import records

VOLTAGE, FAN, TEMPERATURE, SUPPLY = 2, 4, 1, 8
READABLE = 0xc0


def name_field(name, encoding=3):
    return bytes([encoding << 6 | len(name)]) + name


def full(number=1, sensor_type=TEMPERATURE, event_type=1, units=(0, 1, 0),
         linearization=0, factors=bytes([1, 0, 0, 0, 0, 0]),
         name=name_field(b'CPU'), owner=0x20, lun=0):
    """Return a full sensor record, section 43.1."""
    body = (bytes([owner, lun, number, 3, 1, 0x7f, 0x68, sensor_type,
                   event_type, 0, 0, 0, 0, 0, 0, *units, linearization])
            + factors + bytes(17) + name)
    return bytes([number, 0, 0x51, 1, len(body)]) + body


def compact(number=1, sensor_type=SUPPLY, event_type=0x6f, sharing=0,
            offset=0, name=name_field(b'PS')):
    """Return a compact sensor record, section 43.2."""
    body = (bytes([0x20, 0, number, 10, 1, 0x7f, 0x40, sensor_type,
                   event_type, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, sharing,
                   offset]) + bytes(6) + name)
    return bytes([number, 0, 0x51, 2, len(body)]) + body


def event_only(number=9, name=name_field(b'Watchdog')):
    """Return an event-only record, section 43.3."""
    body = (bytes([0x20, 0, number, 6, 1, 0x23, 0x6f, 0, 0, 0, 0]) + name)
    return bytes([number, 0, 0x51, 3, len(body)]) + body


def log_entry(number=1, when=0x6976f0c0, sensor_type=TEMPERATURE, sensor=1,
              event=0x01, data=b'\x59\x90\x70', kind=2, owner=0x20):
    """Return an entry of the event log, section 32.1."""
    return struct.pack('<HBIHBBBB', number, kind, when, owner, 4,
                       sensor_type, sensor, event) + data


class SensorsTestCase(testtools.TestCase):

    def one(self, record):
        found, = records.sensors(record)
        return found

    def test_full(self):
        found = self.one(full(number=7, lun=2, sensor_type=FAN,
                              units=(0, 18, 0), name=name_field(b'FAN 1\0')))
        self.assertEqual((0x20, 7), found.key)
        self.assertEqual((2, 'FAN 1', 'RPM', True),
                         (found.lun, found.name, found.unit,
                          found.is_numeric))
        self.assertEqual(base.Sensor('FAN 1', 'Fan', None, 'RPM', 'unknown'),
                         found.unread())

    def test_compact(self):
        found = self.one(compact())
        self.assertEqual((0x20, 1), found.key)
        self.assertFalse(found.is_numeric)
        self.assertEqual('Power Supply', found.unread().kind)

    def test_a_compact_record_for_several_sensors(self):
        numbers = records.sensors(compact(sharing=3, offset=1))
        self.assertEqual([('PS1', 1), ('PS2', 2), ('PS3', 3)],
                         [(each.name, each.number) for each in numbers])
        letters = records.sensors(compact(sharing=0x12, offset=2))
        self.assertEqual(['PSC', 'PSD'], [each.name for each in letters])

    def test_event_only(self):
        found = self.one(event_only())
        self.assertEqual(('Watchdog', False), (found.name, found.readable))

    def test_other_records_describe_no_sensors(self):
        for kind in (0, 8, 9, 0x11, 0x12, 0xc0, 0xff):
            self.assertEqual([], records.sensors(
                bytes([1, 0, 0x51, kind, 0])))

    def test_records_that_are_cut_off(self):
        for record in (full(), compact(), event_only()):
            needed = record[:-3]
            for size in range(4, len(needed) - 8):
                self.assertRaises(IndexError, records.sensors,
                                  record[:size])

    def test_a_sensor_without_a_name(self):
        self.assertEqual('Sensor 0x07', self.one(full(
            number=7, name=b'\xc0')).name)

    def test_names(self):
        """The four encodings of section 43.15."""
        for encoding, octets, expected in (
                (0, 'F\N{LATIN SMALL LETTER U WITH DIAERESIS}'.encode(),
                 'F\N{LATIN SMALL LETTER U WITH DIAERESIS}'),
                (0, b'\xff\xfe', '\ufffd\ufffd'),
                (1, b'\x12\xab\xcd', '12 -.:'),
                # The example of the specification: IPMI.
                (2, b'\x29\xdc\xa6', 'IPMI'),
                (2, b'\x29', 'I'),
                (3, b'T\xb0', 'T\N{DEGREE SIGN}'),
                (3, b'a\x1b[31m\nb', 'a[31mb'),
                (3, b'  x ', 'x'), (3, b'', '')):
            length = encoding << 6 | len(octets)
            self.assertEqual(expected, records.text(
                length, octets + b'more'), (encoding, octets))

    def test_units(self):
        for units, expected in (
                ((0, 1, 0), '\N{DEGREE SIGN}C'), ((1, 0, 0), '%'),
                ((0, 4, 0), 'V'), ((2, 17, 23), 'CFM/min'),
                ((4, 6, 24), 'W*hr'), ((0x20, 18, 0), 'RPM per minute'),
                ((0, 255, 0), '')):
            self.assertEqual(expected, self.one(full(units=units)).unit,
                             units)


class ReadingsTestCase(testtools.TestCase):

    def read(self, record, *answer, factors=None):
        found, = records.sensors(record)
        return found.read(bytes(answer), factors)

    def value(self, record, reading, factors=None):
        return self.read(record, reading, READABLE, 0, 0,
                         factors=factors).value

    def test_values(self):
        """Section 36.3: (M x + B 10^K1) 10^K2."""
        for factors, reading, expected in (
                ((1, 0, 0, 0, 0, 0x00), 35, 35.0),
                ((100, 0, 0, 0, 0, 0x00), 42, 4200.0),
                ((59, 0, 0, 0, 0, 0xd0), 245, 14.455),
                ((1, 0, 5, 0, 0, 0x01), 10, 60.0),
                ((1, 0, 0xff, 0xc0, 0, 0x0f), 3, 2.9),
                ((0xff, 0xc0, 0, 0, 0, 0x00), 7, -7.0),
                ((0, 0x40, 0, 0, 0, 0x00), 2, 512.0)):
            self.assertAlmostEqual(expected, self.value(
                full(factors=bytes(factors)), reading), 3)

    def test_signs(self):
        for units, expected in (((0x00, 1, 0), 254), ((0x40, 1, 0), -1),
                                ((0x80, 1, 0), -2), ((0xc0, 1, 0), None)):
            self.assertEqual(expected, self.value(full(units=units), 254))
        self.assertEqual(5, self.value(full(units=(0x40, 1, 0)), 5))

    def test_linearizations(self):
        for number, expected in (
                (1, 1.386), (2, 0.602), (3, 2.0), (4, 54.598), (5, 10000.0),
                (6, 16.0), (7, 0.25), (8, 16.0), (9, 64.0), (10, 2.0),
                (11, 1.587)):
            self.assertEqual(expected, self.value(
                full(linearization=number), 4))

    def test_what_has_no_value(self):
        for number in (1, 7):
            self.assertIsNone(self.value(full(linearization=number), 0))
        overflow = full(linearization=5, factors=bytes([100, 0, 0, 0, 0, 0]))
        self.assertIsNone(self.value(overflow, 200))

    def test_factors_of_a_reading(self):
        record = full(linearization=0x70)
        self.assertIsNone(self.value(record, 4))
        self.assertEqual(12.0, self.value(
            record, 4, records.Factors(3, 0, 0, 0)))

    def test_thresholds(self):
        for bits, expected in ((0, 'ok'), (0b000001, 'warning'),
                               (0b001000, 'warning'),
                               (0b000011, 'critical'),
                               (0b011000, 'critical'),
                               (0b000111, 'failed'), (0b111000, 'failed'),
                               (0b11000000, 'ok')):
            self.assertEqual(expected, self.read(
                full(), 30, READABLE, bits).status, bits)

    def test_discrete_states(self):
        """What a power supply says, table 42-3."""
        for bits, expected in ((1, 'ok'), (3, 'critical'), (0x40, 'warning'),
                               (0, 'ok'), (0x8000, 'ok')):
            found = self.read(compact(), 0, READABLE, bits & 0xff, bits >> 8)
            self.assertEqual((None, expected), (found.value, found.status))
        # State 8 and above are in the second octet: memory, logging off.
        self.assertEqual('failed', self.read(
            compact(sensor_type=0x0c, event_type=7), 0, READABLE,
            0b01001000, 0).status)

    def test_states_that_nobody_knows(self):
        for event_type in (0x6f, 0x70, 0x00):
            self.assertEqual('ok', self.read(
                compact(sensor_type=0xc9, event_type=event_type), 0,
                READABLE, 0xff, 0x7f).status)

    def test_no_reading_now(self):
        for flags in (0x00, 0x80, 0x60, 0x20):
            found = self.read(full(), 30, flags, 0b111)
            self.assertEqual((None, 'unknown'), (found.value, found.status))

    def test_answers_that_are_short(self):
        self.assertEqual('ok', self.read(full(), 30, READABLE).status)
        for size in (0, 1):
            self.assertRaises(IndexError, self.read, full(),
                              *bytes([30])[:size])


class EventsTestCase(testtools.TestCase):

    names = {(0x20, 1): 'CPU Temp'}

    def event(self, **values):
        return records.event(log_entry(**values), self.names)

    def test_threshold(self):
        self.assertEqual(base.Event(
            datetime.datetime(2026, 1, 26, 4, 42, 40, tzinfo=datetime.UTC),
            'CPU Temp', 'Upper critical', 'critical'), self.event())

    def test_it_has_ended(self):
        found = self.event(event=0x81)
        self.assertEqual(('Upper critical deasserted', 'ok'),
                         (found.text, found.severity))

    def test_sensor_specific(self):
        found = self.event(sensor_type=SUPPLY, sensor=0x44, event=0x6f,
                           data=b'\x01\xff\xff')
        self.assertEqual(('Power Supply 0x44', 'Failure', 'critical'),
                         (found.source, found.text, found.severity))

    def test_events_that_nobody_knows(self):
        found = self.event(sensor_type=0xc9, sensor=2, event=0xf0,
                           data=b'\x0e\xff\xff')
        self.assertEqual(
            ('Type 0xc9 0x02', 'End of event 14 of type 0x70', 'unknown'),
            (found.source, found.text, found.severity))

    def test_time(self):
        for seconds in (0, 3090, 0x1fffffff, 0xffffffff):
            self.assertIsNone(self.event(when=seconds).time)
        self.assertIsNotNone(self.event(when=0x20000000).time)

    def test_entries_of_the_manufacturer(self):
        found = self.event(kind=0xc1)
        self.assertEqual('Manufacturer', found.source)
        self.assertIsNotNone(found.time)
        self.assertEqual('unknown', found.severity)
        # Here the time is not one.
        self.assertIsNone(self.event(kind=0xe0).time)

    def test_entries_that_are_cut_off(self):
        for size in range(14):
            self.assertRaises((struct.error, IndexError),
                              records.event, log_entry()[:size], {})
