# SPDX-License-Identifier: Apache-2.0
"""What a node consists of, from outputs of its tools."""

import json
import os
import pathlib

import fixtures

from cloudmanager.agent import facts
from cloudmanager.agent import sysfs
from cloudmanager.tests import base

#: What a machine of QEMU with two sockets and two NUMA nodes has told.
SAMPLES = pathlib.Path(__file__).with_name('samples')
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
        self.write('dmidecode', f'cat "{SAMPLES}/dmidecode-$2.txt"')

    def print(self, name, text, status=0):
        """Have a program print a text."""
        data = self.directory / f'{name}.txt'
        data.write_text(text)
        self.write(name, f'cat {data}\nexit {status}')

    def write(self, name, text):
        """Write a program for the shell."""
        path = self.directory / name
        path.write_text(f'#!/bin/sh\n{text}\n')
        path.chmod(0o755)

    def use_sys(self):
        """Have the sample's ``/sys`` read; return where it is."""
        root = self.directory / 'sys'
        for name, text in json.loads(
                (SAMPLES / 'sys.json').read_text()).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for cpu in range(4):
            node = f'devices/system/node/node{cpu // 2}'
            (root / f'devices/system/cpu/cpu{cpu}/node{cpu // 2}'
             ).symlink_to(root / node)
        self.patch(sysfs, 'ROOT', root)
        return root

    def test_all(self):
        found = facts.hwinfo(None)
        self.assertEqual(
            {'Architecture': 'x86_64', 'CPU op-mode(s)': '32-bit, 64-bit',
             'CPU(s)': '4', 'NUMA node0 CPU(s)': '0-3'}, found['cpu'])
        self.assertEqual("it's", found['disks'][0]['model'])
        self.assertEqual([{'ifname': 'lo', 'driver': None, 'speed': None,
                           'numa_node': None}], found['interfaces'])
        self.assertEqual(
            [{'Slot': '0000:00:02.0', 'Class': 'Ethernet controller',
              'Device': 'Virtio: network device', 'Rev': '01'},
             {'Slot': '0000:00:03.0', 'Class': 'SCSI storage controller'}],
            found['pci'])
        self.assertGreater(found['memory']['MemTotal'], 0)
        self.assertLessEqual(set(found['reasons']), {'firmware', 'numa'})

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

    def test_topology(self):
        """By the kernel, and the same as what lscpu has found there."""
        root = self.use_sys()
        self.print('lscpu', (SAMPLES / 'lscpu.json').read_text())
        found = facts.hwinfo(None)
        self.assertEqual({'cores': [
            {'socket': cpu // 2, 'die': cpu // 2, 'core': cpu % 2,
             'node': cpu // 2, 'cpus': [cpu]} for cpu in range(4)],
            'offline': []}, found['topology'])
        self.assertEqual([
            {'node': 0, 'cpus': '0-1', 'memory_kib': 514396,
             'distances': [10, 21], 'huge_pages': {'2048': 0}},
            {'node': 1, 'cpus': '2-3', 'memory_kib': 416536,
             'distances': [21, 10], 'huge_pages': {'2048': 0}}],
            found['numa'])
        self.assertEqual(('2', '2', '2,3'), tuple(
            found['cpu'][name] for name in (
                'Socket(s)', 'NUMA node(s)', 'NUMA node1 CPU(s)')))
        # Two threads of a core, and a CPU that was switched off.
        cpus = root / 'devices/system/cpu'
        (cpus / 'cpu1/topology/core_id').write_text('0\n')
        for name in ('physical_package_id', 'core_id', 'die_id'):
            (cpus / f'cpu3/topology/{name}').unlink()
        found = sysfs.topology()
        self.assertEqual(([[0, 1], [2]], [3]), (
            [core['cpus'] for core in found['cores']], found['offline']))

    def test_own_topology(self):
        """Of the machine that the test runs on."""
        found = sysfs.topology()
        processors = [line for line in pathlib.Path(
            '/proc/cpuinfo').read_text().splitlines()
            if line.startswith('processor')]
        self.assertEqual(len(processors), sum(
            len(core['cpus']) for core in found['cores']))

    def test_no_topology(self):
        self.patch(sysfs, 'ROOT', self.directory / 'nothing')
        found = facts.hwinfo(None)
        for name, word in (('topology', 'topology'), ('numa', 'NUMA')):
            self.assertIsNone(found[name])
            self.assertIn(word, found['reasons'][name])

    def test_interface(self):
        """The driver and so on; -1 is what the kernel does not know."""
        device = self.use_sys() / 'class/net/eth0/device'
        driver = self.directory / 'drivers/ixgbe'
        for path in (device, driver):
            path.mkdir(parents=True)
        (device / 'driver').symlink_to(driver)
        (device.parent / 'speed').write_text('25000\n')
        (device / 'numa_node').write_text('-1\n')
        self.print('ip', json.dumps([{'ifname': 'eth0', 'mtu': 1500}]))
        self.assertEqual([{'ifname': 'eth0', 'mtu': 1500, 'driver': 'ixgbe',
                           'speed': 25000, 'numa_node': None}],
                         facts.hwinfo(None)['interfaces'])

    def test_dmi(self):
        found = facts.hwinfo(None)
        self.assertEqual([{
            'Array Handle': '0x1000', 'Size': '1 GB', 'Form Factor': 'DIMM',
            'Locator': 'DIMM 0', 'Bank Locator': 'B', 'Type': 'RAM',
            'Type Detail': 'Other', 'Speed': '3200 MT/s',
            'Manufacturer': 'Maker', 'Serial Number': 'MS',
            'Part Number': 'PN-1', 'Configured Memory Speed': '3200 MT/s'}],
            found['memory_modules'])
        self.assertEqual({
            'system_serial': 'SN-1', 'system_uuid': None,
            'board_serial': 'BS-1', 'chassis_serial': 'CS-1',
            'chassis_asset_tag': None}, found['serials'])

    def test_no_dmi(self):
        for text, why in (
                ('echo "/dev/mem: No such file or directory" >&2; exit 1',
                 '/dev/mem'),
                ('echo "# dmidecode 3.4"', 'does not tell')):
            self.write('dmidecode', text)
            found = facts.hwinfo(None)
            for name in ('memory_modules', 'serials'):
                self.assertIsNone(found[name])
                self.assertIn(why, found['reasons'][name])
