# SPDX-License-Identifier: Apache-2.0
import logging

from cloudmanager.common import log_records
from cloudmanager.tests import base


class RecordTestCase(base.TestCase):

    def message(self, text, *args):
        return log_records.Record('name', logging.INFO, __file__, 1, text,
                                  args, None).getMessage()

    def test_values(self):
        """No value begins a line of its own (FA3)."""
        forged = 'web1\n2026-01-01 INFO done\x1b[2J\u2028'
        shown = r'web1\n2026-01-01 INFO done\x1b[2J\u2028'
        self.assertEqual(f'node {shown} is 1',
                         self.message('node %s is %d', forged, 1))
        self.assertEqual(f'node {shown}',
                         self.message('node %(node)s', {'node': forged}))
        self.assertEqual(f'failed: {shown}',
                         self.message('failed: %s', ValueError(forged)))

    def test_message(self):
        """What the programs say themselves may have lines."""
        self.assertEqual('one\ntwo', self.message('one\ntwo'))
        self.assertEqual('1.50 узел', self.message('%.2f %s', 1.5, 'узел'))
        self.assertEqual("(1, 'a')", self.message('%s', (1, 'a')))
