# SPDX-License-Identifier: Apache-2.0
"""The part of Nova's client that servers are copied with."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any
from typing import ParamSpec
from typing import TypeVar
from urllib import parse

from cloudmanager.clients import retry
from cloudmanager.clients.nova_connection import Connection
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

#: The last version that tells the id of a server's flavor.
FLAVOR_VERSION = '2.46'
PAGE = 1000
P = ParamSpec('P')
T = TypeVar('T')


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """A volume on a server; ``device`` as Nova calls it."""

    volume_id: str
    device: str
    delete_on_termination: bool
    tag: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Blueprint:
    """All that another server of the same kind is made of.

    :ivar image: whether it has a root disk of its own, made of an image
    :ivar macs: hardware addresses of its ports, in their order
    :ivar user_data: as Nova keeps it, in Base64; may hold secrets
    """

    id: str
    name: str
    project_id: str
    user_id: str
    flavor_id: str
    vcpus: int
    ram_mb: int
    image: bool
    root_device: str
    key_name: str | None
    metadata: dict[str, str]
    description: str | None
    tags: tuple[str, ...]
    config_drive: bool
    zone: str
    disk_config: str | None
    macs: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    user_data: str | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class KeyPair:
    name: str
    type: str
    public_key: str


def _blueprint(values: JsonObject, flavor_id: str,
               attachments: list[JsonObject]) -> Blueprint:
    flavor = values.get('flavor') or {}
    macs = [entry.get('OS-EXT-IPS-MAC:mac_addr')
            for entries in (values.get('addresses') or {}).values()
            for entry in entries]
    return Blueprint(
        id=values['id'], name=values['name'],
        project_id=values['tenant_id'], user_id=values['user_id'],
        flavor_id=flavor_id, vcpus=flavor.get('vcpus', 0),
        ram_mb=flavor.get('ram', 0), image=bool(values.get('image')),
        root_device=values.get('OS-EXT-SRV-ATTR:root_device_name') or '',
        key_name=values.get('key_name'),
        metadata=values.get('metadata') or {},
        description=values.get('description'),
        tags=tuple(values.get('tags') or ()),
        config_drive=values.get('config_drive') in ('True', True),
        zone=values.get('pinned_availability_zone') or '',
        disk_config=values.get('OS-DCF:diskConfig'),
        macs=tuple(dict.fromkeys(mac for mac in macs if mac)),
        user_data=values.get('OS-EXT-SRV-ATTR:user_data'),
        attachments=tuple(Attachment(
            volume_id=item['volumeId'], device=item.get('device') or '',
            delete_on_termination=bool(item.get('delete_on_termination')),
            tag=item.get('tag')) for item in attachments))


class Copies(Connection):
    """What servers are copied with.

    What is created belongs to the project of the session.
    """

    def _create(self, request: str, function: Callable[P, T],
                *args: P.args, **kwargs: P.kwargs) -> T:
        return retry.call(retry.Kind.ONCE, 'Nova', request, function, *args,
                          **kwargs)

    @functools.cached_property
    def _with_flavors(self) -> Any:
        return self._make(FLAVOR_VERSION)

    def _show(self, client: Any, server_id: str) -> JsonObject:
        _, body = self._read('show server', client.client.get,
                             f'/servers/{server_id}')
        found: JsonObject = body['server']
        return found

    def blueprint(self, server_id: str) -> Blueprint | None:
        """Return what a server is made of, ``None`` without a server."""
        try:
            values = self._show(self._client, server_id)
            flavor = self._show(self._with_flavors, server_id)['flavor']
            volumes = self._list(
                'list attachments', f'/servers/{server_id}'
                '/os-volume_attachments', 'volumeAttachments')
        except exception.NotFound:
            return None
        return _blueprint(values, flavor['id'], volumes)

    def limits(self) -> dict[str, tuple[int, int]]:
        """Return limit (-1 for none) and use of servers of the project.

        :returns: for ``instances``, ``cores`` and ``ram`` (MiB)
        """
        _, body = self._read('show limits', self._client.client.get,
                             '/limits')
        found = body['limits']['absolute']
        return {name: (found[f'maxTotal{limit}'], found[f'total{used}Used'])
                for name, limit, used in (
                    ('instances', 'Instances', 'Instances'),
                    ('cores', 'Cores', 'Cores'), ('ram', 'RAMSize', 'RAM'))}

    # Servers

    def create_server(self, values: JsonObject) -> str:
        """Ask for a server.

        :param values: of the request's object ``server``
        :returns: its id
        """
        # The answer has a password, and the request may have some.
        _, body = self._create('create server', self._client.client.post,
                               '/servers', body={'server': values},
                               log=False)
        return str(body['server']['id'])

    def servers_of(self, project_id: str) -> dict[str, str]:
        """Return the descriptions of a project's servers, by id.

        All are listed: by the time of its last change Nova would not find
        one that was created a moment ago.
        """
        return {item['id']: item.get('description') or ''
                for item in self._list(
                    'list servers', '/servers/detail', 'servers',
                    all_tenants=1, project_id=project_id, limit=PAGE)}

    def server_names(self, project_id: str) -> list[str]:
        """Return the names of the servers of a project."""
        return [item['name'] for item in self._list(
            'list servers', '/servers', 'servers', all_tenants=1,
            project_id=project_id, limit=PAGE)]

    def describe(self, server_id: str, text: str | None) -> None:
        """Set the description of a server."""
        self._set('describe server', self._client.client.put,
                  f'/servers/{server_id}',
                  body={'server': {'description': text}})

    def delete_server(self, server_id: str) -> None:
        """Delete a server for good; one that is gone is no error."""
        try:
            self._set('delete server', self._client.servers.force_delete,
                      server_id)
        except exception.NotFound:
            return

    # What goes into them

    def create_image(self, server_id: str, name: str) -> str:
        """Ask for an image of a server's root disk.

        :returns: its id
        """
        _, body = self._create(
            'create image', self._client.client.post,
            f'/servers/{server_id}/action',
            body={'createImage': {'name': name}})
        return str(body['image_id'])

    def keypair(self, name: str,
                user_id: str | None = None) -> KeyPair | None:
        """Return a key pair, ``None`` when there is none.

        :param user_id: whose; our own when not given
        """
        query = f'?{parse.urlencode({"user_id": user_id})}' if user_id else ''
        try:
            _, body = self._read(
                'show key pair', self._client.client.get,
                f'/os-keypairs/{parse.quote(name, safe="")}{query}')
        except exception.NotFound:
            return None
        found = body['keypair']
        return KeyPair(found['name'], found.get('type') or 'ssh',
                       found['public_key'])

    def create_keypair(self, keypair: KeyPair) -> str:
        """Make a key pair of our own of a public key.

        :returns: its name
        """
        _, body = self._create(
            'create key pair', self._client.client.post, '/os-keypairs',
            body={'keypair': dataclasses.asdict(keypair)})
        return str(body['keypair']['name'])

    def delete_keypair(self, name: str) -> None:
        """Delete a key pair of ours; one that is gone is no error."""
        try:
            self._set('delete key pair', self._client.client.delete,
                      f'/os-keypairs/{parse.quote(name, safe="")}')
        except exception.NotFound:
            return
