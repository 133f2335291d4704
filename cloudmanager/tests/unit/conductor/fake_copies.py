# SPDX-License-Identifier: Apache-2.0
"""The part of the fake cloud that servers are cloned in.

All requests that change something go the way of ``FakeNova._request``, so
that they can be lost, refused, or be the last one of a conductor.
"""

import dataclasses
import itertools
import types

from cloudmanager.clients import cinder_copies
from cloudmanager.clients import glance
from cloudmanager.clients import neutron
from cloudmanager.clients import nova_copies
from cloudmanager.common import exception
from cloudmanager.conductor import tools as conductor_tools

# What becomes of a request, see ``fakes``.
FAILS = 'fails'
STUCK = 'stuck'
NO_LIMIT = {'instances': (-1, 1), 'cores': (-1, 1), 'ram': (-1, 1024)}


def refusal(service, request, reason, status=409):
    error = exception.CloudRequestRefused(service=service, request=request,
                                          reason=reason)
    error.http_status = status
    return error


class Copies:
    """Nova: blueprints, servers, images and key pairs.

    :ivar keypairs: by user and name; ours have the user ``''``
    :ivar made: bodies of the requests for servers
    :ivar project: to which belongs what is created right now
    """

    project = 'service'

    def reset_copies(self):
        self.keypairs, self.made, self.quota = {}, [], dict(NO_LIMIT)
        self.other = None
        self.numbers = itertools.count(1)

    def keypairs_of_ours(self):
        return {name: pair for (user, name), pair in self.keypairs.items()
                if not user}

    def blueprint(self, server_id):
        self._read('blueprint')
        vm = self.vms.get(server_id)
        if vm is None:
            return None
        more = {'description': None, 'tags': (), 'config_drive': False,
                'zone': vm.pinned_zone, 'disk_config': 'MANUAL',
                'user_id': 'owner', 'key_name': None, 'user_data': None,
                'attachments': (), 'root_device': '/dev/vda'}
        values = {name: getattr(vm, name, value)
                  for name, value in more.items()}
        return nova_copies.Blueprint(
            id=vm.id, name=vm.name, project_id=vm.project_id,
            flavor_id='flavor-7', vcpus=vm.flavor['vcpus'],
            ram_mb=vm.flavor['ram'], image=bool(vm.image),
            metadata=vm.metadata, macs=tuple(
                port.mac for port in self.other.neutron.ports_of(vm.id)),
            **values)

    def limits(self):
        self._read('limits')
        return dict(self.quota)

    def create_server(self, values):
        self._request('create_server', values['name'], self._create_server,
                      values, self.project)
        return self.made[-1][1]

    def _create_server(self, outcome, values, project):
        key_name = values.get('key_name')
        if key_name and ('', key_name) not in self.keypairs:
            raise refusal('Nova', 'create_server', 'Invalid key_name', 400)
        cinder = self.other.cinder
        devices = values.get('block_device_mapping_v2', ())
        for device in devices:
            if device['source_type'] == 'volume':
                cinder.attach(device['uuid'])
        key = f'new-{next(self.numbers)}'
        self.made.append((values, key))
        self.add(key, host=None, vm_state='building', name=values['name'],
                 task_state='spawning', launched=False, project_id=project,
                 description=values['description'],
                 metadata=values['metadata'],
                 devices=devices, image=values['imageRef'])
        self.other.neutron.build(key, values)
        seconds = self.slow.get(key, self.seconds)
        if outcome == FAILS:
            self.clock.at(seconds, self.set, key, vm_state='error',
                          task_state=None, fault='No valid host was found.')
        elif outcome != STUCK:
            self.clock.at(seconds, self._built, key)

    def _built(self, key):
        vm = self.vms.get(key)
        if vm is not None and vm.task_state == 'spawning':
            vm.host, vm.vm_state, vm.task_state = 'dst1', 'active', None
            vm.launched = True

    def servers_of(self, project_id):
        self._read('servers_of')
        return {vm.id: getattr(vm, 'description', None) or ''
                for vm in self.vms.values() if vm.project_id == project_id}

    def server_names(self, project_id):
        self._read('server_names')
        return [vm.name for vm in self.vms.values()
                if vm.project_id == project_id]

    def describe(self, server_id, text):
        self._request('describe', server_id, lambda outcome: self.set(
            server_id, description=text))

    def delete_server(self, server_id):
        self._request('delete_server', server_id, self._delete_server,
                      server_id)

    def _delete_server(self, outcome, key):
        vm = self.vms.get(key)
        if vm is None:
            return
        vm.task_state = 'deleting'
        if outcome != STUCK:
            self.clock.at(self.seconds, self._deleted, key)

    def _deleted(self, key):
        vm = self.vms.pop(key, None)
        if vm is not None:
            for device in vm.devices:
                if device['source_type'] == 'volume':
                    self.other.cinder.detach(
                        device['uuid'], device['delete_on_termination'])

    def create_image(self, server_id, name):
        self._request('create_image', server_id, self._create_image,
                      server_id, name, self.project)
        return self.other.glance.newest

    def _create_image(self, outcome, key, name, project):
        self._vm(key)
        self.other.glance.add(outcome, name, project)

    def keypair(self, name, user_id=None):
        self._read('keypair')
        return self.keypairs.get((user_id or '', name))

    def create_keypair(self, keypair):
        self._request('create_keypair', keypair.name,
                      lambda outcome: self.keypairs.update({
                          ('', keypair.name): keypair}))
        return keypair.name

    def delete_keypair(self, name):
        self._request('delete_keypair', name,
                      lambda outcome: self.keypairs.pop(('', name), None))


