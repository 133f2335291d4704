# SPDX-License-Identifier: Apache-2.0
"""What copies of a server need, and what they are made of."""

import types

import testtools

from cloudmanager.planning import copies
from cloudmanager.planning import remedies


def port(network='n1', groups=('default',), security=True, mac='m',
         vnic_type='normal'):
    return types.SimpleNamespace(
        network_id=network, security_groups=tuple(groups), mac=mac,
        security=security, vnic_type=vnic_type)


class CopiesTestCase(testtools.TestCase):

    def test_unfit(self):
        for status in ('ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED'):
            self.assertEqual('', copies.unfit(remedies.Symptoms(
                status=status, host='h')))
            for values in ({'host_up': False}, {'task_state': 'x'},
                           {'busy': 'it is busy'}):
                self.assertTrue(copies.unfit(remedies.Symptoms(
                    status=status, host='h', **values)))
        for status in ('ERROR', 'SHELVED', 'SHELVED_OFFLOADED', 'RESCUED',
                       'VERIFY_RESIZE', 'BUILD', 'SOFT_DELETED', 'DELETED'):
            self.assertIn(status, copies.unfit(remedies.Symptoms(
                status=status, host='h')))

    def test_ports(self):
        self.assertEqual('', copies.unfit_ports([port()]))
        for kind in ('direct', 'macvtap', 'virtio-forwarder'):
            self.assertIn(kind, copies.unfit_ports([
                port(), port(vnic_type=kind)]))

    def test_needs(self):
        self.assertEqual(
            {'instances': 3, 'cores': 6, 'ram': 192, 'volumes': 6,
             'snapshots': 2, 'gigabytes': 60},
            copies.needs(3, 2, 64, [5, 10]))
        self.assertEqual((0, 0), (copies.needs(3, 2, 64, [])['volumes'],
                                  copies.needs(3, 2, 64, [])['gigabytes']))

    def test_shortage(self):
        wanted = {'instances': 2, 'cores': 4, 'volumes': 0}
        for limits, expected in (
                ({}, ''), ({'instances': (-1, 99)}, ''),
                ({'instances': (3, 1)}, ''),
                ({'instances': (2, 1)}, 'instances'),
                ({'cores': (0, 0)}, 'cores'),
                # What is over its limit already may take nothing more,
                # but nothing is no more.
                ({'volumes': (1, 5)}, '')):
            found = copies.shortage(limits, wanted)
            self.assertEqual(bool(expected), bool(found), limits)
            self.assertIn(expected, found)

    def test_common_groups(self):
        for ports, expected in (
                ([], ()), ([port(groups='a')], ('a',)),
                ([port(groups='ab'), port(groups='ab')], ('a', 'b')),
                ([port(groups='a'), port(groups='b')], ()),
                ([port(groups='a', security=False)], ()),
                ([port(groups=()), port(groups=())], ())):
            self.assertEqual(expected, copies.common_groups(ports))

    def test_pairs(self):
        """Ports of one network go by their order."""
        source = [port('n1', 'a'), port('n2'), port('n1', 'b')]
        made = [port('n2'), port('n1', mac='1'), port('n1', mac='2')]
        self.assertEqual(
            [(source[0], made[1]), (source[1], made[0]),
             (source[2], made[2])], copies.pairs(source, made))
        self.assertEqual([], copies.pairs(source, []))

    def test_minimal_body(self):
        source = types.SimpleNamespace(
            flavor_id='f', metadata={}, user_data=None, tags=(),
            config_drive=False, zone='', disk_config=None)
        self.assertEqual(
            {'name': 'n', 'description': 'd', 'imageRef': 'i',
             'flavorRef': 'f', 'metadata': {}, 'networks': 'none',
             'min_count': 1, 'max_count': 1},
            copies.body(source, [], name='n', description='d', image_id='i',
                        key_name=None, volumes=[]))

    def test_full_body(self):
        """All that a request for a server may say, in Nova's words."""
        source = types.SimpleNamespace(
            flavor_id='f', metadata={'a': 'b'}, user_data='dXNlcg==',
            tags=('t1', 't2'), config_drive=True, zone='z',
            disk_config='MANUAL')
        volumes = [
            types.SimpleNamespace(id='v1', root=True, delete=True, tag=None),
            types.SimpleNamespace(id='v2', root=False, delete=False,
                                  tag='data')]
        made = copies.body(source, [port('n1', 'ab'), port('n2', 'ab')],
                           name='n', description='d', image_id=None,
                           key_name='k', volumes=volumes)
        devices = made.pop('block_device_mapping_v2')
        self.assertEqual(
            {'name': 'n', 'description': 'd', 'imageRef': '',
             'flavorRef': 'f', 'metadata': {'a': 'b'},
             'networks': [{'uuid': 'n1'}, {'uuid': 'n2'}],
             'min_count': 1, 'max_count': 1,
             'security_groups': [{'name': 'a'}, {'name': 'b'}],
             'key_name': 'k', 'user_data': 'dXNlcg==',
             'tags': ['t1', 't2'], 'config_drive': True,
             'availability_zone': 'z', 'OS-DCF:diskConfig': 'MANUAL'}, made)
        self.assertEqual(
            [{'uuid': 'v1', 'source_type': 'volume',
              'destination_type': 'volume', 'boot_index': 0,
              'delete_on_termination': True},
             {'uuid': 'v2', 'source_type': 'volume',
              'destination_type': 'volume', 'boot_index': -1,
              'delete_on_termination': False, 'tag': 'data'}], devices)

    def test_image_beside_volumes(self):
        """Nova wants the root disk named as soon as another one is."""
        source = types.SimpleNamespace(
            flavor_id='f', metadata={}, user_data=None, tags=(),
            config_drive=False, zone='', disk_config=None)
        made = copies.body(
            source, [], name='n', description='d', image_id='i',
            key_name=None, volumes=[types.SimpleNamespace(
                id='v', root=False, delete=True, tag=None)])
        self.assertEqual(
            [{'uuid': 'i', 'source_type': 'image',
              'destination_type': 'local', 'boot_index': 0,
              'delete_on_termination': True},
             {'uuid': 'v', 'source_type': 'volume',
              'destination_type': 'volume', 'boot_index': -1,
              'delete_on_termination': True}],
            made['block_device_mapping_v2'])
        self.assertEqual('i', made['imageRef'])
