# SPDX-License-Identifier: Apache-2.0
"""Reading hardware health from the power controls of a node."""

from concurrent import futures

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.power import readings
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db.models import Row
from cloudmanager.power import base as power_base
from cloudmanager.power import exceptions as power_exc
from cloudmanager.power import registry

# From best to worst; the worst status of a node's devices counts.
STATUSES = ('unknown', 'ok', 'warning', 'critical', 'failed')


def read(context: RequestContext, node_id: int) -> JsonObject:
    """Read the sensors and event logs of all devices of a node in parallel.

    :raises NodeNotFound: there is no such node
    :raises NoPowerControl: it has no power control
    :raises PowerUnsupported: no device has sensors or an event log
    :raises PowerError: no device could be read
    """
    ids = list(dict.fromkeys(
        link['power_control_id'] for link in
        db_power_controls.list_assignments(context, node_id)))
    if not ids:
        raise exception.NoPowerControl(node=node_id)
    rows = [db_power_controls.get_device(context, key) for key in ids]
    with futures.ThreadPoolExecutor(len(rows)) as pool:
        found = list(pool.map(_ask, rows))
    if not any(isinstance(item, power_base.Health) for item in found):
        # Prefer the error of a device that may answer next time to that of
        # one that never will.
        raise min((item for item in found if isinstance(item, Exception)),
                  key=lambda error: isinstance(
                      error, power_exc.PowerUnsupported))
    devices = [_render(row['id'], item)
               for row, item in zip(rows, found, strict=True)]
    return {'node_id': node_id, 'status': _worst(devices),
            'devices': devices}


def _ask(row: Row) -> (
        power_base.Health | exception.CloudManagerException):
    try:
        device = readings.device(row)
        return registry.get(device).health(device)
    except exception.CloudManagerException as exc:
        return exc


def _worst(devices: list[JsonObject]) -> str:
    found = [STATUSES.index(sensor['status']) for device in devices
             for sensor in device['sensors'] if sensor['status'] in STATUSES]
    return STATUSES[max(found, default=0)]


def _render(control_id: int,
            found: power_base.Health | exception.CloudManagerException
            ) -> JsonObject:
    if isinstance(found, exception.CloudManagerException):
        return {'power_control_id': control_id, 'sensors': [], 'events': [],
                'events_total': 0, 'error': str(found)}
    return {
        'power_control_id': control_id, 'error': None,
        'events_total': found.events_total,
        'sensors': [{'name': sensor.name, 'kind': sensor.kind,
                     'value': sensor.value, 'unit': sensor.unit,
                     'status': sensor.status} for sensor in found.sensors],
        'events': [{'time': clock.isoformat(event.time),
                    'source': event.source, 'text': event.text,
                    'severity': event.severity} for event in found.events]}
