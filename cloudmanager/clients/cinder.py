# SPDX-License-Identifier: Apache-2.0
"""Cinder: volumes of servers and the services that keep them."""

import dataclasses
import datetime
import functools
from typing import Any

from cinderclient import client
from keystoneauth1.session import Session

from cloudmanager.clients import cinder_copies
from cloudmanager.clients import rest
from cloudmanager.clients import retry
from cloudmanager.clients import session as cm_session
from cloudmanager.clients import times
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

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
    """A volume.

    :ivar host: in the form host@backend#pool
    :ivar name_id: id in the name of what keeps its data; another one than
        its own after a migration
    """

    id: str
    name: str
    status: str
    size_gb: int
    host: str | None
    zone: str
    bootable: bool
    multiattach: bool
    servers: tuple[str, ...]
    name_id: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    """A pool of a back end for volumes.

    :ivar name: in the form host@backend#pool
    :ivar backend_name: name of the back end in Cinder's configuration
    :ivar protocol: how hosts reach its volumes, in Cinder's words
    :ivar location: where it is, in words of its driver
    """

    name: str
    backend_name: str
    protocol: str
    location: str


def _volume(item: JsonObject) -> Volume:
    return Volume(
        id=item['id'], name=item.get('name') or '',
        status=item['status'], size_gb=item['size'],
        host=item.get('os-vol-host-attr:host'),
        zone=item.get('availability_zone') or '',
        bootable=str(item.get('bootable')).lower() == 'true',
        multiattach=bool(item.get('multiattach')),
        servers=tuple(entry['server_id']
                      for entry in item.get('attachments') or ()),
        name_id=item.get('os-vol-mig-status-attr:name_id') or item['id'])


class Cinder(cinder_copies.Copies):
    """Cinder's API.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or cm_session.get_session()

    @functools.cached_property
    def _client(self) -> Any:
        found = cm_session.endpoint_filter()
        negotiated = rest.Rest('Cinder', 'block-storage', VERSION,
                               self._session)
        return client.Client(
            negotiated.microversion, session=self._session,
            service_type='block-storage',
            region_name=found['region_name'], interface=found['interface'])

    def _read(self, request: str, function: Any, *args: Any) -> Any:
        return retry.call(retry.Kind.READ, 'Cinder', request, function,
                          *args)

    def services(self, host: str | None = None) -> list[Service]:
        """Return services, those of exactly this host when it is given.

        Services of back ends (host@backend) belong to their host.
        """
        found = self._read('list services', self._client.services.list)
        values = [item.to_dict() for item in found]
        return [
            Service(binary=item['binary'], host=item['host'],
                    zone=item.get('zone') or '', status=item['status'],
                    state=item['state'],
                    disabled_reason=item.get('disabled_reason'),
                    updated_at=times.parse_time(item.get('updated_at')))
            for item in values
            if host is None or item['host'].partition('@')[0] == host]

    def disable_service(self, host: str, binary: str, reason: str) -> None:
        """Keep a service from taking new work."""
        retry.call(retry.Kind.IDEMPOTENT, 'Cinder', 'disable service',
                   self._client.services.disable_log_reason, host, binary,
                   reason[:255])

    def volumes_on(self, host: str) -> list[str]:
        """Return the ids of volumes on exactly this host's back ends."""
        found = self._read(
            'list volumes', lambda: self._client.volumes.list(
                search_opts={'all_tenants': 1}))
        return [item.id for item in found
                if (getattr(item, 'os-vol-host-attr:host', None) or ''
                    ).partition('@')[0] == host]

    def volume(self, volume_id: str) -> Volume | None:
        """Return a volume, or ``None`` when there is none any more."""
        try:
            item = self._read('show volume', self._client.volumes.get,
                              volume_id).to_dict()
        except exception.NotFound:
            return None
        return _volume(item)

    def list_volumes(self) -> list[Volume]:
        """Return the volumes of all projects."""
        found = self._read(
            'list volumes', lambda: self._client.volumes.list(
                search_opts={'all_tenants': 1}))
        return [_volume(item.to_dict()) for item in found]

    def pools(self) -> list[Pool]:
        """Return the pools of all back ends that report to schedulers."""
        found = self._read('list pools',
                           lambda: self._client.pools.list(detailed=True))
        return [Pool(
            name=item.name,
            backend_name=getattr(item, 'volume_backend_name', None) or '',
            protocol=_protocol(getattr(item, 'storage_protocol', None)),
            location=getattr(item, 'location_info', None) or '')
            for item in found]


def _protocol(told: Any) -> str:
    """Return the one name of a protocol; some drivers tell a list."""
    if isinstance(told, (list, tuple)):
        told = told[0] if told else None
    return told or ''
