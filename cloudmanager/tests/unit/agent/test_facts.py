# SPDX-License-Identifier: Apache-2.0
"""What a node consists of, from outputs of its tools."""

import json
import os

import fixtures

from cloudmanager.agent import facts
from cloudmanager.tests import base

LSCPU = {'lscpu': [
    {'field': 'Architecture:', 'data': 'x86_64', 'children': [
        {'field': 'CPU op-mode(s):', 'data': '32-bit, 64-bit'}]},
    {'field': 'CPU(s):', 'data': '4'},
    {'field': 'NUMA:', 'data': None, 'children': [
        {'field': 'NUMA node0 CPU(s):', 'data': '0-3'}]}]}
LSCPU_OLD = {'lscpu': [{'field': 'Architecture:', 'data': 'x86_64'},
                       {'field': 'CPU(s):', 'data': '2'}]}
LSPCI = ('Slot:\t0000:00:02.0\nClass:\tEthernet controller\n'
         'Device:\tVirtio: network device\nRev:\t01\n\n'
         'Slot:\t0000:00:03.0\nClass:\tSCSI storage controller\n')


class HardwareTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.config(group='agent', privileged='none', command_timeout=20)
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', f'{self.directory}:/usr/bin:/bin'))
        self.print('lscpu', json.dumps(LSCPU))
        self.print('lsblk', json.dumps({'blockdevices': [
            {'name': 'vda', 'size': 1024, 'model': "it's"}]}))
        self.print('ip', json.dumps([{'ifname': 'lo'}]))
        self.print('lspci', LSPCI)

    def print(self, name, text, status=0):
        """Have a program print a text."""
        data = self.directory / f'{name}.txt'
        data.write_text(text)
        path = self.directory / name
        path.write_text(f'#!/bin/sh\ncat {data}\nexit {status}\n')
        path.chmod(0o755)

    def test_all(self):
        found = facts.hwinfo(None)
        self.assertEqual(
            {'Architecture': 'x86_64', 'CPU op-mode(s)': '32-bit, 64-bit',
             'CPU(s)': '4', 'NUMA node0 CPU(s)': '0-3'}, found['cpu'])
        self.assertEqual("it's", found['disks'][0]['model'])
        self.assertEqual([{'ifname': 'lo'}], found['interfaces'])
        self.assertEqual(
            [{'Slot': '0000:00:02.0', 'Class': 'Ethernet controller',
              'Device': 'Virtio: network device', 'Rev': '01'},
             {'Slot': '0000:00:03.0', 'Class': 'SCSI storage controller'}],
            found['pci'])
        self.assertGreater(found['memory']['MemTotal'], 0)
        self.assertLessEqual(set(found['reasons']), {'firmware'})

    def test_older_lscpu(self):
        self.print('lscpu', json.dumps(LSCPU_OLD))
        self.assertEqual({'Architecture': 'x86_64', 'CPU(s)': '2'},
                         facts.hwinfo(None)['cpu'])

    def test_what_cannot_be_had(self):
        """Null with a reason, and the rest all the same."""
        os.unlink(self.directory / 'lspci')
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', str(self.directory)))
        for name in ('lscpu', 'lsblk', 'ip'):
            path = self.directory / name
            path.write_text('#!/bin/sh\n' + {
                'lscpu': 'echo "{"', 'lsblk': 'echo "[]"',
                'ip': 'echo broken >&2; exit 1'}[name] + '\n')
        found = facts.hwinfo(None)
        for name, why in (('cpu', 'does not answer JSON'), ('disks', ''),
                          ('interfaces', 'broken'),
                          ('pci', 'not installed')):
            self.assertIsNone(found[name], name)
            self.assertIn(why, found['reasons'][name])
        self.assertGreater(found['memory']['MemTotal'], 0)
