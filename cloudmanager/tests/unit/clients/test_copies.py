# SPDX-License-Identifier: Apache-2.0
"""What servers are cloned with, at the HTTP edge of the services."""

import requests

from cloudmanager.clients import cinder
from cloudmanager.clients import glance
from cloudmanager.clients import neutron
from cloudmanager.clients import nova_copies
from cloudmanager.common import exception
from cloudmanager.tests.unit.clients import base
from cloudmanager.tests.unit.clients import test_nova

SECRET = 'UzNjcmV0LU9mLVRoZS1UZW5hbnQ='
LOST = ({'status_code': 500, 'text': 'oops'},
        {'exc': requests.exceptions.ReadTimeout})


class NovaTestCase(test_nova.NovaCase):

    def details(self, **values):
        return test_nova.server('vm1', **{
            'tenant_id': 'p1', 'user_id': 'u1', 'key_name': 'mine',
            'metadata': {'a': 'b'}, 'tags': ['t'], 'description': 'shop',
            'config_drive': 'True', 'image': '',
            'pinned_availability_zone': 'az1',
            'OS-DCF:diskConfig': 'AUTO',
            'OS-EXT-SRV-ATTR:user_data': SECRET,
            'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
            'flavor': {'vcpus': 2, 'ram': 64}, 'addresses': {
                'n1': [{'OS-EXT-IPS-MAC:mac_addr': 'm2'},
                       {'OS-EXT-IPS-MAC:mac_addr': 'm2'}],
                'n2': [{'OS-EXT-IPS-MAC:mac_addr': 'm1'}]}, **values})

    def blueprint(self, **values):
        self.serve('/servers/vm1', {'server': self.details(**values)}, {
            'server': {'flavor': {'id': 'f7'}}})
        self.serve('/servers/vm1/os-volume_attachments', {
            'volumeAttachments': [
                {'volumeId': 'v1', 'device': '/dev/vda', 'tag': 'root',
                 'delete_on_termination': True},
                {'volumeId': 'v2', 'device': '/dev/vdb'}]})
        return self.nova.blueprint('vm1')

    def test_blueprint(self):
        self.assertEqual(nova_copies.Blueprint(
            id='vm1', name='vm1', project_id='p1', user_id='u1',
            flavor_id='f7', vcpus=2, ram_mb=64, image=False,
            root_device='/dev/vda', key_name='mine', metadata={'a': 'b'},
            description='shop', tags=('t',), config_drive=True, zone='az1',
            disk_config='AUTO', macs=('m2', 'm1'), user_data=SECRET,
            attachments=(
                nova_copies.Attachment('v1', '/dev/vda', True, 'root'),
                nova_copies.Attachment('v2', '/dev/vdb', False, None))),
            self.blueprint())
        # The id of a flavor is told by old versions only.
        self.assertEqual(['2.96', '2.46'], [
            item.headers[test_nova.VERSION] for item in
            self.requests('GET', '/servers/vm1')])

    def test_no_secret_in_words(self):
        self.assertNotIn(SECRET, repr(self.blueprint()))

    def test_plain_blueprint(self):
        found = self.blueprint(
            image={'id': 'i1'}, config_drive='', key_name=None, tags=None,
            metadata=None, addresses=None,
            **{'OS-EXT-SRV-ATTR:user_data': None})
        self.assertEqual(
            (True, False, None, (), {}, (), None),
            (found.image, found.config_drive, found.key_name, found.tags,
             found.metadata, found.macs, found.user_data))

    def test_no_server(self):
        self.serve('/servers/vm1', {'status_code': 404, 'json': {}})
        self.assertIsNone(self.nova.blueprint('vm1'))

    def test_limits(self):
        self.serve('/limits', {'limits': {'absolute': {
            'maxTotalInstances': 10, 'totalInstancesUsed': 1,
            'maxTotalCores': -1, 'totalCoresUsed': 2,
            'maxTotalRAMSize': 512, 'totalRAMUsed': 64}}})
        self.assertEqual({'instances': (10, 1), 'cores': (-1, 2),
                          'ram': (512, 64)}, self.nova.limits())

    def test_create_server(self):
        found = self.serve('/servers', {'server': {
            'id': 'new', 'adminPass': base.PASSWORD}}, method='POST')
        values = {'name': 'copy', 'user_data': SECRET}
        self.assertEqual('new', self.nova.create_server(values))
        self.assertEqual({'server': values}, found.last_request.json())
        self.assertNotIn(SECRET, self.logger.output)
        self.no_secret_in()

    def test_created_once(self):
        """What was perhaps created is looked for, not created again."""
        for path, call in (
                ('/servers', lambda: self.nova.create_server({})),
                ('/os-keypairs', lambda: self.nova.create_keypair(
                    nova_copies.KeyPair('k', 'ssh', 'AAAA'))),
                ('/servers/vm1/action',
                 lambda: self.nova.create_image('vm1', 'i'))):
            for answer in LOST:
                found = self.http.post(base.COMPUTE + path, [answer])
                self.assertRaises(exception.CloudOutcomeUnknown, call)
                self.assertEqual(1, found.call_count)

    def test_servers_of(self):
        """All of them: one just created was never changed."""
        found = self.serve('/servers/detail', {'servers': [
            test_nova.server('vm1', description='mark'),
            test_nova.server('vm2', description=None)]})
        self.assertEqual({'vm1': 'mark', 'vm2': ''},
                         self.nova.servers_of('p1'))
        query = found.last_request.qs
        self.assertEqual((['p1'], ['1']), (query['project_id'],
                                           query['all_tenants']))
        self.assertNotIn('changes-since', query)

    def test_names(self):
        self.serve('/servers', {'servers': [
            {'id': '1', 'name': 'a'}, {'id': '2', 'name': 'b'}]})
        self.assertEqual(['a', 'b'], self.nova.server_names('p1'))

    def test_describe(self):
        found = self.serve('/servers/vm1', {'server': {}}, method='PUT')
        for text in ('shop', None):
            self.nova.describe('vm1', text)
            self.assertEqual({'server': {'description': text}},
                             found.last_request.json())

    def test_delete(self):
        found = self.http.post(test_nova.ACTION, status_code=202)
        self.nova.delete_server('vm1')
        self.assertEqual({'forceDelete': None}, found.last_request.json())
        self.http.post(test_nova.ACTION, status_code=404, json={})
        self.nova.delete_server('vm1')

    def test_image(self):
        found = self.http.post(test_nova.ACTION, status_code=202,
                               json={'image_id': 'i1'})
        self.assertEqual('i1', self.nova.create_image('vm1', 'copy'))
        self.assertEqual({'createImage': {'name': 'copy'}},
                         found.last_request.json())

    def test_key_pairs(self):
        pair = {'name': 'my key/1', 'type': 'ssh', 'public_key': 'AAAA'}
        path = '/os-keypairs/my%20key%2F1'
        found = self.serve(path, {'keypair': pair})
        self.assertEqual(nova_copies.KeyPair(**pair),
                         self.nova.keypair('my key/1', 'u1'))
        self.assertEqual(['u1'], found.last_request.qs['user_id'])
        self.nova.keypair('my key/1')
        self.assertNotIn('user_id', found.last_request.qs)
        made = self.serve('/os-keypairs', {'keypair': pair}, method='POST')
        self.assertEqual('my key/1', self.nova.create_keypair(
            nova_copies.KeyPair(**pair)))
        self.assertEqual({'keypair': pair}, made.last_request.json())
        for status in (202, 404):
            self.serve(path, {'status_code': status, 'json': {}},
                       method='DELETE')
            self.nova.delete_keypair('my key/1')
        self.serve(path, {'status_code': 404, 'json': {}})
        self.assertIsNone(self.nova.keypair('my key/1'))


class CinderTestCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        self.configure()
        self.cinder = cinder.Cinder()

    def serve(self, path, answer, method='GET', status=200):
        return self.http.register_uri(
            method, base.VOLUME + path, json=answer, status_code=status)

    @staticmethod
    def piece(key, name='copy', **values):
        return {'id': key, 'name': name, 'status': 'available', 'size': 2,
                'description': 'mark', **values}

    def test_limits(self):
        self.serve('/limits', {'limits': {'rate': [], 'absolute': {
            'maxTotalVolumes': 10, 'totalVolumesUsed': 1,
            'maxTotalSnapshots': -1, 'totalSnapshotsUsed': 0,
            'maxTotalVolumeGigabytes': 100, 'totalGigabytesUsed': 7}}})
        self.assertEqual({'volumes': (10, 1), 'snapshots': (-1, 0),
                          'gigabytes': (100, 7)}, self.cinder.limits())

    def test_snapshot(self):
        found = self.serve('/snapshots', {'snapshot': self.piece('s1')},
                           'POST', 202)
        self.assertEqual('s1', self.cinder.create_snapshot(
            'v1', 'copy', 'mark'))
        sent = found.last_request.json()['snapshot']
        self.assertEqual(('v1', 'copy', 'mark'), (
            sent['volume_id'], sent['name'], sent['description']))
        # It is implied, and newer versions take no other.
        self.assertNotIn(sent.get('force'), (False,))

    def test_volume(self):
        found = self.serve('/volumes', {'volume': self.piece('v2')}, 'POST',
                           202)
        self.assertEqual('v2', self.cinder.create_volume(
            's1', 2, 'copy', 'mark'))
        sent = found.last_request.json()['volume']
        self.assertEqual(('s1', 2, 'copy', 'mark'), (
            sent['snapshot_id'], sent['size'], sent['name'],
            sent['description']))

    def test_created_once(self):
        for path, call in (
                ('/volumes', lambda: self.cinder.create_volume(
                    's1', 1, 'n', 'd')),
                ('/snapshots', lambda: self.cinder.create_snapshot(
                    'v1', 'n', 'd'))):
            for answer in LOST:
                found = self.http.post(base.VOLUME + path, [answer])
                self.assertRaises(exception.CloudOutcomeUnknown, call)
                self.assertEqual(1, found.call_count)

    def test_named(self):
        """Names are exact, whatever Cinder matches."""
        for kind, call in (('volumes', self.cinder.volumes_named),
                           ('snapshots', self.cinder.snapshots_named)):
            found = self.serve(f'/{kind}/detail', {kind: [
                self.piece('1'), self.piece('2', 'copy 2')]})
            self.assertEqual(['1'], [item.id for item in call('p1', 'copy')])
            self.assertEqual((['p1'], ['copy']), (
                found.last_request.qs['project_id'],
                found.last_request.qs['name']))

    def test_one(self):
        for kind, call in (('volume', self.cinder.piece),
                           ('snapshot', self.cinder.snapshot)):
            self.serve(f'/{kind}s/1', {kind: self.piece('1')})
            found = call('1')
            self.assertEqual(('1', 'copy', 'available', 2, 'mark'), (
                found.id, found.name, found.status, found.size_gb,
                found.description))
            self.serve(f'/{kind}s/1', {}, status=404)
            self.assertIsNone(call('1'))

    def test_delete(self):
        for kind, call in (('volumes', self.cinder.delete_volume),
                           ('snapshots', self.cinder.delete_snapshot)):
            for status in (202, 404):
                self.serve(f'/{kind}/1', {}, 'DELETE', status)
                call('1')
            self.serve(f'/{kind}/1', {}, 'DELETE', 400)
            self.assertRaises(exception.CloudRequestRefused, call, '1')

    def test_describe(self):
        found = self.serve('/volumes/1', {'volume': self.piece('1')}, 'PUT')
        for text, sent in (('data', 'data'), (None, '')):
            self.cinder.describe('1', text)
            self.assertEqual(sent, found.last_request.json()['volume'][
                'description'])


