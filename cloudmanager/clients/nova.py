# SPDX-License-Identifier: Apache-2.0
"""A client of Nova that has what the service needs, in plain values."""

from urllib import parse

from cloudmanager.clients import nova_actions
from cloudmanager.clients import nova_copies
from cloudmanager.clients import nova_migrations
from cloudmanager.clients import nova_records
from cloudmanager.clients import nova_services
from cloudmanager.clients.nova_connection import PAGE
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject


class Nova(nova_services.Services, nova_migrations.Migrations,
           nova_actions.ServerActions, nova_copies.Copies):
    """Nova's API; its own part is where servers may go.

    :param session: a keystoneauth session, ours by default
    """

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
