# SPDX-License-Identifier: Apache-2.0
"""Files of a directory that is not ours alone."""

import os
import threading

from cloudmanager.conductor.pxe import directory
from cloudmanager.domain import pxe
from cloudmanager.tests import base

MAC, OTHER = '52:54:00:12:34:56', '52:54:00:12:34:57'
NAME = '01-52-54-00-12-34-56'
CONTENT = pxe.content(1, 2, 'root=test')


class DirectoryTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.path = self.directory / 'pxelinux.cfg'
        self.path.mkdir()
        self.files = directory.Directory(str(self.path))
        self.file = self.path / NAME

    def names(self):
        return sorted(os.listdir(self.path))

    def test_written_and_removed(self):
        old = os.umask(0o077)
        self.addCleanup(os.umask, old)
        self.files.write(MAC, CONTENT)
        self.assertEqual([NAME], self.names())
        self.assertEqual((CONTENT, 0o100644), (
            self.file.read_bytes(), self.file.stat().st_mode))
        self.assertEqual(CONTENT, self.files.read(MAC))
        self.files.write(MAC, CONTENT + b'more')
        self.assertEqual(CONTENT + b'more', self.files.read(MAC))
        self.files.remove(MAC)
        self.files.remove(MAC)
        self.assertEqual([], self.names())
        self.assertIsNone(self.files.read(MAC))

    def test_never_a_part(self):
        """Who reads meanwhile sees the old file or the new one, whole."""
        whole = {pxe.content(1, number, 'x' * 60000) for number in (2, 3)}
        self.files.write(MAC, min(whole))
        stop, seen = threading.Event(), set()

        def look():
            while not stop.is_set():
                seen.add(self.file.read_bytes())

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        for _ in range(50):
            for content in whole:
                self.files.write(MAC, content)
        stop.set()
        thread.join(10)
        self.assertLessEqual(seen, whole)

    def test_macs(self):
        for name in ('default', NAME, NAME + '.bak', '01-52-54', 'C0A80001',
                     '02-52-54-00-12-34-56', NAME.upper()):
            (self.path / name).write_text('x')
        self.assertEqual({MAC}, self.files.macs())

    def test_what_is_not_ours(self):
        """Neither a file without our mark nor what only looks like one."""
        target = self.directory / 'target'
        target.write_bytes(CONTENT)
        self.file.write_text('default local')
        self.assertRaises(directory.NotOurs, self.files.read, MAC)
        for make in (lambda: self.file.symlink_to(target),
                     lambda: self.file.symlink_to('nowhere'),
                     lambda: os.mkfifo(self.file),
                     self.file.mkdir):
            if self.file.exists() or self.file.is_symlink():
                self.file.unlink()
            make()
            self.assertRaises(directory.NotOurs, self.files.read, MAC)

    def test_mode(self):
        """A file that a TFTP server cannot give out is written anew."""
        self.files.write(MAC, CONTENT)
        self.file.chmod(0o600)
        self.assertEqual(b'', self.files.read(MAC))

    def test_too_large(self):
        self.file.write_bytes(CONTENT + b'x' * 200000)
        self.file.chmod(0o644)
        self.assertLess(len(self.files.read(MAC)), 70000)

    def test_nothing_is_left_of_a_failure(self):
        self.file.mkdir()
        self.assertRaises(OSError, self.files.write, MAC, CONTENT)
        self.assertEqual([NAME], self.names())

    def test_directory_is_missing(self):
        """It is not made: it may be something that is not mounted."""
        self.path.rmdir()
        for function, args in ((self.files.macs, ()),
                               (self.files.write, (MAC, CONTENT)),
                               (self.files.remove_leftovers, ())):
            self.assertRaises(FileNotFoundError, function, *args)
        self.assertFalse(self.path.exists())

    def test_leftovers(self):
        """Of a writer that was killed, and only when it surely was."""
        names = ('.cloudmanager-abc123_d.tmp', '.cloudmanager-new.tmp',
                 'cloudmanager-a.tmp', '.cloudmanager-a.tmp.x', 'default')
        for name in names:
            (self.path / name).write_text('x')
            os.utime(self.path / name, (0, 0))
        os.utime(self.path / names[1])
        (self.path / '.cloudmanager-link.tmp').symlink_to('default')
        self.files.remove_leftovers()
        self.assertEqual(
            sorted((*names[1:], '.cloudmanager-link.tmp')), self.names())
