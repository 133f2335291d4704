# SPDX-License-Identifier: Apache-2.0
"""What Nova records of the moves of servers."""

import datetime

from cloudmanager.clients import nova_records
from cloudmanager.clients.nova_connection import changed_since
from cloudmanager.clients.nova_connection import PAGE
from cloudmanager.clients.nova_servers import Servers

_RESIZES = ('migration', 'resize')


class Migrations(Servers):
    """The part of Nova's client with migrations and instance actions."""

    def migrations(self, source: str,
                   since: datetime.datetime) -> list[nova_records.Migration]:
        """Return migrations away from a host that changed since a time."""
        return [nova_records.migration(item) for item in self._list(
            'list migrations', '/os-migrations', 'migrations',
            **changed_since(since),
            source_compute=source, limit=PAGE)]

    def changed_migrations(self, since: datetime.datetime
                           ) -> list[nova_records.Migration]:
        """Return all migrations of the cloud that changed since a time."""
        return [nova_records.migration(item) for item in self._list(
            'list migrations', '/os-migrations', 'migrations',
            **changed_since(since), limit=PAGE)]

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
