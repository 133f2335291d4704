# SPDX-License-Identifier: Apache-2.0
"""The agent's operations on volumes, on LVM of a real Debian machine."""

import pathlib
import sys
import time

import fixtures
import testtools

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / 'tools'))

import nodevmlib  # noqa: E402

INSIDE = 'cloudmanager.tests.integration.lvm_inside'
FIRST, SECOND, THIRD = '/dev/ubdb', '/dev/ubdc', '/dev/ubdd'
MIB = 1024 ** 2
SECONDS = 100


class VolumesCase(testtools.TestCase):
    """A machine with three disks in a volume group ``vol``."""

    def setUp(self):
        super().setUp()
        lacking = nodevmlib.missing()
        if lacking:
            self.skipTest(f'packages are missing: {", ".join(lacking)}')
        directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        disks = []
        for name in 'bcd':
            disks.append(directory / name)
            with disks[-1].open('wb') as stream:
                stream.truncate(1024 * MIB)
        self.machine = nodevmlib.Machine(disks, nodevmlib.build(),
                                         directory / 'vm', lifetime=400)
        self.addCleanup(self.machine.kill)
        self.machine.start()
        self.machine.use(str(ROOT), *nodevmlib.site_directories())
        self.machine.run('vgcreate', '--quiet', 'vol', FIRST, SECOND, THIRD)

    def add(self, name, size_mb):
        """Make a volume on the first disk; return its path."""
        self.machine.run('lvcreate', '--quiet', '--yes', '--wipesignatures',
                         'n', '--size', f'{size_mb}m', '--name', name,
                         'vol', FIRST)
        return f'/dev/vol/{name}'

    def ask(self, name, **arguments):
        """Have the agent carry out an operation; return its result."""
        answer = self.machine.call(f'{INSIDE}:operation',
                                   name=f'lvm.{name}', arguments=arguments)
        self.assertNotIn('error', answer)
        return answer['result']

    def wait(self, is_over, name, **arguments):
        """Ask for a status until it is as it should be; return it.

        At once, even if the command that was begun has not ended.
        """
        until = time.monotonic() + SECONDS
        while True:
            status = self.ask(name, **arguments)
            self.assertIsNone(status['error'])
            if is_over(status):
                return status
            self.assertLess(time.monotonic(), until, status)
            time.sleep(0.2)

    def mirror(self, copies):
        self.ask('mirror.begin', vg='vol', lv='one', copies=copies)
        return self.wait(lambda status: status['copies'] == copies
                         and status['in_sync'] and not status['running'],
                         'mirror.status', vg='vol', lv='one')


class VolumesTestCase(VolumesCase):

    def check_parts(self):
        """Parts are told from volumes, even if LVM names them the same."""
        self.machine.run('sh', '-c', 'echo "report/mark_hidden_devices=0"'
                         ' >>/etc/lvm/lvmlocal.conf')
        self.assertNotIn('[', self.machine.run('lvs', '--all', 'vol'))
        (group,) = self.ask('report')
        self.assertEqual(
            {'one': False, 'one_rimage_0': True, 'one_rimage_1': True,
             'one_rmeta_0': True, 'one_rmeta_1': True},
            {volume['name']: volume['is_internal']
             for volume in group['volumes']})

    def test_written_to_meanwhile(self):
        """Mirrored, moved and un-mirrored; no block is lost or old."""
        path = self.add('one', 128)
        self.machine.call(f'{INSIDE}:begin_writing', path=path)
        self.assertEqual(2, len(self.mirror(2)['devices']))
        self.check_parts()
        move = {'vg': 'vol', 'lv': 'one', 'source': FIRST}
        self.ask('migrate.begin', **move)
        status = self.wait(
            lambda found: not found['left'] and not found['running'],
            'migrate.status', **move)
        self.assertEqual({SECOND, THIRD}, set(status['devices']))
        self.assertEqual(1, len(self.mirror(1)['devices']))
        written, wrong = self.machine.call(f'{INSIDE}:end_writing',
                                           path=path)
        self.assertGreater(written, 100)
        self.assertEqual([], wrong)


class CrashTestCase(VolumesCase):
    """Moves that take their time, so that something can happen meanwhile.

    Nobody but the agent goes on with a move here: LVM does not activate
    anything by itself when the machine comes up.
    """

    size_mb = 448

    def setUp(self):
        super().setUp()
        self.machine.run('sh', '-c', 'echo "global/event_activation=0"'
                         ' >>/etc/lvm/lvmlocal.conf; sync')
        self.path = self.add('one', self.size_mb)
        self.machine.call(f'{INSIDE}:stamp', path=self.path)
        self.sum = self.checksum()
        self.move = {'vg': 'vol', 'lv': 'one', 'source': FIRST}

    def checksum(self):
        return self.machine.call(f'{INSIDE}:checksum', path=self.path,
                                 timeout=SECONDS)

    def slow_down(self, share):
        """Let the kernel copy for so many hundredths of the time."""
        self.machine.run('sh', '-c', f'echo {share} >/sys/module/dm_mirror/'
                                     'parameters/raid1_resync_throttle')

    def begin(self, percent):
        """Begin a move; return its state when it is so far."""
        self.slow_down(2)
        self.ask('migrate.begin', destination=SECOND, **self.move)
        return self.wait(
            lambda found: found['moving'] and found['percent'] is not None
            and found['percent'] >= percent, 'migrate.status', **self.move)

    def test_cancelled_then_killed(self):
        """LK8: aborted, all is as before; cut off, the agent ends it."""
        self.begin(3)
        self.ask('migrate.cancel', **self.move)
        status = self.wait(
            lambda found: not found['moving'] and not found['running'],
            'migrate.status', **self.move)
        self.assertEqual([FIRST], status['devices'])
        self.assertEqual(self.sum, self.checksum())

        self.assertLess(self.begin(15)['percent'], 90)
        self.machine.kill()
        self.machine.start()
        report = self.machine.run('lvs', '--all', '--noheadings', '--options',
                                  'lv_name,move_pv', 'vol')
        self.assertIn(FIRST, report)
        status = self.wait(
            lambda found: not found['left'] and not found['running'],
            'migrate.status', **self.move)
        self.assertEqual([SECOND], status['devices'])
        self.machine.run('lvchange', '--activate', 'y', 'vol/one')
        self.assertEqual(self.sum, self.checksum())
