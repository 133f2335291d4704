# SPDX-License-Identifier: Apache-2.0
import pickle

import testtools

from cloudmanager.power import exceptions
from cloudmanager.tests.unit.power import base


class SecretsTestCase(testtools.TestCase):
    """SE2: no secret in what is said about a device."""

    def test_a_device_shows_none(self):
        device = base.device(ssh_key='-----BEGIN KEY-----')
        for text in (str(device), repr(device), f'{device!r}'):
            self.assertNotIn(base.PASSWORD, text)
            self.assertNotIn('BEGIN KEY', text)

    def test_an_error_shows_none(self):
        values = {'device': base.device(), 'reason': 'r', 'request': 'q',
                  'target': 't', 'seconds': 1, 'last': 'l', 'output': 'o'}
        for kind in (exceptions.PowerError, exceptions.PowerUnresolvable,
                     exceptions.PowerSilent, exceptions.PowerStrange,
                     exceptions.PowerUnreachable,
                     exceptions.PowerRefused, exceptions.PowerCredentials,
                     exceptions.PowerBusy, exceptions.PowerProtocol,
                     exceptions.PowerUnsupported, exceptions.PowerTimeout):
            error = kind(**values)
            self.assertIn('bmc.example', str(error))
            self.assertNotIn(base.PASSWORD, base.everything_of(error))

    def test_an_error_carries_none(self):
        """Nor does one that is sent to another process."""
        error = exceptions.PowerUnreachable(device=base.device())
        self.assertNotIn(base.PASSWORD.encode(), pickle.dumps(error))
