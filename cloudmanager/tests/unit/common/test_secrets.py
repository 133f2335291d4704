# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest."""

import os
import pathlib
import stat

from cryptography import fernet
import fixtures

from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.tests import base


class SecretsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.keys = self.directory / 'deep' / 'keys'
        self.config(group='secrets', key_repository=str(self.keys))

    def names(self):
        return sorted(path.name for path in self.keys.iterdir())

    def test_round_trip(self):
        secrets.create_key()
        for plain in ('', 'pässwörd', 'x' * 5000):
            stored = secrets.encrypt(plain)
            self.assertNotIn(plain or 'x', stored[:1])
            self.assertEqual(plain, secrets.decrypt(stored))
        self.assertIsNone(secrets.encrypt(None))
        self.assertIsNone(secrets.decrypt(None))

    def test_modes(self):
        """Nobody but the owner can read keys."""
        path = secrets.create_key()
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
        self.assertEqual(0o700, stat.S_IMODE(self.keys.stat().st_mode))

    def test_open_to_others(self):
        """FA16: such a key is refused, and named with what to do."""
        secrets.check()
        first, second = secrets.create_key(), secrets.create_key()
        secrets.check()
        for path, mode, wanted in (
                (first, 0o644, '0600'), (second, 0o604, '0600'),
                (second, 0o660, '0600'), (self.keys, 0o777, '0700')):
            before = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode)
            error = self.assertRaises(exception.Misconfigured, secrets.check)
            for words in (str(path), f'{mode:04o}', wanted,
                          '[secrets] key_repository'):
                self.assertIn(words, str(error))
            path.chmod(before)
            secrets.check()

    def test_open_to_the_group(self):
        """FA16: somebody else may have put it there for the service."""
        secrets.create_key().chmod(0o440)
        secrets.check()

    def test_that_cannot_be_looked_at(self):
        """FA16: an error with the setting, not a trace."""
        secrets.create_key()

        def refuse(path):
            raise PermissionError('not yours')

        with fixtures.MonkeyPatch('pathlib.Path.iterdir', refuse):
            for ask in (secrets.check, lambda: secrets.encrypt('x')):
                error = self.assertRaises(exception.Misconfigured, ask)
                self.assertIn('[secrets] key_repository', str(error))

    def test_that_leads_nowhere(self):
        """FA16: a key file that is not there is an error, too."""
        secrets.create_key()
        (self.keys / '1').symlink_to(self.keys / 'gone')
        error = self.assertRaises(exception.Misconfigured, secrets.check)
        self.assertIn('[secrets] key_repository', str(error))

    def test_on_disk_before_it_counts(self):
        """A power failure leaves a whole key or none under its number."""
        found = []

        def note(descriptor):
            found.append((os.fstat(descriptor).st_size,
                          (self.keys / '0').exists()))

        with fixtures.MonkeyPatch('os.fsync', note):
            path = secrets.create_key()
        self.assertEqual([(path.stat().st_size, False)], found)

    def test_nowhere_else(self):
        """A key is never in a directory of others, not for a moment."""
        with fixtures.MonkeyPatch('tempfile.tempdir', '/nonexistent'):
            secrets.create_key()
        self.assertEqual(['0'], self.names())

    def test_keys_are_numbered(self):
        self.assertEqual(['0', '1', '2'], [
            secrets.create_key().name for _ in range(3)])
        self.assertEqual(['0', '1', '2'], self.names())

    def test_numbers_are_numbers(self):
        self.keys.mkdir(parents=True)
        for name in ('9', '10', 'README'):
            (self.keys / name).write_bytes(fernet.Fernet.generate_key())
        self.assertEqual('11', secrets.create_key().name)

    def test_create_raced(self):
        """Each of eight at once gets a key that is not overwritten."""
        calls = base.Together(8, lambda number: secrets.create_key())
        self.assertEqual([], calls.raised)
        self.assertEqual(8, len({path.name for path in calls.results}))
        self.assertEqual(8, len({path.read_bytes() for path in
                                 self.keys.iterdir()}))

    def test_rotation(self):
        """Old secrets stay readable until they are re-encrypted."""
        secrets.create_key()
        old = secrets.encrypt('plain')
        secrets.create_key()
        self.assertEqual('plain', secrets.decrypt(old))
        new = secrets.rotate(old)

        removed = secrets.prune_keys(keep=1)

        self.assertEqual((['0'], ['1']), ([path.name for path in removed],
                                          self.names()))
        self.assertEqual('plain', secrets.decrypt(new))
        self.assertRaises(exception.SecretUnreadable, secrets.decrypt, old)
        self.assertRaises(exception.SecretUnreadable, secrets.rotate, old)

    def test_prune_keeps_two(self):
        for _ in range(4):
            secrets.create_key()
        secrets.prune_keys()
        self.assertEqual(['2', '3'], self.names())
        self.assertEqual([], secrets.prune_keys())

    def test_no_key(self):
        for call in (secrets.encrypt, secrets.decrypt):
            error = self.assertRaises(exception.Unavailable, call, 'x')
            self.assertIn('create-key', str(error))

    def test_garbage(self):
        secrets.create_key()
        for stored in ('', 'garbage', 'gAAAA'):
            self.assertRaises(exception.SecretUnreadable, secrets.decrypt,
                              stored)

    def test_bad_key_file(self):
        """A key file that cannot be used is named, and is no crash."""
        secrets.create_key()
        for spoil in (lambda path: path.write_bytes(b'short'),
                      lambda path: (path.unlink(), path.mkdir())):
            spoil(self.keys / '0')
            error = self.assertRaises(exception.Unavailable,
                                      secrets.encrypt, 'x')
            self.assertIn(str(self.keys / '0'), str(error))

    def test_explicit_directory(self):
        path = secrets.create_key(str(self.directory / 'other'))
        self.assertEqual(self.directory / 'other' / '0',
                         pathlib.Path(path))
