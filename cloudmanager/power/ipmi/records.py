# SPDX-License-Identifier: Apache-2.0
"""Sensors and events of a BMC, from the octets in which it keeps them.

"Intelligent Platform Management Interface Specification, Second Generation,
v2.0" has the records: section 43 those of sensors, 32 those of the event
log, 36.3 how a reading becomes a value, 42 what states and events mean. The
words for the latter are those of pyghmi's tables. No I/O.
"""

from collections.abc import Callable
import dataclasses
import datetime
import math
import struct
from typing import Any
from typing import Self

from pyghmi import constants as health
from pyghmi.ipmi import sdr
from pyghmi.ipmi.private import constants

from cloudmanager.power import base

BMC_ADDRESS = 0x20
FULL, COMPACT, EVENT_ONLY = 1, 2, 3
HEADER_SIZE = 5

OK, WARNING, CRITICAL, FAILED, UNKNOWN = (
    'ok', 'warning', 'critical', 'failed', 'unknown')

# Where type, length and text of a sensor's name begin, by kind of record.
_NAMES = {FULL: 47, COMPACT: 31, EVENT_ONLY: 16}
_THRESHOLDS = 1
_SENSOR_SPECIFIC = 0x6f
_UNSIGNED, _ONES_COMPLEMENT, _TWOS_COMPLEMENT, _NOT_NUMERIC = range(4)
# From here on the factors differ from reading to reading.
_NON_LINEAR = 0x70
_LINEARIZATIONS: tuple[Callable[[float], float], ...] = (
    lambda x: x, math.log, math.log10, math.log2, math.exp,
    lambda x: 10.0 ** x, lambda x: 2.0 ** x, lambda x: 1 / x,
    lambda x: x ** 2, lambda x: x ** 3, math.sqrt, math.cbrt)
_BCD_PLUS = '0123456789 -.:,_'
# Worst first: threshold bits of a reading, and what each means.
_THRESHOLD_BITS = ((0b100100, FAILED), (0b010010, CRITICAL),
                   (0b001001, WARNING))
# What is earlier counts from the start of the BMC, which nobody knows.
_FIRST_DATE = 0x20000000
_NO_DATE = 0xffffffff
_SYSTEM_EVENT = 2
_OEM_EVENTS = 0xc0
_OEM_EVENTS_WITHOUT_TIME = 0xe0


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


