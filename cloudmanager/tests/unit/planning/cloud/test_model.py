# SPDX-License-Identifier: Apache-2.0
"""Capacity as in Placement, and the indexes of the model."""

import unittest

from cloudmanager.planning import options
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.tests.unit.planning import factory


class InventoryTestCase(unittest.TestCase):
    def test_capacity(self) -> None:
        rows = (
            (model.Inventory(16), 16),
            (model.Inventory(16, 2), 14),
            (model.Inventory(16, 2, 4.0), 56),
            (model.Inventory(1000, 0, 1.5), 1500),
            (model.Inventory(0), 0),
        )
        for inventory, capacity in rows:
            with self.subTest(inventory=inventory):
                self.assertEqual(capacity, inventory.capacity)

    def test_takes_respects_units(self) -> None:
        inventory = model.Inventory(64, min_unit=4, max_unit=16, step_size=4)
        rows = ((3, False), (4, True), (6, False), (16, True), (20, False))
        for amount, takes in rows:
            with self.subTest(amount=amount):
                self.assertEqual(takes, inventory.takes(amount))


class BinTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        host = factory.host('a', used={'VCPU': 8, 'MEMORY_MB': 4096})
        self.bin = ledger.Bin(host, options.DEFAULT)

    def test_fits_to_the_last_unit(self) -> None:
        self.assertTrue(self.bin.fits({'VCPU': 8}))
        self.assertFalse(self.bin.fits({'VCPU': 9}))

    def test_class_without_inventory_does_not_fit(self) -> None:
        self.assertFalse(self.bin.fits({'VGPU': 1}))
        self.assertTrue(self.bin.fits({'VGPU': 0}))

    def test_headroom_binds_load_classes_only(self) -> None:
        host = factory.host('a', inventory={'VGPU': model.Inventory(2)})
        bin_ = ledger.Bin(host, options.Options(max_projected_usage=0.5))
        self.assertTrue(bin_.fits({'VCPU': 8, 'VGPU': 2}))
        self.assertFalse(bin_.fits({'VCPU': 9}))

    def test_add_and_take_back(self) -> None:
        before = dict(self.bin.used)
        self.bin.add({'VCPU': 4})
        self.assertEqual(0.75, self.bin.usage()['VCPU'])
        self.bin.add({'VCPU': 4}, -1)
        self.assertEqual(before, self.bin.used)

    def test_shortage_names_each_class(self) -> None:
        worst, short = self.bin.shortage({'VCPU': 12, 'MEMORY_MB': 12288})
        self.assertEqual({'VCPU': 4.0}, short)
        self.assertEqual(0.25, worst)

    def test_shortage_of_what_is_not_there(self) -> None:
        none = model.Inventory(0)
        host = factory.host('a', inventory={'VGPU': none})
        bin_ = ledger.Bin(host, options.DEFAULT)
        for name in ('VGPU', 'FPGA'):
            self.assertEqual((1e9, {name: 1}), bin_.shortage({name: 1}))
            self.assertEqual((0, {}), bin_.shortage({name: 0}))

    def test_shortage_is_rounded(self) -> None:
        host = factory.host('a', inventory={
            'VGPU': model.Inventory(1, allocation_ratio=0.33333)})
        _, short = ledger.Bin(host, options.DEFAULT).shortage({'VGPU': 1})
        self.assertEqual({'VGPU': 0.667}, short)

    def test_headroom_adds_no_room(self) -> None:
        bin_ = ledger.Bin(factory.host('a'),
                          options.Options(max_projected_usage=2.0))
        self.assertTrue(bin_.fits({'VCPU': 16}))
        self.assertFalse(bin_.fits({'VCPU': 17}))

    def test_usage(self) -> None:
        """Of what there is, now and before; a third is 0.3333."""
        host = factory.host('a', vcpus=3, used={'VCPU': 1, 'MEMORY_MB': 4096},
                            inventory={'VGPU': model.Inventory(0)})
        bin_ = ledger.Bin(host, options.DEFAULT)
        before = {'DISK_GB': 0, 'MEMORY_MB': 0.25, 'VCPU': 0.3333}
        self.assertEqual(before, bin_.usage())
        bin_.add({'VCPU': 1, 'VGPU': 1, 'FPGA': 1})
        self.assertEqual({**before, 'VCPU': 0.6667}, bin_.usage())
        self.assertEqual(before, bin_.usage(before=True))

    def test_load(self) -> None:
        """The fullest class counts, then the sum of all."""
        self.assertAlmostEqual(0.5 + 0.0075, self.bin.load_with({}))
        self.assertAlmostEqual(0.75 + 0.0125, self.bin.load_with(
            {'VCPU': 4, 'MEMORY_MB': 4096}))


