# SPDX-License-Identifier: Apache-2.0
"""A client of Nova that has what the service needs, in plain values."""

import datetime
import functools
from typing import Any
from urllib import parse

from keystoneauth1.session import Session
from novaclient import api_versions
from novaclient import client

from cloudmanager.clients import nova_actions
from cloudmanager.clients import nova_copies
from cloudmanager.clients import nova_records
from cloudmanager.clients import retry
from cloudmanager.clients import session as cm_session
from cloudmanager.clients.retry import Kind
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

#: 2.96 shows the zone that a server was asked to be in.
WANTED_VERSION = '2.96'
#: From 2.95 on an evacuated server arrives stopped whatever it was before.
EVACUATE_VERSION = '2.93'
#: The last one with which a host may be named past the scheduler.
FORCE_VERSION = '2.67'
#: The last one that tells what a hypervisor has and uses. Newer ones ask
#: every compute host for its uptime instead.
HYPERVISOR_VERSION = '2.87'
PAGE = 1000
_RESIZES = ('migration', 'resize')


def _next_marker(body: JsonObject, key: str) -> str | None:
    """Return where the next page of a list begins, if there is one."""
    for link in body.get(f'{key}_links') or ():
        if link.get('rel') == 'next':
            query = parse.parse_qs(parse.urlsplit(link['href']).query)
            return next(iter(query.get('marker', ())), None)
    return None


def choose_version(server_max: Any, wanted: str) -> Any:
    """Return the lower of a server's newest and the wanted version."""
    return min(server_max, api_versions.APIVersion(wanted))


