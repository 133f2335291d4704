# SPDX-License-Identifier: Apache-2.0
"""What a Redfish service says of the hardware, as far as there is time.

Source: the schemas of DMTF DSP8010. Readings are in Thermal and Power of a
chassis, or where a service has those no more, in its Sensors. Events are in
the logs of managers and systems.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import datetime
import math

from sushy import exceptions as sushy_exc

from cloudmanager.common.json_types import JsonObject
from cloudmanager.power import base
from cloudmanager.power import exceptions
from cloudmanager.power import wording
from cloudmanager.power.redfish import connector as redfish_connector

#: How many events are returned at most.
EVENTS = 20
#: Seconds that must be left for another request.
RESERVE_SECONDS = 1.0
# Of systems, chassis, managers, and logs.
_MOST = 16
# Of sensors that have to be read one by one.
_MOST_SENSORS = 100
_PAGES = 10
_EXPAND = '?$expand=.($levels=1)'

_STATUSES = {'OK': 'ok', 'Warning': 'warning', 'Critical': 'critical'}
UNKNOWN = 'unknown'
_ABSENT = 'Absent'
_UNITS = {'Cel': '°C', 'Percent': '%'}
# Property with the list, what it measures, names of the reading, its unit.
_THERMAL = (
    ('Temperatures', 'Temperature', ('ReadingCelsius',), '°C'),
    ('Fans', 'Fan', ('Reading', 'ReadingRPM'), 'RPM'))
_POWER = (
    ('Voltages', 'Voltage', ('ReadingVolts',), 'V'),
    ('PowerControl', 'Power', ('PowerConsumedWatts',), 'W'),
    ('PowerSupplies', 'Power Supply',
     ('PowerOutputWatts', 'LastPowerOutputWatts'), 'W'))

# What the parts that a service need not have may answer.
_NOT_THERE = (sushy_exc.ResourceNotFoundError, exceptions.PowerRefused,
              exceptions.PowerUnsupported, exceptions.PowerProtocol)


class _Late(Exception):
    """There is no time for another request."""


def link(resource: JsonObject, *names: str) -> object:
    """Return the link that a property of a resource holds, if any."""
    found: object = resource
    for name in (*names, '@odata.id'):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _links(resources: object) -> list[object]:
    return [link(each) for each in _dicts(resources) if link(each)]


def _dicts(found: object) -> list[JsonObject]:
    if not isinstance(found, list):
        return []
    return [each for each in found if isinstance(each, dict)]


def members(connector: redfish_connector.Connector, collection: object,
            pages: int) -> list[str]:
    """Return the paths of the members of a collection, on all its pages.

    :raises PowerError: it cannot be read
    """
    found: list[str] = []
    for _ in range(pages):
        resource = connector.get_json(collection)
        found += map(connector.path, _links(resource.get('Members')))
        collection = resource.get('Members@odata.nextLink')
        if not collection:
            break
    return list(dict.fromkeys(found))


class Reader:
    """Reads sensors and events of a device."""

    def __init__(self, connector: redfish_connector.Connector) -> None:
        self._connector = connector
        self._sensors: list[base.Sensor] = []
        self._events: list[base.Event] = []
        self._total = 0

    def read(self, systems: list[str]) -> base.Health:
        """Read as much as the time allows.

        :param systems: their paths
        :raises PowerUnsupported: the device says nothing of its hardware
        :raises PowerError: the device cannot be read
        """
        complete = False
        with contextlib.suppress(_Late):
            self._read(systems)
            complete = True
        if complete and not self._sensors and not self._total:
            raise exceptions.PowerUnsupported(
                device=self._connector.device, request='hardware health')
        # Those without a time are the oldest.
        self._events.sort(key=lambda event: event.time or _EPOCH,
                          reverse=True)
        return base.Health(sensors=tuple(self._sensors),
                           events=tuple(self._events[:EVENTS]),
                           events_total=self._total, complete=complete)

    def _read(self, systems: list[str]) -> None:
        root = self._connector.root()
        expands = bool(_dict(_dict(root.get(
            'ProtocolFeaturesSupported')).get('ExpandQuery')).get('Levels'))
        chassis: list[object] = []
        managers: list[object] = []
        logs: list[object] = []
        for path in systems[:_MOST]:
            system = self._get(path)
            links = _dict(system.get('Links'))
            chassis += _links(links.get('Chassis'))
            managers += _links(links.get('ManagedBy'))
            logs.append(link(system, 'LogServices'))
        chassis = chassis or self._members(link(root, 'Chassis'))
        managers = managers or self._members(link(root, 'Managers'))
        for path in _distinct(chassis):
            self._chassis(self._get(path), expands)
        for path in _distinct(managers):
            logs.append(link(self._get(path), 'LogServices'))
        for path in _distinct(logs):
            for service in self._members(path)[:_MOST]:
                self._log(self._get(service))

    def _get(self, path: object) -> JsonObject:
        """Return a resource, or nothing if it is not there.

        :raises _Late: there is no time for it
        """
        if not path:
            return {}
        if self._connector.left < RESERVE_SECONDS:
            raise _Late
        with contextlib.suppress(*_NOT_THERE):
            return self._connector.get_json(path)
        return {}

    def _members(self, path: object) -> list[object]:
        return _links(self._get(path).get('Members'))

    # Sensors

    def _chassis(self, chassis: JsonObject, expands: bool) -> None:
        before = len(self._sensors)
        for name, parts in (('Thermal', _THERMAL), ('Power', _POWER)):
            resource = self._get(link(chassis, name))
            for key, kind, readings, unit in parts:
                for each in _dicts(resource.get(key)):
                    self._add(each, kind, readings, unit)
        sensors = link(chassis, 'Sensors')
        if len(self._sensors) == before and isinstance(sensors, str):
            for each in self._each_sensor(sensors, expands):
                self._add(each, str(each.get('ReadingType') or UNKNOWN),
                          ('Reading',), '')

    def _each_sensor(self, path: str,
                     expands: bool) -> Iterator[JsonObject]:
        found = _dicts(self._get(path + (_EXPAND if expands else '')).get(
            'Members'))
        for number, each in enumerate(found):
            if 'Reading' in each:
                yield each
            elif number < _MOST_SENSORS:
                yield self._get(link(each))

    def _add(self, found: JsonObject, kind: str,
             readings: Iterable[str], unit: str) -> None:
        status = _dict(found.get('Status'))
        if not found or status.get('State') == _ABSENT:
            return
        told = found.get('ReadingUnits')
        if isinstance(told, str):
            unit = _UNITS.get(told, told)
        value = next(filter(
            lambda each: each is not None,
            (_number(found.get(name)) for name in readings)), None)
        self._sensors.append(base.Sensor(
            self._quote(found.get('Name') or found.get('FanName')
                        or found.get('MemberId')),
            self._quote(kind), value, self._quote(unit) if unit else '',
            _STATUSES.get(str(status.get('Health')), UNKNOWN)))

    # Events

    def _log(self, service: JsonObject) -> None:
        """Read the newest entries of a log.

        Some services begin with the oldest entry and some with the newest:
        both ends of what does not fit into one answer are read.
        """
        path = link(service, 'Entries')
        first = self._get(path)
        entries = _dicts(first.get('Members'))
        count = _number(first.get('Members@odata.count'))
        total = max(int(count or 0), len(entries))
        self._total += total
        if first.get('Members@odata.nextLink') and total > EVENTS:
            last = self._get(f'{path}?$skip={total - EVENTS}')
            entries = entries[:EVENTS] + _dicts(last.get('Members'))
        elif len(entries) > 2 * EVENTS:
            entries = entries[:EVENTS] + entries[-EVENTS:]
        for entry in entries:
            if 'Message' not in entry and 'Created' not in entry:
                entry = self._get(link(entry))
            if entry:
                self._events.append(self._event(entry, service))

    def _event(self, entry: JsonObject,
               service: JsonObject) -> base.Event:
        return base.Event(
            time=_time(entry.get('Created')),
            source=self._quote(entry.get('SensorType')
                               or service.get('Name')),
            text=self._quote(entry.get('Message') or entry.get('Name')),
            severity=_STATUSES.get(str(entry.get('Severity')), UNKNOWN))

    def _quote(self, text: object) -> str:
        return wording.quote(self._connector.device, text)


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def _dict(found: object) -> JsonObject:
    return found if isinstance(found, dict) else {}


def _distinct(paths: list[object]) -> list[str]:
    return list(dict.fromkeys(
        path for path in paths if isinstance(path, str)))[:_MOST]


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        value = float(found)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _time(found: object) -> datetime.datetime | None:
    """Return a time of a device, which may have no zone; then it is UTC."""
    if not isinstance(found, str):
        return None
    try:
        value = datetime.datetime.fromisoformat(found)
        if value.tzinfo is None:
            return value.replace(tzinfo=datetime.UTC)
        return value.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None