class ProjectClient:
    """A service's client in a project: what it creates belongs to it."""

    def __init__(self, service, project, *names):
        self._service, self._project = service, project
        self._names = names

    def __getattr__(self, name):
        found = getattr(self._service, name)
        if name not in self._names:
            return found

        def call(*args):
            self._service.project = self._project
            try:
                return found(*args)
            finally:
                self._service.project = 'service'

        return call


class FakeGlance:

    def __init__(self, nova):
        self.nova = nova
        self.images = {}
        self.newest = None

    def add(self, outcome, name, project):
        self.newest = f'image-{len(self.images) + 1}'
        made = types.SimpleNamespace(id=self.newest, name=name,
                                     status='queued', project=project)
        self.images[made.id] = made
        if outcome != STUCK:
            self.nova.clock.at(self.nova.seconds, setattr, made, 'status',
                               'killed' if outcome == FAILS else 'active')

    def image(self, image_id):
        self.nova._read('image')
        found = self.images.get(image_id)
        return found and glance.Image(found.id, found.name, found.status)

    def images_named(self, project_id, name):
        self.nova._read('images_named')
        return [glance.Image(item.id, item.name, item.status)
                for item in self.images.values()
                if (item.project, item.name) == (project_id, name)]

    def delete_image(self, image_id):
        self.nova._request('delete_image', image_id,
                           lambda outcome: self.images.pop(image_id, None))


class FakeNeutron:

    def __init__(self):
        self.ports = []

    def add(self, server_id, network, groups=('default',), security=True,
            vnic_type='normal'):
        number = len(self.ports) + 1
        self.ports.append((server_id, neutron.Port(
            f'port-{number}', network, f'fa:16:{number}', vnic_type,
            security, tuple(groups))))

    def build(self, server_id, values):
        """Make the ports of a new server as Nova does."""
        if values['networks'] == 'none':
            return
        groups = [group['name'] for group in values.get('security_groups',
                                                        ())] or ['default']
        # Neutron lists ports in no order.
        for network in reversed(values['networks']):
            self.add(server_id, network['uuid'], groups)

    def ports_of(self, server_id):
        return [port for owner, port in self.ports if owner == server_id]

    def set_security(self, port_id, enabled, groups):
        self.ports = [
            (owner, dataclasses.replace(
                port, security=enabled, security_groups=tuple(groups))
             if port.id == port_id else port) for owner, port in self.ports]