class Nova(nova_actions.ServerActions, nova_copies.Copies):
    """Nova's API.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or cm_session.get_session()

    @functools.cached_property
    def _versions(self) -> tuple[Any, Any]:
        """The oldest and the newest version that the server knows."""
        probe = self._make('2.1')
        oldest, newest = self._read('discover versions', lambda: (
            api_versions._get_server_version_range(probe)))
        return oldest, newest

    @property
    def _newest(self) -> Any:
        return self._versions[1]

    def _make(self, version: Any) -> Any:
        found = cm_session.endpoint_filter()
        return client.Client(
            version, session=self._session,
            region_name=found['region_name'],
            endpoint_type=found['interface'])

    @functools.cached_property
    def _client(self) -> Any:
        return self._make(choose_version(self._newest, WANTED_VERSION))

    @functools.cached_property
    def _evacuating(self) -> Any:
        return self._make(choose_version(self._newest, EVACUATE_VERSION))

    @functools.cached_property
    def _forcing(self) -> Any:
        return self._make(choose_version(self._newest, FORCE_VERSION))

    @functools.cached_property
    def _describing(self) -> Any:
        return self._make(max(self._versions[0], choose_version(
            self._newest, HYPERVISOR_VERSION)))

    def _read(self, request: str, function: Any, *args: Any,
              **kwargs: Any) -> Any:
        return retry.call(Kind.READ, 'Nova', request, function, *args,
                          **kwargs)

    def _page(self, request: str, path: str, query: JsonObject,
              client: Any = None) -> JsonObject:
        _, body = self._read(request, (client or self._client).client.get,
                             f'{path}?{parse.urlencode(query)}')
        return body or {}

    def _list(self, request: str, path: str, key: str, *,
              client: Any = None, **query: Any) -> list[JsonObject]:
        """Return a whole list, whatever Nova's own limit of a page is.

        :param client: of another version than most requests
        """
        found: list[JsonObject] = []
        while True:
            body = self._page(request, path, query, client)
            found.extend(body.get(key) or ())
            marker = _next_marker(body, key)
            if marker is None:
                return found
            query['marker'] = marker

    def _set(self, request: str, function: Any, *args: Any,
             **kwargs: Any) -> None:
        """Send a request that may be repeated without harm."""
        retry.call(Kind.IDEMPOTENT, 'Nova', request, function, *args,
                   **kwargs)

    def _once(self, request: str, function: Any, *args: Any,
              **kwargs: Any) -> None:
        """Send a request that must not be repeated."""
        retry.call(Kind.ONCE, 'Nova', request, function, *args, **kwargs)

    # Services

    def services(self) -> list[nova_records.Service]:
        """Return all nova-compute services."""
        return [nova_records.service(item) for item in self._list(
            'list services', '/os-services', 'services',
            binary='nova-compute')]

    def service(self, host: str) -> nova_records.Service | None:
        """Return the service of the host of exactly this name."""
        found = self._list('list services', '/os-services', 'services',
                           binary='nova-compute', host=host)
        return next((nova_records.service(item) for item in found
                     if item['host'] == host), None)

    def disable_service(self, service_id: str, reason: str) -> None:
        self._set('disable service',
                  self._client.services.disable_log_reason,
                  service_id, reason[:255])

    def enable_service(self, service_id: str) -> None:
        self._set('enable service', self._client.services.enable,
                  service_id)

    def delete_service(self, service_id: str) -> None:
        """Remove a service, with all that Nova knows of its host.

        Nova refuses while the host has servers or open migrations.
        """
        self._set('delete service', self._client.services.delete,
                  service_id)

    def force_down(self, service_id: str, down: bool) -> None:
        self._set('force service down',
                  self._client.services.force_down, service_id, down)

    # Servers

    def servers_on(self, host: str) -> list[nova_records.Server]:
        """Return the servers of exactly this host, of all projects."""
        found = map(nova_records.server, self._list(
            'list servers', '/servers/detail', 'servers', all_tenants=1,
            host=host, limit=PAGE))
        return [item for item in found if item.host == host]

    def ids_on(self, host: str, locked: bool | None = None) -> list[str]:
        """Return the ids of the servers of this host, of all projects.

        It costs Nova far less than the servers themselves.

        :param locked: only those that are locked, or only those that are not
        """
        return self._ids(host, **(
            {} if locked is None else {'locked': locked}))

    def changed_on(self, host: str, since: datetime.datetime) -> list[str]:
        """Return the ids of those servers of a host that have changed.

        Those that have come to it or were deleted are among them.

        :param since: by Nova's clock, in UTC
        """
        return self._ids(host, **{'changes-since': since.isoformat() + 'Z'})

    def ids_in_error(self, since: datetime.datetime) -> list[str]:
        """Return the ids of servers in error that changed since a time.

        :param since: by Nova's clock, in UTC
        """
        return self._ids(status='ERROR', **{
            'changes-since': since.isoformat() + 'Z'})

    def _ids(self, host: str | None = None, **query: Any) -> list[str]:
        if host is not None:
            query['host'] = host
        return [item['id'] for item in self._list(
            'list servers', '/servers', 'servers', all_tenants=1,
            limit=PAGE, **query)]

    def server(self, server_id: str) -> nova_records.Server | None:
        """Return a server, or ``None`` when there is none any more."""
        try:
            return nova_records.server(self._read(
                'show server', self._client.servers.get,
                server_id).to_dict())
        except exception.NotFound:
            return None

    def live_migrate(self, server_id: str, host: str | None = None,
                     force: bool = False) -> None:
        """Ask for a live migration.

        :param host: the destination; Nova chooses when there is none
        :param force: go there whatever the scheduler says
        """
        if force and host:
            self._once('live-migrate', self._forcing.servers.live_migrate,
                       server_id, host, 'auto', force=True)
        else:
            self._once('live-migrate', self._client.servers.live_migrate,
                       server_id, host, 'auto')

    def cold_migrate(self, server_id: str, host: str | None = None) -> None:
        self._once('migrate', self._client.servers.migrate, server_id,
                   host=host)

    def evacuate(self, server_id: str, host: str | None = None,
                 force: bool = False) -> None:
        """Ask for a rebuild on another host; parameters as above."""
        if force and host:
            self._once('evacuate', self._forcing.servers.evacuate,
                       server_id, host=host, force=True)
        else:
            self._once('evacuate', self._evacuating.servers.evacuate,
                       server_id, host=host)

    def shelve_offload(self, server_id: str) -> None:
        self._once('shelve-offload', self._client.servers.shelve_offload,
                   server_id)

    # Migrations

    def migrations(self, source: str,
                   since: datetime.datetime) -> list[nova_records.Migration]:
        """Return migrations away from a host that changed since a time."""
        return [nova_records.migration(item) for item in self._list(
            'list migrations', '/os-migrations', 'migrations',
            **{'changes-since': since.isoformat() + 'Z'},
            source_compute=source, limit=PAGE)]

    def latest_migration_id(self, source: str) -> int:
        """Return the id of the newest migration off a host, 0 without any.

        Ids count per cell; all migrations off one host are in one.
        """
        newest = self._page('list migrations', '/os-migrations',
                            {'source_compute': source, 'limit': 1})
        return max((int(item['id']) for item in
                    newest.get('migrations') or ()), default=0)

    def open_migrations(self, host: str) -> list[nova_records.Migration]:
        """Return migrations from or to a host that have not ended.

        Resizes that wait for their confirmation are among them, those of
        servers that were deleted meanwhile are not.
        """
        found = [nova_records.migration(item)
                 for status in nova_records.OPEN_STATUSES
                 for item in self._list('list migrations',
                                        '/os-migrations', 'migrations',
                                        host=host, status=status,
                                        limit=PAGE)]
        return [item for item in found
                if host in (item.source, item.destination)
                and self._is_open(item)]

    def _is_open(self, migration: nova_records.Migration) -> bool:
        if migration.status != 'finished':
            return True
        server = self.server(migration.server_id)
        return server is not None and server.status == 'VERIFY_RESIZE'

    def halves_on(self, host: str) -> list[nova_records.Server]:
        """Return servers elsewhere whose old half is still on a host.

        Their resize or cold migration was neither confirmed nor reverted.
        Of migrations that Nova never closed, those count whose server is
        in the middle of it, or has failed.
        """
        ids = {item.server_id: None for status in nova_records.HALF_STATUSES
               for item in map(nova_records.migration, self._list(
                   'list migrations', '/os-migrations', 'migrations',
                   source_compute=host, status=status, limit=PAGE))
               if item.source == host and item.type in _RESIZES}
        found = [self.server(server_id) for server_id in ids]
        return [item for item in found
                if item is not None and item.host != host
                and (item.vm_state in ('resized', 'error')
                     or (item.task_state or '').startswith('resize_'))]

    def migrations_of(self, server_id: str) -> list[nova_records.Migration]:
        """Return all migrations of a server."""
        return [nova_records.migration(item) for item in self._list(
            'list migrations', '/os-migrations', 'migrations',
            instance_uuid=server_id, limit=PAGE)]

    def server_migrations(self, server_id: str
                          ) -> list[nova_records.Migration]:
        """Return a server's live migrations under way, with progress."""
        return [nova_records.migration(item) for item in self._list(
            'list server migrations', f'/servers/{server_id}/migrations',
            'migrations')]

    def abort_migration(self, server_id: str, migration_id: int) -> None:
        self._once('abort migration',
                   self._client.server_migrations.live_migration_abort,
                   server_id, migration_id)

    def force_complete(self, server_id: str, migration_id: int) -> None:
        """Let a live migration end whatever it does to the server."""
        self._once('force-complete migration',
                   self._client.server_migrations.live_migrate_force_complete,
                   server_id, migration_id)

    def actions(self, server_id: str) -> list[nova_records.Action]:
        """Return a server's newest actions, newest first."""
        found = self._read('list actions',
                           self._client.instance_action.list, server_id,
                           limit=50) or ()
        return sorted(map(nova_records.action, found), reverse=True,
                      key=lambda item: item.start_time)

    # Where servers may go

    def describe_hypervisors(self) -> list[JsonObject]:
        """Return all hypervisors as documents of version 2.87.

        Of a Nova without that version the amounts are ``None``.
        """
        return [nova_records.describe(item) for item in self._list(
            'list hypervisors', '/os-hypervisors/detail', 'hypervisors',
            client=self._describing, limit=PAGE)]

    def describe_hypervisor(self,
                            hypervisor_id: str) -> JsonObject | None:
        """Return one hypervisor like that, or ``None`` without it."""
        try:
            _, body = self._read(
                'show hypervisor', self._describing.client.get,
                f'/os-hypervisors/{parse.quote(hypervisor_id, safe="")}')
        except exception.NotFound:
            return None
        return nova_records.describe(body['hypervisor'])

    def hypervisors(self) -> list[nova_records.Hypervisor]:
        return [nova_records.hypervisor(item)
                for item in self.describe_hypervisors()]

    def aggregates(self) -> list[nova_records.Aggregate]:
        return [nova_records.Aggregate(
            item.id, item.name, item.availability_zone, tuple(item.hosts),
            dict(item.metadata))
                for item in self._read('list aggregates',
                                       self._client.aggregates.list)]

    def groups(self) -> list[nova_records.Group]:
        found: JsonObject = {}
        while True:
            # These have no links to the next page, and a page may be
            # shorter than was asked for.
            page = self._read(
                'list server groups', self._client.server_groups.list,
                all_projects=True, limit=PAGE, offset=len(found))
            new = {item.id: item for item in page if item.id not in found}
            if not new:
                break
            found.update(new)
        return [nova_records.Group(
            item.id, item.name, item.policy, tuple(item.members),
            dict(item.rules or {})) for item in found.values()]
