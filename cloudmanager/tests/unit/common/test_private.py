# SPDX-License-Identifier: Apache-2.0
"""Files that are for the service alone."""

import os

import fixtures

from cloudmanager.common import private
from cloudmanager.tests import base


class PrivateTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.path = self.directory / 'file'
        self.log = self.useFixture(fixtures.FakeLogger(level=30))
        self.addCleanup(os.umask, os.umask(0))

    def write(self, mode):
        self.path.write_text('x')
        self.path.chmod(mode)

    def test_create(self):
        """FA16: never open, not even for a moment, whatever the umask."""
        self.assertTrue(private.create(self.path))
        self.assertEqual(0o600, private.mode(self.path))
        self.path.write_text('x')
        self.assertFalse(private.create(self.path))
        self.assertEqual('x', self.path.read_text())
        self.assertRaises(OSError, private.create,
                          self.directory / 'no' / 'file')

    def test_close(self):
        """FA16: an installation of before is put right, once, and told."""
        for before, after in ((0o644, 0o600), (0o666, 0o600), (0o640, 0o600),
                              (0o604, 0o600), (0o444, 0o400)):
            self.write(0o600)
            self.write(before)
            for _ in range(2):
                private.close(self.path)
                self.assertEqual(after, private.mode(self.path))
            self.assertIn(f'{before:04o}', self.log.output)
        self.assertEqual(5, self.log.output.count('\n'))

    def test_close_what_is_not_there(self):
        private.close(self.path)
        self.assertEqual('', self.log.output)

    def test_close_what_belongs_to_others(self):
        """FA16: it is not the service's to change, so it is told."""
        def refuse(path, mode):
            raise PermissionError('not yours')

        self.write(0o644)
        with fixtures.MonkeyPatch('os.chmod', refuse):
            private.close(self.path)
        self.assertIn('not yours', self.log.output)

    def test_is_open(self):
        for mode, expected in ((0o600, False), (0o400, False),
                               (0o640, False), (0o440, False),
                               (0o660, True), (0o644, True), (0o604, True),
                               (0o602, True), (0o620, True)):
            self.write(0o600)
            self.path.chmod(mode)
            self.assertEqual(expected, private.is_open(self.path), oct(mode))