class FakeCinder:
    """Volumes and snapshots.

    :ivar keeps: whether a snapshot stays as long as its volumes do
    """

    project = 'service'

    def __init__(self, nova):
        self.nova = nova
        self.pieces = {}
        self.quota = {'volumes': (-1, 1), 'snapshots': (-1, 0),
                      'gigabytes': (-1, 10)}
        self.keeps = False

    def add(self, key, size=10, status='in-use', project='project',
            **values):
        self.pieces[key] = types.SimpleNamespace(**{
            'id': key, 'name': f'name-{key}', 'status': status,
            'size': size, 'description': f'about {key}', 'project': project,
            'parent': None, **values})

    def of(self, project):
        """Return the ids of what a project has."""
        return sorted(key for key, item in self.pieces.items()
                      if item.project == project)

    def attach(self, key):
        item = self.pieces[key]
        if item.status != 'available':
            raise refusal('Nova', 'create_server', item.status, 400)
        item.status = 'in-use'

    def detach(self, key, delete):
        if delete:
            self.pieces.pop(key, None)
        elif key in self.pieces:
            self.pieces[key].status = 'available'

    @staticmethod
    def _piece(item):
        return cinder_copies.Piece(item.id, item.name, item.status,
                                   item.size, item.description)

    def _one(self, key):
        self.nova._read('piece')
        item = self.pieces.get(key)
        return item and self._piece(item)

    def _make(self, outcome, key, **values):
        self.add(key, status='creating', **values)
        if outcome != STUCK:
            self.nova.clock.at(
                self.nova.slow.get(key, self.nova.seconds), self._made, key,
                'error' if outcome == FAILS else 'available')

    def _made(self, key, status):
        if key in self.pieces and self.pieces[key].status == 'creating':
            self.pieces[key].status = status

    def _remove(self, outcome, key):
        item = self.pieces.get(key)
        if item is None:
            return
        if item.status in ('in-use', 'creating'):
            raise refusal('Cinder', 'delete', item.status, 400)
        if self.keeps and any(other.parent == key
                              for other in self.pieces.values()):
            return
        item.status = 'deleting'
        if outcome != STUCK:
            self.nova.clock.at(self.nova.seconds, self.pieces.pop, key, None)

    def limits(self):
        self.nova._read('limits')
        return dict(self.quota)

    def create_snapshot(self, volume_id, name, description):
        key = f'snap-{volume_id}-{len(self.pieces)}'
        self.nova._request(
            'create_snapshot', volume_id, lambda outcome: self._make(
                outcome, key, name=name, description=description,
                project=self.project, size=self.pieces[volume_id].size))
        return key

    def snapshot(self, snapshot_id):
        return self._one(snapshot_id)

    def _named(self, project_id, name):
        self.nova._read('named')
        return [self._piece(item) for item in self.pieces.values()
                if (item.project, item.name) == (project_id, name)]

    def snapshots_named(self, project_id, name):
        return self._named(project_id, name)

    def delete_snapshot(self, snapshot_id):
        self.nova._request('delete_snapshot', snapshot_id, self._remove,
                           snapshot_id)

    def create_volume(self, snapshot_id, size_gb, name, description):
        key = f'vol-{len(self.pieces)}'
        self.nova._request('create_volume', snapshot_id, self._create, key,
                           snapshot_id, size_gb, name, description,
                           self.project)
        return key

    def _create(self, outcome, key, snapshot_id, size, name, description,
                project):
        snapshot = self.pieces.get(snapshot_id)
        if snapshot is None or snapshot.status != 'available':
            raise refusal('Cinder', 'create_volume', 'no such snapshot')
        self._make(outcome, key, size=size, name=name, project=project,
                   description=description, parent=snapshot_id)

    def piece(self, volume_id):
        return self._one(volume_id)

    def volumes_named(self, project_id, name):
        return self._named(project_id, name)

    def describe(self, volume_id, text):
        self.nova._request('describe_volume', volume_id,
                           lambda outcome: setattr(
                               self.pieces[volume_id], 'description', text))

    def delete_volume(self, volume_id):
        self.nova._request('delete_volume', volume_id, self._remove,
                           volume_id)


class Cloud:
    """All services together, as a conductor's tools.

    :ivar closed: projects in which we have no role
    """

    def __init__(self, nova):
        self.nova = nova
        self.closed = set()
        nova.other = self
        self.reset()

    def reset(self):
        self.cinder = FakeCinder(self.nova)
        self.glance = FakeGlance(self.nova)
        self.neutron = FakeNeutron()
        self.nova.reset_copies()
        self.nova.other = self

    def in_project(self, project_id):
        if project_id in self.closed:
            raise exception.ProjectClosed(project=project_id)
        return conductor_tools.ProjectClients(
            nova=ProjectClient(self.nova, project_id, 'create_server',
                               'create_image'),
            cinder=ProjectClient(self.cinder, project_id, 'create_snapshot',
                                 'create_volume'))
