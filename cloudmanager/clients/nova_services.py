# SPDX-License-Identifier: Apache-2.0
"""The nova-compute services of Nova."""

from cloudmanager.clients import nova_records
from cloudmanager.clients.nova_connection import Connection


class Services(Connection):
    """The part of Nova's client with nova-compute services."""

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
