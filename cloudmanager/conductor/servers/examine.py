# SPDX-License-Identifier: Apache-2.0
"""Reading what Nova and Placement know of one server."""

import dataclasses
import datetime

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.common import clock
from cloudmanager.conductor import cloud_model
from cloudmanager.conductor.tools import Tools
from cloudmanager.planning import classify
from cloudmanager.planning import remedies

CONF = cfg.CONF
#: By the name of their host.
Services = dict[str, nova_records.Service]

#: Statuses of migrations that have ended, or wait for a user.
_AT_REST = frozenset(('completed', 'done', 'confirmed', 'reverted', 'failed',
                      'error', 'cancelled', 'finished'))
#: A live migration with this status may wait for its turn without limit.
_QUEUED = 'queued'
#: Task states during which a reset would leave disks or images behind.
_GUARDED = ('rebuild', 'shelving', 'unshelving', 'deleting', 'soft-deleting',
            'migrating', 'resize')
_RESIZES = frozenset(('resize', 'migration'))
#: Actions that leave a stopped server running.
_STARTED = frozenset(('create', 'start', 'reboot', 'unshelve', 'resume',
                      'unpause'))
_STOP = 'stop'
_OFF = ('SHUTOFF',)


def look(tools: Tools, server_id: str, *,
         ask_guest: bool = False
         ) -> tuple[nova_records.Server | None, remedies.Symptoms]:
    """Read everything that decides what a server needs.

    :param ask_guest: also have the hypervisor asked whether the guest runs
    :returns: the server as Nova shows it, and what is known of it; ``None``
        and the status ``DELETED`` when there is no such server
    """
    nova = tools.nova
    server = nova.server(server_id)
    if server is None or server.status == 'DELETED':
        return None, remedies.Symptoms(status='DELETED')
    services = {service.host: service for service in nova.services()}
    migrations = nova.migrations_of(server_id)
    busy, guarded = _work(nova, server, services, migrations)
    seen = remedies.Symptoms(
        status=classify.base_status(cloud_model.to_model(server)),
        task_state=server.task_state, host=server.host or '',
        host_up=_is_up(services, server.host), launched=server.launched,
        power=server.power_state, fault=server.fault, busy=busy,
        guarded=guarded)
    if seen.status in _OFF or seen.power == remedies.OFF:
        seen = dataclasses.replace(seen, stopped=_stopped(nova, server.id))
    if seen.status == 'VERIFY_RESIZE':
        seen = dataclasses.replace(seen, resize=_resize(
            tools, server, services, migrations))
    if ask_guest and seen.runs:
        seen = dataclasses.replace(seen, guest=nova.guest_state(server_id))
    return server, seen


def _is_up(services: Services, host: str | None) -> bool:
    service = services.get(host or '')
    return (service is not None and service.state == 'up'
            and not service.forced_down)


def _is_fresh(when: datetime.datetime | None) -> bool:
    """Tell whether something happened a short time ago."""
    return when is not None and _is_younger(when,
                                            CONF.server_tasks.stale_after)


def _is_younger(when: datetime.datetime, seconds: float) -> bool:
    return (clock.utcnow() - when).total_seconds() < seconds


def _work(nova: protocols.Nova, server: nova_records.Server,
          services: Services,
          migrations: list[nova_records.Migration]) -> tuple[str, bool]:
    """Describe what Nova is doing to a server, and say if it must not stop.

    A task state that no service works on any more stays in Nova's database for
    ever. The records of migrations and actions tell it from a live one.

    :returns: the work in words, and whether interrupting it would do harm
    """
    for migration in migrations:
        if _is_under_way(migration, services):
            return (f'its {migration.type} is under way '
                    f'({migration.status})', True)
    task = server.task_state
    if not task:
        return '', False
    guarded = task.startswith(_GUARDED)
    if not any(guarded or _is_worked_on(nova, server.id, action)
               for action in nova.actions(server.id)
               if _is_fresh(_last_sign(action))):
        return '', False
    return f'its task {task} is under way', guarded


def _last_sign(action: nova_records.Action) -> datetime.datetime:
    return max(action.updated_at or action.start_time, action.start_time)


def _is_worked_on(nova: protocols.Nova, server_id: str,
                  action: nova_records.Action) -> bool:
    """Tell whether a host may still be busy with an action.

    That is so if the action was requested a moment ago, or if a host has begun
    an event of it and not finished it.
    """
    return (_is_younger(_last_sign(action), CONF.server_tasks.idle_after)
            or nova.is_working(server_id, action.request_id))


def _stopped(nova: protocols.Nova, server_id: str) -> str:
    """Return when a user stopped a server; empty when no user did.

    Nova itself stops a server when it finds the guest off, for example after
    its host has crashed. Such a stop has no user. A move leaves a stopped
    server stopped.
    """
    for action in nova.actions(server_id):
        if action.action in _STARTED:
            return ''
        if action.action == _STOP and not action.message:
            return (f'{action.start_time:%Y-%m-%dT%H:%M:%S}Z'
                    if action.user_id else '')
    return ''


def _is_under_way(migration: nova_records.Migration,
                  services: Services) -> bool:
    if migration.status in _AT_REST:
        return False
    if not any(_is_up(services, host)
               for host in (migration.source, migration.destination)):
        return False
    return migration.status == _QUEUED or _is_fresh(migration.updated_at)


def _resize(tools: Tools, server: nova_records.Server,
            services: Services,
            migrations: list[nova_records.Migration]
            ) -> remedies.Resize | None:
    """Return the resize of a server that waits to be confirmed."""
    last = max((item for item in migrations if item.type in _RESIZES
                and item.status == 'finished'),
               key=lambda item: item.id, default=None)
    if last is None:
        return None
    allocated = tools.placement.allocations(server.id)
    hosts = {item.host for item in tools.nova.hypervisors()
             if item.id in allocated}
    return remedies.Resize(
        source=last.source or '', source_up=_is_up(services, last.source),
        allocated=server.host in hosts,
        stuck=not _is_fresh(last.updated_at))
