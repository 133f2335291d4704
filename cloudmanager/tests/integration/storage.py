# SPDX-License-Identifier: Apache-2.0
"""Volumes, networks and projects of the mini cloud, as its users."""

import contextlib
from typing import Any

from cinderclient import client as cinder_client
from cinderclient import exceptions as cinder_exc
from keystoneauth1 import adapter
from novaclient import client as nova_client

from cloudmanager.tests.integration import cloud

SERVICE_USER = 'cloudmanager'


class Project:
    """A project with its own user.

    :param name: of both
    """

    def __init__(self, name: str = 'demo') -> None:
        self.session = cloud.session(name, name)
        self.admin = cloud.session()
        self.id = self.session.get_project_id()
        self.nova = nova_client.Client('2.93', session=self.session)
        self.cinder = cinder_client.Client('3.70', session=self.session)
        self._identity = adapter.Adapter(
            self.admin, service_type='identity', interface='public')
        self._network = adapter.Adapter(self.admin, service_type='network')
        self._images = adapter.Adapter(self.admin, service_type='image')

    # Roles

    def _role_path(self) -> str:
        users = self._identity.get(
            f'/users?name={SERVICE_USER}').json()['users']
        roles = self._identity.get('/roles?name=member').json()['roles']
        return (f'/projects/{self.id}/users/{users[0]["id"]}/roles/'
                f'{roles[0]["id"]}')

    def let_in(self) -> None:
        """Give the service's user a role on the project."""
        self._identity.put(self._role_path())

    def keep_out(self) -> None:
        """Take that role away again."""
        self._identity.delete(self._role_path(), raise_exc=False)

    def assignments(self) -> set[tuple[str, str]]:
        """Return users and roles on the project."""
        found = self._identity.get(
            f'/role_assignments?scope.project.id={self.id}').json()
        return {(item['user']['id'], item['role']['id'])
                for item in found['role_assignments']}

    # What it has

    def volume(self, name: str, size: int = 1, kind: str = 'standard',
               image: str | None = None) -> str:
        """Create a volume; return its id when it is available."""
        made = self.cinder.volumes.create(
            size, name=name, volume_type=kind, imageRef=image,
            description=f'about {name}')
        cloud.wait(lambda: self._ready(made.id), 120,
                   f'volume {name} is available')
        return made.id

    def _ready(self, volume_id: str) -> bool:
        status = self.cinder.volumes.get(volume_id).status
        if status == 'error':
            raise AssertionError(f'volume {volume_id} is in error')
        return status == 'available'

    def network(self, name: str) -> str:
        """Create a network with a subnet; return its id."""
        made = self._network.post('/v2.0/networks', json={'network': {
            'name': name, 'tenant_id': self.id}}).json()['network']
        self._network.post('/v2.0/subnets', json={'subnet': {
            'network_id': made['id'], 'cidr': '10.99.0.0/16',
            'tenant_id': self.id}})
        return made['id']

    def ports(self, server_id: str) -> list[dict[str, Any]]:
        return self._network.get(
            f'/v2.0/ports?device_id={server_id}').json()['ports']

    def set_groups(self, port_id: str, groups: list[str]) -> None:
        self._network.put(f'/v2.0/ports/{port_id}', json={
            'port': {'security_groups': groups}})

    def images(self) -> dict[str, str]:
        """Return name by id of the images that belong to the project."""
        found = self._images.get(
            f'/v2/images?owner={self.id}').json()['images']
        return {item['id']: item['name'] for item in found}

    def volumes(self) -> dict[str, Any]:
        return {item.id: item for item in self.cinder.volumes.list()}

    def snapshots(self) -> list[str]:
        return [item.id for item in self.cinder.volume_snapshots.list()]

    def clear(self) -> None:
        """Delete snapshots, then volumes, and wait until they are gone."""
        for snapshot in self.snapshots():
            self.cinder.volume_snapshots.delete(snapshot)
        cloud.wait(lambda: not self.snapshots(), 120,
                   'snapshots are deleted', 0.5)
        for volume in self.volumes():
            # Some go by themselves, with their server.
            with contextlib.suppress(cinder_exc.NotFound):
                self.cinder.volumes.delete(volume)
        cloud.wait(lambda: not self.volumes(), 120, 'volumes are deleted',
                   0.5)
        for image in self.images():
            self._images.delete(f'/v2/images/{image}')
