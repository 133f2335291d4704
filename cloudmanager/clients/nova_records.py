# SPDX-License-Identifier: Apache-2.0
"""What Nova answers, in plain values."""

import dataclasses
import datetime
from typing import Any

from cloudmanager.clients import times
from cloudmanager.common.json_types import JsonObject

#: Statuses of migrations that have not ended, in the order in which one has
#: them: whoever asks for one after the other misses none that goes on.
OPEN_STATUSES = ('accepted', 'queued', 'preparing', 'pre-migrating',
                 'running', 'migrating', 'post-migrating', 'finished',
                 'confirming', 'reverting')
#: Statuses of migrations by resize with which the server is on its new host
#: already, and its old half still on the other one; in their order, too.
HALF_STATUSES = ('post-migrating', 'finished', 'confirming', 'reverting')
#: What a hypervisor of version 2.87 consists of.
HYPERVISOR_KEYS = (
    'cpu_info', 'current_workload', 'disk_available_least', 'free_disk_gb',
    'free_ram_mb', 'host_ip', 'hypervisor_hostname', 'hypervisor_type',
    'hypervisor_version', 'id', 'local_gb', 'local_gb_used', 'memory_mb',
    'memory_mb_used', 'running_vms', 'service', 'state', 'status', 'vcpus',
    'vcpus_used')


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    id: str
    host: str
    status: str
    state: str
    zone: str
    forced_down: bool
    disabled_reason: str | None
    updated_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    id: str
    name: str
    status: str
    vm_state: str
    task_state: str | None
    power_state: int
    host: str | None
    zone: str
    locked: bool
    locked_reason: str | None
    metadata: dict[str, str]
    flavor: JsonObject
    fault: str
    pinned_zone: str
    volumes: tuple[str, ...]
    image: str | None
    launched: bool = True
    project_id: str = ''
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    id: int
    server_id: str
    type: str
    status: str
    source: str | None
    destination: str | None
    memory_remaining_bytes: int | None = None
    updated_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    request_id: str
    action: str
    start_time: datetime.datetime
    message: str | None
    updated_at: datetime.datetime | None = None
    #: Empty when Nova did it by itself.
    user_id: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Aggregate:
    id: int
    name: str
    zone: str | None
    hosts: tuple[str, ...]
    metadata: dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    id: str
    name: str
    policy: str
    members: tuple[str, ...]
    rules: JsonObject


@dataclasses.dataclass(frozen=True, slots=True)
class Hypervisor:
    """A hypervisor; amounts are ``None`` where Nova does not tell them.

    :ivar host: name of its nova-compute
    :ivar sockets: processors
    """

    id: str
    hostname: str
    host: str
    state: str
    status: str
    kind: str
    version: int
    host_ip: str | None = None
    vcpus: int | None = None
    sockets: int | None = None
    memory_mb: int | None = None
    local_gb: int | None = None


def service(values: JsonObject) -> Service:
    """Return a service of what Nova answers."""
    # Of one in a cell that is down Nova tells its host only, and the status
    # UNKNOWN.
    return Service(
        id=str(values.get('id') or ''), host=values['host'],
        status=values['status'], state=values.get('state') or 'unknown',
        zone=values.get('zone') or '',
        forced_down=bool(values.get('forced_down')),
        disabled_reason=values.get('disabled_reason'),
        updated_at=times.parse_time(values.get('updated_at')))


def server(values: JsonObject) -> Server:
    """Return a server of what Nova answers."""
    image = values.get('image') or {}
    return Server(
        id=values['id'], name=values['name'], status=values['status'],
        vm_state=values.get('OS-EXT-STS:vm_state') or '',
        task_state=values.get('OS-EXT-STS:task_state'),
        power_state=values.get('OS-EXT-STS:power_state') or 0,
        host=values.get('OS-EXT-SRV-ATTR:host'),
        zone=values.get('OS-EXT-AZ:availability_zone') or '',
        locked=bool(values.get('locked')),
        locked_reason=values.get('locked_reason'),
        metadata=values.get('metadata') or {},
        flavor=values.get('flavor') or {},
        fault=(values.get('fault') or {}).get('message', ''),
        pinned_zone=values.get('pinned_availability_zone') or '',
        volumes=tuple(volume['id'] for volume in values.get(
            'os-extended-volumes:volumes_attached') or ()),
        image=image.get('id') if isinstance(image, dict) else None,
        launched=values.get('OS-SRV-USG:launched_at') is not None,
        project_id=values.get('tenant_id') or '',
        tags=tuple(values.get('tags') or ()))


def migration(values: JsonObject) -> Migration:
    """Return a migration of what Nova answers."""
    return Migration(
        id=int(values['id']),
        server_id=values.get('instance_uuid')
        or values.get('server_uuid') or '',
        type=values.get('migration_type') or 'live-migration',
        status=values.get('status') or '',
        source=values.get('source_compute'),
        destination=values.get('dest_compute'),
        memory_remaining_bytes=values.get('memory_remaining_bytes'),
        updated_at=times.parse_time(
            values.get('updated_at') or values.get('created_at')))


def action(found: Any) -> Action:
    """Return an instance action of novaclient's object for it."""
    return Action(
        request_id=found.request_id, action=found.action,
        start_time=times.parse_time(found.start_time)
        or datetime.datetime.min,
        message=found.message,
        updated_at=times.parse_time(getattr(found, 'updated_at', None)),
        user_id=getattr(found, 'user_id', None) or '')


def describe(values: JsonObject) -> JsonObject:
    """Return a hypervisor with all keys, whatever the version tells."""
    service = values.get('service') or {}
    return {key: values.get(key) for key in HYPERVISOR_KEYS} | {
        'service': {key: service.get(key)
                    for key in ('disabled_reason', 'host', 'id')}}


def _sockets(cpu_info: Any) -> int | None:
    """Return the processors of a hypervisor, as libvirt counts them.

    Its sockets are those of one NUMA cell.
    """
    topology = cpu_info.get('topology') if isinstance(
        cpu_info, dict) else None
    if not isinstance(topology, dict):
        return None
    sockets, cells = topology.get('sockets'), topology.get('cells', 1)
    if not (isinstance(sockets, int) and isinstance(cells, int)):
        return None
    return sockets * cells


def hypervisor(values: JsonObject) -> Hypervisor:
    """Return what we need of a described hypervisor."""
    return Hypervisor(
        id=str(values['id']), hostname=values['hypervisor_hostname'] or '',
        host=values['service']['host'] or '', state=values['state'] or '',
        status=values['status'] or '',
        kind=values['hypervisor_type'] or '',
        version=int(values['hypervisor_version'] or 0),
        host_ip=values['host_ip'], vcpus=values['vcpus'],
        sockets=_sockets(values['cpu_info']),
        memory_mb=values['memory_mb'], local_gb=values['local_gb'])
