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