class OthersTestCase(base.ClientCase):

    def setUp(self):
        super().setUp()
        self.configure()
        for kind, url in (('image', 'http://image.example'),
                          ('network', 'http://network.example')):
            self.token.add_service(kind).add_standard_endpoints(
                public=url, region='one')
            self.http.get(url, json={'versions': [base.version_document(
                url, '', '', 'v2.0')]})

    def test_images(self):
        image = {'id': 'i1', 'name': 'copy', 'status': 'active'}
        found = self.http.get('http://image.example/v2/images', json={
            'images': [image, {**image, 'id': 'i2', 'name': 'copy 2'}]})
        service = glance.Glance()
        self.assertEqual([glance.Image(**image)],
                         service.images_named('p1', 'copy'))
        self.assertEqual((['p1'], ['copy']), (
            found.last_request.qs['owner'], found.last_request.qs['name']))
        self.http.get('http://image.example/v2/images/i1', json=image)
        self.assertEqual('active', service.image('i1').status)
        self.http.get('http://image.example/v2/images/i1', status_code=404)
        self.assertIsNone(service.image('i1'))
        for status in (204, 404):
            self.http.delete('http://image.example/v2/images/i1',
                             status_code=status)
            service.delete_image('i1')

    def test_ports(self):
        found = self.http.get('http://network.example/v2.0/ports', json={
            'ports': [
                {'id': 'p1', 'network_id': 'n1', 'mac_address': 'm1',
                 'security_groups': ['b', 'a'],
                 'port_security_enabled': True,
                 'binding:vnic_type': 'direct'},
                {'id': 'p2', 'network_id': 'n2', 'mac_address': 'm2'}]})
        service = neutron.Neutron()
        self.assertEqual(
            [neutron.Port('p1', 'n1', 'm1', 'direct', True, ('a', 'b')),
             neutron.Port('p2', 'n2', 'm2', 'normal', True, ())],
            service.ports_of('vm1'))
        self.assertEqual(['vm1'], found.last_request.qs['device_id'])
        found = self.http.put('http://network.example/v2.0/ports/p1',
                              json={})
        for enabled, sent in (
                (True, {'security_groups': ['a']}),
                (False, {'security_groups': ['a'],
                         'port_security_enabled': False})):
            service.set_security('p1', enabled, ('a',))
            self.assertEqual({'port': sent}, found.last_request.json())

    def test_without_neutron(self):
        self.token['token']['catalog'] = [
            item for item in self.token['token']['catalog']
            if item['type'] != 'network']
        self.assertEqual([], neutron.Neutron().ports_of('vm1'))
