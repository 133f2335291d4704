# SPDX-License-Identifier: Apache-2.0
"""Servers of a tenant are cloned, with real Nova, Cinder and Glance."""

import base64

from cloudmanager.tests.integration import base
from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import storage

PUBLIC_KEY = ('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk2tZ9mS3mX7p2mN6hVbJqR8c'
              'Q1xW4yT0uP5oL3aBcD owner@example')
USER_DATA = b'#!/bin/sh\necho S3cret-Of-The-Tenant\n'


class CloneCase(base.IntegrationCase):

    more = '[server_tasks]\nclear_timeout = 60\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.project = storage.Project()
        cls.project.clear()
        cls.addClassCleanup(cls.project.keep_out)
        cls.ours = cloud.service_nova()

    def setUp(self):
        super().setUp()
        self.project.let_in()
        self.addCleanup(self.tidy_project)

    def tidy_project(self):
        self.cloud.clear()
        self.project.clear()

    def boot(self, name='web', image=True, **options):
        """Boot a server of the tenant; return its id."""
        made = self.project.nova.servers.create(
            name, self.cloud.image if image else None,
            self.cloud.flavors['m1.nano'], **{'nics': 'none', **options})
        cloud.wait(lambda: self.cloud.server(made.id).status == 'ACTIVE', 60,
                   f'{name} is active')
        return made.id

    def request(self, server_id, **body):
        return self.client.request(
            'POST', f'/v1/servers/{server_id}/actions/clone', body)

    def clone(self, server_id, status='SUCCESS', **body):
        answer = self.request(server_id, **body)
        self.assertEqual(202, answer.status_code, answer.text)
        return self.finish(answer.json()['task_id'], status)

    def details(self, server_id):
        """Return all that Nova tells an administrator of a server."""
        return self.cloud.compute.get(f'/servers/{server_id}',
                                      microversion='2.93').json()['server']

    def attachments(self, server_id):
        return self.cloud.compute.get(
            f'/servers/{server_id}/os-volume_attachments',
            microversion='2.93').json()['volumeAttachments']

    def assert_nothing_left(self, servers, volumes):
        """Check that the project has nothing but these."""
        self.assertEqual(set(servers), {
            server.id for server in self.project.nova.servers.list()})
        self.assertEqual(set(volumes), set(self.project.volumes()))
        self.assertEqual([], self.project.snapshots())
        self.assertEqual({}, self.project.images())
        self.assertEqual([], self.ours.keypairs.list())

    def full_server(self):
        """Boot a server with a bit of everything."""
        image = self.cloud.image
        volumes = [self.project.volume('root', image=image),
                   self.project.volume('data')]
        keypair = self.project.nova.keypairs.create('mine', PUBLIC_KEY)
        self.addCleanup(self.project.nova.keypairs.delete, keypair)
        networks = [self.project.network('front'),
                    self.project.network('back')]
        server = self.boot(
            image=False, key_name='mine', meta={'tier': 'web'},
            userdata=USER_DATA, config_drive=True, description='the shop',
            nics=[{'net-id': network} for network in networks],
            block_device_mapping_v2=[
                {'uuid': volume, 'source_type': 'volume',
                 'destination_type': 'volume', 'boot_index': number and -1,
                 'delete_on_termination': not number}
                for number, volume in enumerate(volumes)])
        for port in self.project.ports(server):
            self.project.set_groups(
                port['id'], ['web'] if port['network_id'] == networks[0]
                else ['db', 'ssh'])
        return server, volumes, networks

    def test_everything(self):
        """Two full clones of a running server, which goes on running."""
        server, volumes, networks = self.full_server()
        task = self.clone(server, count=2)
        clones = [item['id'] for item in task['items']]
        self.assertEqual(
            [('web-clone-1', 'DONE'), ('web-clone-2', 'DONE')],
            [(item['name'], item['state']) for item in task['items']])
        made = [item['volumeId'] for clone in clones
                for item in self.attachments(clone)]
        self.assertEqual(4, len(set(made)))
        self.assert_nothing_left([server, *clones], [*volumes, *made])
        source = self.details(server)
        for clone in clones:
            self.check_clone(source, self.details(clone), networks)
        self.assertEqual(1, len(self.cloud.actions(server, 'create')))
        self.assertEqual('ACTIVE', source['status'])
        log = self.workers[0].text() + self.api.text()
        for secret in ('S3cret-Of-The-Tenant',
                       base64.b64encode(USER_DATA).decode()[:40]):
            self.assertNotIn(secret, log + str(task))

    def check_clone(self, source, clone, networks):
        self.assertEqual('ACTIVE', clone['status'])
        for key in ('tenant_id', 'metadata', 'flavor', 'config_drive',
                    'description', 'OS-EXT-SRV-ATTR:user_data'):
            self.assertEqual(source[key], clone[key], key)
        self.assertTrue(clone['key_name'].startswith('mine-'))
        self.assertEqual(networks, [
            port['network_id'] for port in sorted(
                self.project.ports(clone['id']),
                key=lambda port: port['mac_address'])])
        self.assertEqual(
            {networks[0]: ['web'], networks[1]: ['db', 'ssh']},
            {port['network_id']: port['security_groups']
             for port in self.project.ports(clone['id'])})
        volumes = self.project.volumes()
        self.assertEqual(
            [('about root', 'true', True), ('about data', 'false', False)],
            [(volumes[item['volumeId']].description,
              volumes[item['volumeId']].bootable,
              item['delete_on_termination'])
             for item in sorted(self.attachments(clone['id']),
                                key=lambda item: item['device'])])

    def test_root_disk_of_its_own(self):
        """It goes through an image, which is removed."""
        data = self.project.volume('data')
        server = self.boot()
        self.project.nova.volumes.create_server_volume(server, data)
        cloud.wait(lambda: self.project.volumes()[data].status == 'in-use',
                   30, 'the volume is attached')
        self.project.nova.servers.stop(server)
        cloud.wait(lambda: self.cloud.server(server).status == 'SHUTOFF', 30,
                   'the server is off')
        task = self.clone(server, name='copy {number}')
        (clone,) = [item['id'] for item in task['items']]
        self.assertEqual('copy 1', self.cloud.server(clone).name)
        (attached,) = self.attachments(clone)
        self.assert_nothing_left([server, clone],
                                 [data, attached['volumeId']])
        self.assertNotEqual(self.details(server)['image']['id'],
                            self.details(clone)['image']['id'])

    def test_no_role(self):
        """SE5: without a role there is a clear refusal, and no role and no
        user is made."""
        (server,) = self.cloud.boot('cmp1', 1)
        project = storage.Project('admin')
        before = project.assignments()
        answer = self.request(server)
        self.assertEqual(409, answer.status_code, answer.text)
        self.assertIn('role member', answer.text)
        self.assertIn(project.id, answer.text)
        self.assertEqual(before, project.assignments())

    def test_quota(self):
        server = self.boot()
        quotas = self.cloud.nova.quotas
        self.addCleanup(quotas.delete, self.project.id)
        quotas.update(self.project.id, instances=2)
        answer = self.request(server, count=2)
        self.assertEqual(409, answer.status_code, answer.text)
        self.assertIn('instances', answer.text)
        self.clone(server)

    def test_no_host(self):
        """What cannot be built leaves nothing behind."""
        volume = self.project.volume('data')
        server = self.boot()
        self.project.nova.volumes.create_server_volume(server, volume)
        cloud.wait(lambda: self.project.volumes()[volume].status == 'in-use',
                   30, 'the volume is attached')
        for host in cloud.COMPUTES:
            self.cloud.nova.services.disable(self.cloud.service(host).id)
        task = self.clone(server, 'FAILURE', count=2)
        self.assertEqual({'FAILED'}, {item['state']
                                      for item in task['items']})
        self.assertIn('0 of 2', task['result'])
        self.assert_nothing_left([server], [volume])

    def test_refused(self):
        server = self.boot()
        for body in ({'count': 0}, {'count': 101}, {'count': '2'},
                     {'name': '{x}'}, {'name': 'same', 'count': 2},
                     {'name': ''}):
            self.assertEqual(400, self.request(server, **body).status_code,
                             body)
        self.cloud.nova.servers.reset_state(server, 'error')
        self.assertEqual(409, self.request(server).status_code)
