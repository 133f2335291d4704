# SPDX-License-Identifier: Apache-2.0
"""What is checked of power controls before they are stored (FP6)."""

import asyncssh
import testtools

from cloudmanager.power import checks
from cloudmanager.power import exceptions
from cloudmanager.power.ssh import session
from cloudmanager.tests.unit.power import base


class HostKeysTestCase(testtools.TestCase):

    def driver_takes(self, text):
        try:
            session._Trust(base.device(), text)
        except exceptions.PowerUntrusted:
            return False
        return True

    def check(self, text):
        try:
            checks.host_keys(text)
        except ValueError:
            return False
        return True

    def test_all_kinds_of_keys(self):
        """FP6: what the driver can use is taken, and nothing else."""
        for kind in ('ssh-ed25519', 'ecdsa-sha2-nistp256',
                     'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521',
                     'ssh-rsa', 'ssh-dss', 'ssh-ed448'):
            key = asyncssh.generate_private_key(kind, comment='root@kvm1')
            for text in (key.export_public_key().decode(),
                         key.get_fingerprint()):
                self.assertEqual(self.driver_takes(text), self.check(text),
                                 (kind, text))

    def test_junk(self):
        for text in ('', ' ', '*', 'junk', 'SHA256:short', 'ssh-ed25519 x',
                     'ssh-ed25519 AAAA'):
            self.assertFalse(self.driver_takes(text), text)
            self.assertFalse(self.check(text), text)


class OctetsTestCase(testtools.TestCase):

    def test_octets(self):
        """FP6: of UTF-8, not characters; the text does not repeat it."""
        check = checks.octets(4)
        for text in ('', 'abcd', 'éé', '\N{GRINNING FACE}'):
            check(text)
        for text in ('abcde', 'ééx', '\N{SNOWMAN}xy', '\ud800xy'):
            error = self.assertRaises(ValueError, check, text)
            self.assertEqual('must not have more than 4 octets in UTF-8',
                             str(error))
