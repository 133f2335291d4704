# SPDX-License-Identifier: Apache-2.0
"""Asks a BMC for its sensors and the newest of its events, in time."""

from collections.abc import Iterator
import struct
import time

from pyghmi import exceptions as pyghmi_exc

from cloudmanager.power import base
from cloudmanager.power.ipmi import records
from cloudmanager.power.ipmi import session as ipmi_session

#: How many events are read at most.
EVENTS = 20
#: Seconds that are left when no further question is begun.
RESERVE_SECONDS = 1.0

# Network functions and commands, appendix G of the specification.
_SENSOR, _STORAGE = 4, 0x0a
_GET_READING, _GET_FACTORS = 0x2d, 0x23
_RESERVE_REPOSITORY, _GET_SENSOR_RECORD = 0x22, 0x23
_GET_LOG_INFO, _GET_EVENT = 0x40, 0x43

_FIRST, _LAST = 0, 0xffff
# Octets of a record that are asked for at once where not all can be.
_PART = 16
_MOST_RECORDS = 1000
# Gaps in the numbers of events that are skipped in a row.
_MOST_GAPS = 16

# Completion codes.
_LOST_RESERVATION = 0xc5
_TOO_MUCH_AT_ONCE = (0xc7, 0xc8, 0xca, 0xff)
_NOT_THERE = (0xc1, 0xc9, 0xcb, 0xcc, 0xcd, 0xce)


class _Late(Exception):
    """There is no time for another question."""


class Reader:
    """Reads what a BMC says of its hardware, in one session."""

    def __init__(self, session: ipmi_session.Session) -> None:
        self._session = session
        self._stop = session.deadline - RESERVE_SECONDS

    def read(self) -> base.Health:
        """Read as much as the time allows.

        :raises OSError: an answer did not come in time
        :raises UnsupportedFunctionality: it says nothing of it
        :raises IpmiException: the BMC answered with an error
        """
        sensors: list[records.Sensor] = []
        found: list[base.Sensor] = []
        events: list[base.Event] = []
        total: int | None = 0
        complete = False
        try:
            for sensor in self._sensors():
                sensors.append(sensor)
            names = {sensor.key: sensor.name for sensor in sensors}
            total = self._count_events()
            if total is None and not sensors:
                raise pyghmi_exc.UnsupportedFunctionality
            events.extend(self._events(names, total or 0))
            sensors = [sensor for sensor in sensors if sensor.readable]
            for sensor in sensors:
                found.append(self._reading(sensor))
            complete = True
        except _Late:
            found.extend(sensor.unread() for sensor in sensors[len(found):])
        return base.Health(sensors=tuple(found), events=tuple(events),
                           events_total=total or 0, complete=complete)

    def _ask(self, function: int, command: int, data: bytes = b'',
             lun: int = 0) -> bytes:
        if time.monotonic() >= self._stop:
            raise _Late
        return self._session.ask(function, command, data, lun=lun)

    def _sensors(self) -> Iterator[records.Sensor]:
        """Read the sensors that the repository has."""
        number = _FIRST
        seen: set[int] = set()
        while number != _LAST and len(seen) < _MOST_RECORDS:
            # A BMC that leads in a circle would not come to an end.
            if number in seen:
                return
            seen.add(number)
            try:
                number, record = self._record(number)
            except pyghmi_exc.IpmiException as exc:
                if exc.ipmicode not in _NOT_THERE:
                    raise
                return      # an empty repository, or none
            try:
                yield from records.sensors(record)
            except IndexError:
                continue    # a record that is cut off describes nothing

    def _record(self, number: int) -> tuple[int, bytes]:
        """Return a record, and the number of the next one."""
        try:
            answer = self._ask(_STORAGE, _GET_SENSOR_RECORD, struct.pack(
                '<HHBB', 0, number, 0, 0xff))
        except pyghmi_exc.IpmiException as exc:
            if exc.ipmicode not in _TOO_MUCH_AT_ONCE:
                raise
        else:
            return struct.unpack('<H', answer[:2])[0], answer[2:]
        for last in (False, True):
            try:
                return self._record_in_parts(number)
            except pyghmi_exc.IpmiException as exc:
                # Somebody else changed the repository, or asked as well.
                if last or exc.ipmicode != _LOST_RESERVATION:
                    raise
        raise AssertionError

    def _record_in_parts(self, number: int) -> tuple[int, bytes]:
        reservation = self._ask(_STORAGE, _RESERVE_REPOSITORY)[:2]
        record, following = b'', _LAST
        size = records.HEADER_SIZE
        while len(record) < size:
            answer = self._ask(
                _STORAGE, _GET_SENSOR_RECORD, reservation + struct.pack(
                    '<HBB', number, len(record),
                    min(_PART, size - len(record))))
            following, = struct.unpack('<H', answer[:2])
            if len(answer) == 2:
                break       # a BMC that gives nothing gives no more later
            record += answer[2:]
            if len(record) == records.HEADER_SIZE:
                size += record[-1]
        return following, record

    def _reading(self, sensor: records.Sensor) -> base.Sensor:
        # Others are behind a bridge.
        if sensor.owner != records.BMC_ADDRESS:
            return sensor.unread()
        try:
            answer = self._ask(_SENSOR, _GET_READING,
                               bytes([sensor.number]), sensor.lun)
            factors = None
            if sensor.is_numeric and sensor.factors is None:
                factors = records.Factors.parse(self._ask(
                    _SENSOR, _GET_FACTORS,
                    bytes([sensor.number, answer[0]]), sensor.lun)[1:])
            return sensor.read(answer, factors)
        except pyghmi_exc.IpmiException as exc:
            if exc.ipmicode not in _NOT_THERE:
                raise
        except IndexError:
            pass    # an answer that is cut off says nothing
        return sensor.unread()

    def _count_events(self) -> int | None:
        """Return the number of events; ``None`` if there is no log."""
        try:
            answer = self._ask(_STORAGE, _GET_LOG_INFO)
        except pyghmi_exc.IpmiException as exc:
            if exc.ipmicode not in _NOT_THERE:
                raise
            return None
        found: int = struct.unpack('<H', answer[1:3])[0]
        return found

    def _events(self, names: dict[tuple[int, int], str],
                total: int) -> Iterator[base.Event]:
        """Read the newest events, the newest one first.

        Their numbers are those in which they were written, but some are
        missing where events were deleted. The log leads from the oldest to
        the newest only, which is too far.
        """
        number, gaps, left = _LAST, 0, min(EVENTS, total)
        while left and gaps < _MOST_GAPS:
            try:
                record = self._ask(_STORAGE, _GET_EVENT, struct.pack(
                    '<HHBB', 0, number, 0, 0xff))[2:]
            except pyghmi_exc.IpmiException as exc:
                if exc.ipmicode not in _NOT_THERE:
                    raise
                gaps += 1
            else:
                gaps, left = 0, left - 1
                try:
                    if number == _LAST:
                        number, = struct.unpack('<H', record[:2])
                    found = records.event(record, names)
                except (struct.error, IndexError):
                    pass    # an entry that is cut off says nothing
                else:
                    yield found
            number -= 1
            if number <= _FIRST:
                return
