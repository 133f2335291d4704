# SPDX-License-Identifier: Apache-2.0
import testtools

from cloudmanager.power import wording
from cloudmanager.tests.unit.power import base


class QuoteTestCase(testtools.TestCase):

    def quote(self, text, **values):
        return wording.quote(base.device(**values), text)

    def test_plain(self):
        self.assertEqual('The system is off.',
                         self.quote('The system is off.'))

    def test_one_line_that_prints(self):
        self.assertEqual('a b [31mc d',
                         self.quote(' a\r\nb\x00\t\x1b[31mc\u2028d\n'))

    def test_se2_secrets_that_a_device_repeats(self):
        self.assertEqual('bad password ***, key ***', self.quote(
            f'bad password {base.PASSWORD}, key KEY', ssh_key='KEY'))

    def test_length(self):
        self.assertEqual('x' * wording.LONGEST + '...',
                         self.quote('x' * 100000))

    def test_nothing(self):
        for text in ('', ' \n', None, 7, {'a': 'b'}, ['x']):
            self.assertEqual('no reason given', self.quote(text))
