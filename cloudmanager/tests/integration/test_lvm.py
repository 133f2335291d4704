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


class VolumesTestCase(testtools.TestCase):
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

    def test_written_to_meanwhile(self):
        """Mirrored, moved and un-mirrored; no block is lost or old."""
        path = self.add('one', 128)
        self.machine.call(f'{INSIDE}:begin_writing', path=path)
        self.assertEqual(2, len(self.mirror(2)['devices']))
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
