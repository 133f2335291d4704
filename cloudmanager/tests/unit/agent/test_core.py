# SPDX-License-Identifier: Apache-2.0
"""The agent, without its threads and the message bus."""

import os

from cloudmanager.agent import core
from cloudmanager.agent import keys
from cloudmanager.common import private
from cloudmanager.common import signing
from cloudmanager.tests import base


class KeysTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.file = self.directory / 'agent.key'
        self.put(signing.new_key())
        self.config(state_path=str(self.directory))
        self.config(group='agent', privileged='none', libvirt_uri='',
                    key_file=str(self.file))
        self.agent = core.Agent('cmp1')

    def put(self, key):
        private.replace(self.file, keys.line(key).encode())

    def wants_report(self):
        """Look at the guests; tell whether that has a report sent."""
        self.agent.wants_report.clear()
        self.agent.observe()
        return self.agent.wants_report.is_set()

    def test_new_key(self):
        """Conductors hear of a new key as soon as the file has it."""
        self.agent.observe()
        self.agent.report()
        self.assertFalse(self.wants_report())
        new = signing.new_key()
        self.put(new)
        self.assertTrue(self.wants_report())
        self.assertEqual(new.id, self.agent.report()['key_id'])
        self.assertFalse(self.wants_report())
        os.unlink(self.file)
        self.assertFalse(self.wants_report())
