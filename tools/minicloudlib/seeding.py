# SPDX-License-Identifier: Apache-2.0
"""Put users, services, an image, flavors and volume types in the cloud."""

from minicloudlib import rest
from minicloudlib import settings as config

SERVICE_ROLES = ('admin', 'service')

# user: (project, roles)
USERS = {
    'nova': ('service', SERVICE_ROLES),
    'placement': ('service', SERVICE_ROLES),
    'glance': ('service', SERVICE_ROLES),
    'cinder': ('service', SERVICE_ROLES),
    'cloudmanager': ('service', SERVICE_ROLES),
    'demo': ('demo', ('member',)),
    'reader': ('demo', ('cloudmanager_reader',)),
}

# name: (type, what follows http://ADDRESS:)
SERVICES = {
    'placement': ('placement', '8778'),
    'glance': ('image', '9292'),
    'nova': ('compute', '8774/v2.1'),
    'cinder': ('block-storage', '8776/v3'),
    'cinderv3': ('volumev3', '8776/v3/%(project_id)s'),
    'neutron': ('network', '9696'),
    'cloudmanager': ('cloudmanager', '9362'),
}

# name: (vcpus, megabytes of memory, gigabytes of disk)
FLAVORS = {
    'm1.nano': (1, 64, 1),
    'm1.tiny': (1, 128, 2),
    'm1.small': (2, 512, 5),
}

# name: back end
VOLUME_TYPES = {'standard': 'nfs1', 'fake': 'fake'}


def seed_identity(client):
    """Create projects, roles, users, services and endpoints."""
    projects = {
        name: _create(client, 'project', name=name, domain_id='default')
        for name in ('service', 'demo')}
    _create(client, 'role', name='cloudmanager_reader')
    roles = {
        role['name']: role['id']
        for role in client.get(rest.IDENTITY, '/v3/roles')['roles']}
    for name, (project, role_names) in USERS.items():
        user_id = _create(
            client, 'user', name=name, password=config.PASSWORD,
            domain_id='default')
        for role in role_names:
            client.put(
                rest.IDENTITY, f'/v3/projects/{projects[project]}/users/'
                f'{user_id}/roles/{roles[role]}')
    for name, (kind, url) in SERVICES.items():
        service_id = _create(client, 'service', name=name, type=kind)
        for interface in ('public', 'internal'):
            _create(
                client, 'endpoint', service_id=service_id,
                interface=interface, region_id=config.REGION,
                url=f'http://{config.ADDRESS}:{url}')


def _create(client, kind, **values):
    """Create something in Keystone and return its id."""
    document = client.post(rest.IDENTITY, f'/v3/{kind}s', {kind: values})
    return document[kind]['id']


def seed_image(client):
    """Create the image that servers boot from."""
    image = client.post(rest.IMAGE, '/v2/images', {
        'name': 'tiny', 'disk_format': 'raw', 'container_format': 'bare',
        'visibility': 'public', 'min_disk': 0, 'min_ram': 0})
    client.put(
        rest.IMAGE, f'/v2/images/{image["id"]}/file', bytes(1024 * 1024))


def seed_flavors(client):
    """Create the flavors."""
    for name, (vcpus, ram, disk) in FLAVORS.items():
        client.post(rest.COMPUTE, '/v2.1/flavors', {'flavor': {
            'name': name, 'vcpus': vcpus, 'ram': ram, 'disk': disk}})


def seed_volume_types(client):
    """Create a volume type for each back end."""
    for name, backend in VOLUME_TYPES.items():
        client.post(
            rest.VOLUME, f'/v3/{client.project_id}/types', {
                'volume_type': {
                    'name': name,
                    'extra_specs': {'volume_backend_name': backend}}})