@dataclasses.dataclass(frozen=True)
class Factors:
    """How a reading becomes a value: ``(m x + b 10^k1) 10^k2``."""

    m: int
    b: int
    k1: int
    k2: int

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Read them from the six octets of a record, or of an answer."""
        return cls(
            m=_signed(octets[0] | (octets[1] & 0xc0) << 2, 10),
            b=_signed(octets[2] | (octets[3] & 0xc0) << 2, 10),
            k1=_signed(octets[5] & 0x0f, 4), k2=_signed(octets[5] >> 4, 4))

    def apply(self, reading: int) -> float:
        return ((self.m * reading + self.b * 10.0 ** self.k1)
                * 10.0 ** self.k2)


@dataclasses.dataclass(frozen=True)
class Sensor:
    """What a record says of a sensor.

    :ivar owner: address of the controller that has it
    :ivar lun: logical unit of the controller
    :ivar event_type: event and reading type code
    :ivar numeric_format: of its readings
    :ivar factors: ``None`` where they have to be asked for each reading
    :ivar readable: whether it does more than write events
    """

    owner: int
    lun: int
    number: int
    sensor_type: int
    event_type: int
    name: str
    unit: str = ''
    numeric_format: int = _NOT_NUMERIC
    linearization: int = 0
    factors: Factors | None = None
    readable: bool = True

    @property
    def key(self) -> tuple[int, int]:
        """What events call it by."""
        return self.owner, self.number

    @property
    def is_numeric(self) -> bool:
        return self.numeric_format != _NOT_NUMERIC

    def unread(self) -> base.Sensor:
        """Return it without a reading."""
        return base.Sensor(self.name, kind(self.sensor_type), None,
                           self.unit, UNKNOWN)

    def read(self, answer: bytes, factors: Factors | None) -> base.Sensor:
        """Return it with what Get Sensor Reading answered.

        :param factors: for this reading, if its record has none
        """
        flags = answer[1]
        # It is not scanned, or has no reading now.
        if not flags & 0x40 or flags & 0x20:
            return self.unread()
        states = int.from_bytes(answer[2:4], 'little') & 0x7fff
        if self.event_type == _THRESHOLDS:
            status = next((status for bits, status in _THRESHOLD_BITS
                           if states & bits), OK)
        else:
            status = _worst(_meaning(self.event_type, self.sensor_type, bit)
                            for bit in range(15) if states >> bit & 1)
        value = None
        if self.is_numeric:
            value = self._value(answer[0], self.factors or factors)
        return dataclasses.replace(self.unread(), value=value, status=status)

    def _value(self, reading: int, factors: Factors | None) -> float | None:
        if factors is None:
            return None
        if self.numeric_format == _TWOS_COMPLEMENT:
            reading = _signed(reading, 8)
        elif self.numeric_format == _ONES_COMPLEMENT and reading & 0x80:
            reading = reading - 0xff
        number = self.linearization
        function = (_LINEARIZATIONS[number]
                    if number < len(_LINEARIZATIONS) else _LINEARIZATIONS[0])
        try:
            value = function(factors.apply(reading))
        # Such as the logarithm of nothing.
        except (ValueError, ArithmeticError):
            return None
        return round(value, 3) if math.isfinite(value) else None


def kind(sensor_type: int) -> str:
    """Return the word for a type of sensor."""
    found: str = constants.sensor_type_codes.get(
        sensor_type, f'Type {sensor_type:#04x}')
    return found


def text(type_and_length: int, octets: bytes) -> str:
    """Decode a text of a record, section 43.15.

    :param octets: what follows; more than belong to it do no harm
    """
    octets = octets[:type_and_length & 0x1f]
    encoding = type_and_length >> 6
    if encoding == 0:
        found = octets.decode('utf-8', 'replace')
    elif encoding == 1:
        found = ''.join(_BCD_PLUS[octet >> 4] + _BCD_PLUS[octet & 0x0f]
                        for octet in octets)
    elif encoding == 2:
        # Six bits each, the lowest first.
        bits = int.from_bytes(octets, 'little')
        found = ''.join(chr(0x20 + (bits >> place & 0x3f)) for place in
                        range(0, len(octets) * 8 // 6 * 6, 6))
    else:
        found = octets.decode('latin-1')
    return ''.join(letter for letter in found.partition('\0')[0]
                   if letter.isprintable()).strip()


def sensors(record: bytes) -> list[Sensor]:
    """Return the sensors that a record of the repository describes.

    Records of other things describe none.

    :raises IndexError: it is shorter than it has to be
    """
    kind_of_record = record[3]
    if kind_of_record not in _NAMES:
        return []
    start = _NAMES[kind_of_record]
    # What the three kinds of records have at the same places.
    owner, lun, number = record[5], record[6] & 3, record[7]
    name = (text(record[start], record[start + 1:])
            or f'Sensor {number:#04x}')
    if kind_of_record == EVENT_ONLY:
        return [Sensor(owner, lun, number, record[10], record[11], name,
                       readable=False)]
    found = Sensor(owner, lun, number, record[12], record[13], name,
                   _unit(*record[20:23]))
    if kind_of_record == COMPACT:
        return _shared(found, record[23], record[24])
    linearization = record[23] & 0x7f
    return [dataclasses.replace(
        found, numeric_format=record[20] >> 6, linearization=linearization,
        factors=(None if linearization >= _NON_LINEAR
                 else Factors.parse(record[24:30])))]


def _shared(sensor: Sensor, sharing: int, offset: int) -> list[Sensor]:
    """Return the sensors that share a compact record, section 43.2."""
    count = sharing & 0x0f
    if count < 2:
        return [sensor]
    first = offset & 0x7f
    return [dataclasses.replace(
        sensor, number=sensor.number + index & 0xff,
        name=sensor.name + (chr(ord('A') + (first + index) % 26)
                            if sharing >> 4 & 1 else str(first + index)))
        for index in range(count)]


def _unit(flags: int, main: int, modifier: int) -> str:
    """Return the unit of a sensor, section 43.17."""
    if not main:
        return '%' if flags & 1 else ''
    found = sdr.unit_types.get(main, '')
    relation = flags >> 1 & 3
    if relation in (1, 2):
        found += '/*'[relation - 1] + sdr.unit_types.get(modifier, '')
    found += sdr.sensor_rates.get(flags >> 3 & 7, '')
    return f'% {found}' if flags & 1 else found


def _meaning(event_type: int, sensor_type: int,
             offset: int) -> dict[str, Any]:
    """Return pyghmi's entry for a state, or for an event."""
    table = (constants.sensor_type_offsets.get(sensor_type, {})
             if event_type == _SENSOR_SPECIFIC
             else constants.generic_type_offsets.get(event_type, {}))
    found: dict[str, Any] = table.get(offset, {})
    return found


def _word(severity: int) -> str:
    for bit, status in ((health.Health.Failed, FAILED),
                        (health.Health.Critical, CRITICAL),
                        (health.Health.Warning, WARNING)):
        if severity & bit:
            return status
    return OK


def _worst(meanings: Any) -> str:
    severity = 0
    for meaning in meanings:
        severity |= meaning.get('severity', health.Health.Ok)
    return _word(severity)


def event(record: bytes, names: dict[tuple[int, int], str]) -> base.Event:
    """Return an entry of the event log.

    :param record: its 16 octets
    :param names: names of sensors by their keys
    :raises struct.error: it is shorter
    :raises IndexError: it is shorter
    """
    kind_of_record = record[2]
    when = None
    if kind_of_record < _OEM_EVENTS_WITHOUT_TIME:
        seconds, = struct.unpack('<I', record[3:7])
        if _FIRST_DATE <= seconds != _NO_DATE:
            when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    if kind_of_record >= _OEM_EVENTS:
        return base.Event(when, 'Manufacturer', record[3:16].hex(' '),
                          UNKNOWN)
    owner, sensor_type, number = record[7], record[10], record[11]
    event_type, offset = record[12] & 0x7f, record[13] & 0x0f
    meaning = _meaning(event_type, sensor_type, offset)
    prefix = 'deassertion_' if record[12] & 0x80 else ''
    return base.Event(
        when, names.get((owner, number))
        or f'{kind(sensor_type)} {number:#04x}',
        meaning.get(f'{prefix}desc')
        or f'{"End of event" if prefix else "Event"} {offset} of type '
           f'{event_type:#04x}',
        _word(meaning[f'{prefix}severity'])
        if f'{prefix}severity' in meaning else UNKNOWN)
