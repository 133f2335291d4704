# SPDX-License-Identifier: Apache-2.0
"""Servers of Nova, and the requests that move them."""

import datetime
from typing import Any

from cloudmanager.clients import nova_records
from cloudmanager.clients.nova_connection import changed_since
from cloudmanager.clients.nova_connection import Connection
from cloudmanager.clients.nova_connection import PAGE
from cloudmanager.common import exception


class Servers(Connection):
    """The part of Nova's client that finds servers and moves them."""

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
        return self._ids(host, **changed_since(since))

    def ids_in_error(self, since: datetime.datetime) -> list[str]:
        """Return the ids of servers in error that changed since a time.

        :param since: by Nova's clock, in UTC
        """
        return self._ids(status='ERROR', **changed_since(since))

    def locked_servers(self, since: datetime.datetime
                       ) -> list[nova_records.Server]:
        """Return the locked servers, of all projects, that have changed.

        :param since: by Nova's clock, in UTC
        """
        return [nova_records.server(item) for item in self._list(
            'list servers', '/servers/detail', 'servers', all_tenants=1,
            limit=PAGE, locked=True, **changed_since(since))]

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
