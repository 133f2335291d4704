# SPDX-License-Identifier: Apache-2.0
"""The load of the machine, from its own kernel and from files."""

import fixtures

from cloudmanager.agent import load
from cloudmanager.domain import load_reports
from cloudmanager.tests import base

MOUNTS = '''\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 21 0:45 / /srv rw - nfs4 filer:/srv rw
31 30 0:46 / /srv/with\\040blank rw - ceph mon:/ rw
32 21 0:47 / /var/lib/nova/instances rw - xfs /dev/vdb rw
'''


class HostLoadTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 0.0
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.common.clock.monotonic', lambda: self.now))
        for name in ('cpu', 'memory', 'io'):
            self.press(name, 1_000_000)
        self.patch('_PRESSURE', self.directory)
        self.config(group='agent', instances_path=str(self.directory))

    def patch(self, name, value):
        self.useFixture(fixtures.MonkeyPatch(
            f'cloudmanager.agent.load.{name}', value))

    def press(self, name, total):
        (self.directory / name).write_text(
            f'some avg10=0.00 avg60=0.00 avg300=0.00 total={total}\n'
            'full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n')

    def test_this_machine(self):
        """What this kernel tells is within what is possible."""
        host = load.HostLoad()
        self.now += 10
        values, reasons = host.take()
        self.assertEqual(set(load_reports.HOST), set(values))
        self.assertGreater(values['memory_mb'], 10)
        self.assertGreater(values['disk_gb'], 0)
        self.assertGreaterEqual(values['cpus'], 0)
        self.assertEqual({name for name, value in values.items()
                          if value is None}, set(reasons))

    def test_averages(self):
        """Each value is an average since the one before."""
        host = load.HostLoad()
        self.press('cpu', 6_000_000)
        self.now += 10
        self.assertEqual(0.5, host.take()[0]['cpu_pressure'])
        self.now += 10
        self.assertEqual(0, host.take()[0]['cpu_pressure'])
        self.press('cpu', 2_000_000)
        self.now += 10
        values, reasons = host.take()
        self.assertIsNone(values['cpu_pressure'])
        self.assertEqual('it was not measured twice',
                         reasons['cpu_pressure'])

    def test_no_pressure(self):
        self.patch('_PRESSURE', self.directory / 'none')
        host = load.HostLoad()
        self.now += 10
        values, reasons = host.take()
        self.assertIsNone(values['io_pressure'])
        self.assertIn('No such file', reasons['io_pressure'])
        self.assertIsNotNone(values['memory_mb'])

    def test_file_systems(self):
        """A share that may hang is known without being touched."""
        table = self.directory / 'mounts'
        table.write_text(MOUNTS)
        self.patch('_MOUNTS', table)
        for path, kind in (('/', 'ext4'), ('/srv2', 'ext4'),
                           ('/srv', 'nfs4'), ('/srv/with blank/x', 'ceph'),
                           ('/srv/../srv/x', 'nfs4'),
                           ('/var/lib/nova/instances', 'xfs'),
                           ('/var/lib/nova', 'ext4')):
            self.assertEqual(kind, load.file_system(path), path)
        self.config(group='agent', instances_path='/srv/instances')
        values, reasons = load.HostLoad().take()
        self.assertIsNone(values['disk_gb'])
        self.assertIn('network share (nfs4)', reasons['disk_gb'])


    def test_link_to_a_share(self):
        """The share behind a link is not touched either."""
        share = self.directory / 'share'
        (share / 'vms').mkdir(parents=True)
        table = self.directory / 'mounts'
        table.write_text(MOUNTS + f'33 21 0:48 / {share} rw - nfs4 x:/ rw\n')
        self.patch('_MOUNTS', table)
        (self.directory / 'lib').symlink_to('share/../share/vms')
        (self.directory / 'first').symlink_to(self.directory / 'lib')
        (self.directory / 'loop').symlink_to('loop')
        (self.directory / 'near').symlink_to('../' + self.directory.name)
        for name, why in (('first', 'network share (nfs4)'),
                          ('loop', 'too many links'), ('near', None)):
            self.config(group='agent',
                        instances_path=str(self.directory / name))
            values, reasons = load.HostLoad().take()
            self.assertEqual(why is None, values['disk_gb'] is not None)
            self.assertIn(why or '', reasons.get('disk_gb', ''))


class CheckTestCase(base.TestCase):
    """Reports are input from outside."""

    ID = '17b15142-1123-409b-a645-64c739f7f506'

    def test_what_is_kept(self):
        host, guests, reasons = load_reports.check({
            'host': {'cpus': 1.5, 'memory_mb': True, 'disk_gb': -1,
                     'io_pressure': float('nan'), 'x': 1},
            'guests': {self.ID: {'cpus': 1, 'memory_mb': '1'},
                       self.ID.upper(): {'cpus': 1}, 'x': {'cpus': 1},
                       self.ID[:-1] + '7': 5},
            'reasons': {'disk_gb': 'y' * 500, 'x': 'y'}})
        self.assertEqual({'cpus': 1.5}, {
            name: value for name, value in host.items()
            if value is not None})
        self.assertEqual(set(load_reports.HOST), set(host))
        self.assertEqual({self.ID: {'cpus': 1.0}}, guests)
        self.assertEqual({'disk_gb': 'y' * 200}, reasons)

    def test_no_load(self):
        good = {'host': {}, 'guests': {}, 'reasons': {}}
        self.assertIsNotNone(load_reports.check(good))
        many = {str(number): {} for number in
                range(load_reports.MAX_GUESTS + 1)}
        for wrong in (None, [], {}, {**good, 'host': []},
                      {**good, 'guests': many}, {**good, 'reasons': 'x'}):
            self.assertIsNone(load_reports.check(wrong))
