# SPDX-License-Identifier: Apache-2.0
"""What is told of volumes that Cinder and LVM do not agree on."""

from cloudmanager.conductor.volumes import backends
from cloudmanager.conductor.volumes import differences
from cloudmanager.conductor.volumes import views
from cloudmanager.domain import lvm
from cloudmanager.tests import base
from cloudmanager.tests.unit.conductor import volume_case

ONE, TWO = volume_case.ONE, volume_case.TWO
GIB = 1024 ** 3


class ListTestCase(volume_case.VolumeCase):

    def furnish(self):
        """Volumes as large as Cinder says."""
        for device, key in (('/dev/sdb', ONE), ('/dev/sdc', TWO)):
            self.lvm.add_device(device, extents=1000)
            self.lvm.add(f'volume-{key}', device, extents=256)

    def list(self):
        found = views.list_volumes(self.context, self.tools)
        return [item['id'] for item in found['volumes']], found['warnings']

    def test_none(self):
        """What is none of Cinder's is none."""
        self.lvm.add('others', '/dev/sdc')
        self.assertEqual(([TWO, ONE], []), self.list())

    def test_some(self):
        """What is only in Cinder, and what has another size in LVM."""
        self.lvm.volumes[f'volume-{TWO}'].extents = 128
        self.cinder.volume_list += [
            volume_case.volume(f'gone-{number}') for number in range(5)]
        self.assertEqual(([TWO, ONE], [
            'Volume group vol of host stor1 has no logical volume of gone-0, '
            'gone-1, gone-2 and 2 others, which Cinder has on backend fast.',
            'Sizes in volume group vol of host stor1 differ from those in '
            f'Cinder: {TWO} (1 GiB in Cinder, 0.5 GiB in LVM).',
        ]), self.list())

    def test_unsettled(self):
        """What Cinder is working at is not compared."""
        self.lvm.volumes[f'volume-{TWO}'].extents = 128
        self.cinder.volume_list = [
            volume_case.volume('gone', status='creating'),
            volume_case.volume(TWO, status='extending')]
        self.assertEqual(([TWO], []), self.list())

    def test_silent_agent(self):
        """What is not known is no difference."""
        self.agents.silent = True
        found, (warning,) = self.list()
        self.assertEqual([], found)
        self.assertIn('is left out', warning)


class ExtentsTestCase(base.TestCase):

    def warnings(self, size_gb, size, extent):
        backend = backends.of_pool(volume_case.pool())
        logical = lvm.LogicalVolume(f'volume-{ONE}', 'x', '-wi-a-----', size,
                                    ())
        group = lvm.VolumeGroup('vol', 'y', 'wz--n-', 100 * GIB, 0, extent,
                                (logical,))
        found = differences.Differences()
        found.look(volume_case.volume(size_gb=size_gb), backend, group,
                   logical)
        return found.warnings()

    def test_rounded_up(self):
        """LVM gives whole extents; that is no difference."""
        self.assertEqual([], self.warnings(4, 6 * GIB, 3 * GIB))

    def test_short(self):
        self.assertIn('4 GiB in Cinder, 3 GiB in LVM',
                      self.warnings(4, 3 * GIB, 3 * GIB)[0])

    def test_an_extent_too_many(self):
        self.assertIn('1 GiB in Cinder, 1.00391 GiB in LVM',
                      self.warnings(1, GIB + 4 * 1024 ** 2, 4 * 1024 ** 2)[0])
