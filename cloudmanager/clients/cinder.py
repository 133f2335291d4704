# SPDX-License-Identifier: Apache-2.0
"""Cinder: volumes of servers and the services that keep them."""

import dataclasses
import datetime
from typing import Any

from cloudmanager.clients import records
from cloudmanager.clients import rest
from cloudmanager.common import exception

VERSION = '3.70'


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A Cinder service; ``host`` has the form host@backend for volumes."""

    binary: str
    host: str
    zone: str
    status: str
    state: str
    disabled_reason: str | None
    updated_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """A volume; ``host`` has the form host@backend#pool."""

    id: str
    name: str
    status: str
    size_gb: int
    host: str | None
    zone: str
    bootable: bool
    multiattach: bool
    servers: tuple[str, ...]


class Cinder:
    """Cinder's API.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Any = None) -> None:
        self._rest = rest.Rest('Cinder', 'block-storage', VERSION, session)

    def services(self, host: str | None = None) -> list[Service]:
        """Return services, those of exactly this host when it is given.

        Services of back ends (host@backend) belong to their host.
        """
        found = self._rest.get('/os-services').get('services') or ()
        return [
            Service(binary=item['binary'], host=item['host'],
                    zone=item.get('zone') or '', status=item['status'],
                    state=item['state'],
                    disabled_reason=item.get('disabled_reason'),
                    updated_at=records.parse_time(item.get('updated_at')))
            for item in found
            if host is None or item['host'].partition('@')[0] == host]

    def volume(self, volume_id: str) -> Volume | None:
        """Return a volume, or ``None`` when there is none any more."""
        try:
            item = self._rest.get(f'/volumes/{volume_id}')['volume']
        except exception.NotFound:
            return None
        return Volume(
            id=item['id'], name=item.get('name') or '',
            status=item['status'], size_gb=item['size'],
            host=item.get('os-vol-host-attr:host'),
            zone=item.get('availability_zone') or '',
            bootable=str(item.get('bootable')).lower() == 'true',
            multiattach=bool(item.get('multiattach')),
            servers=tuple(entry['server_id']
                          for entry in item.get('attachments') or ()))