class CloudTestCase(unittest.TestCase):
    def test_dr2_only_the_exact_host(self) -> None:
        """DR2: node1 is neither node10 nor node11."""
        cloud = factory.cloud(
            [factory.host(name) for name in ('node1', 'node10', 'node11')],
            [
                factory.server('a', 'node1'),
                factory.server('b', 'node10'),
                factory.server('c', 'node11'),
            ],
        )
        found = [item.id for item in cloud.servers_on('node1')]
        self.assertEqual(['a'], found)
        for name in ('node', 'NODE1', 'node1 ', 'node1*', ''):
            with self.subTest(name=name):
                self.assertRaises(model.UnknownHost, cloud.host, name)

    def test_groups_by_either_side(self) -> None:
        cloud = factory.cloud(
            [factory.host('src')],
            [factory.server('a', group_id='g'), factory.server('b')],
            [model.Group('g', model.AFFINITY, frozenset({'b', 'gone'}))],
        )
        members = sorted(item.id for item in cloud.members_of['g'])
        self.assertEqual(['a', 'b'], members)


class WordsTestCase(unittest.TestCase):
    """What Nova, Placement and the configuration call things."""

    def test_words(self) -> None:
        self.assertEqual(
            ('affinity', 'anti-affinity', 'soft-affinity',
             'soft-anti-affinity', 'all'),
            (model.AFFINITY, model.ANTI_AFFINITY, model.SOFT_AFFINITY,
             model.SOFT_ANTI_AFFINITY, model.EVERYWHERE))

    def test_largest_unit(self) -> None:
        """What Placement takes where nothing is said."""
        inventory = model.Inventory(2 ** 32)
        self.assertTrue(inventory.takes(2 ** 31 - 1))
        self.assertFalse(inventory.takes(2 ** 31))


class UnknownTestCase(unittest.TestCase):
    """What nobody has told is empty, and stands in nobody's way."""

    def test_server(self) -> None:
        server = model.Server('a')
        self.assertEqual({''}, {
            server.name, server.host, server.vm_state, server.project_id,
            server.flavor, server.image, server.availability_zone,
            server.resize_source})
        self.assertEqual((0, False, False, False, False), (
            server.size_mb, server.local_disk, server.bound, server.locked,
            server.passthrough))
        self.assertEqual({}, {**server.resources, **server.metadata,
                              **server.refuses})

    def test_host(self) -> None:
        host = model.Host('h')
        self.assertEqual({''}, {host.provider_uuid, host.zone, host.cell,
                                host.hypervisor_type, host.out_of_use})
        self.assertEqual((0, {}, {}), (host.hypervisor_version,
                                       host.inventory, host.used))

    def test_group(self) -> None:
        """A group that the cloud does not have is none."""
        self.assertEqual('', model.Group('g', model.AFFINITY).name)
        cloud = model.Cloud.of([], [model.Server('a', group_id='gone')],
                               [model.Group('g', model.AFFINITY)])
        self.assertEqual({}, cloud.group_of)
        self.assertEqual({'g': []}, cloud.members_of)
