# SPDX-License-Identifier: Apache-2.0
"""Files on file systems that may hang, one of which does."""

import os

import fixtures

from cloudmanager.common import exception
from cloudmanager.common import mounted
from cloudmanager.common import mounted_file
from cloudmanager.tests import base
from cloudmanager.tests import hung_mount


class DirectoryTestCase(base.TestCase):

    def directory_of(self, path, timeout=20.0, must_be_mounted=False):
        return mounted.Directory(str(path), timeout, must_be_mounted)

    def refused(self, function, *arguments):
        return str(self.assertRaises(exception.Unavailable, function,
                                     *arguments))

    def test_write_and_read(self):
        found = self.directory_of(self.directory)
        left = self.directory / '.a.json.x.new'
        left.write_text('of one that was killed')
        other = self.directory / '.b.json.x.new'
        other.touch()
        content = os.urandom(3 << 20)
        found.write('a.json', content)
        self.assertEqual(content, found.read('a.json'))
        self.assertEqual({'a.json', other.name},
                         set(os.listdir(self.directory)))
        self.assertEqual(0o644,
                         (self.directory / 'a.json').stat().st_mode & 0o777)

    def test_link(self):
        """A link is replaced, never followed."""
        target = self.directory / 'target'
        target.write_text('before')
        link = self.directory / 'a.json'
        link.symlink_to(target)
        found = self.directory_of(self.directory)
        self.assertIn('symbolic links', self.refused(found.read, 'a.json'))
        found.write('a.json', b'x')
        self.assertEqual('before', target.read_text())
        self.assertFalse(link.is_symlink())

    def test_errors(self):
        found = self.directory_of(self.directory / 'none')
        self.assertIn('No such file', self.refused(found.write, 'a', b'x'))
        self.assertIn('No such file', self.refused(found.read, 'a'))
        # A pipe is not waited for.
        os.mkfifo(self.directory / 'pipe')
        self.assertEqual(b'', self.directory_of(self.directory).read('pipe'))

    def test_not_mounted(self):
        found = self.directory_of('/', must_be_mounted=True)
        self.assertIn('not mounted', self.refused(found.write, 'a', b'x'))

    def test_not_mounted_on_host(self):
        """In a container the root of the host is not a share either."""
        device = os.stat('/proc').st_dev
        line = '30 1 {}:{} / {} rw,relatime shared:1 - ext4 /dev/vda1 rw\n'
        mounts = self.directory / 'mountinfo'
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.common.mounted_file.MOUNTS', str(mounts)))
        place = os.major(device), os.minor(device)
        mounts.write_text(line.format(0, 0, '/')
                          + line.format(*place, '/mnt'))
        mounted_file.check_mounted('/proc')
        mounts.write_text(line.format(*place, '/'))
        self.assertIn('not mounted', str(self.assertRaises(
            OSError, mounted_file.check_mounted, '/proc')))

    def test_hung(self):
        """One process waits there, and no second one joins it."""
        if hung_mount.why_not():
            self.skipTest(hung_mount.why_not())
        mount = self.useFixture(hung_mount.HungMount(self.directory))
        found = self.directory_of(self.directory, 0.5, True)
        self.assertIn('within 0.5 s', self.refused(found.write, 'a', b'x'))
        self.assertTrue(mount.touched.is_set())
        self.assertIn('hangs since', self.refused(found.write, 'a', b'x'))
        mount.let_go()

        def writes():
            try:
                self.directory_of(self.directory).write('a', b'x')
                found.write('a', b'x')
            except exception.Unavailable as exc:
                return 'not mounted' in str(exc)
            return True
        base.wait_for(writes, 20)
