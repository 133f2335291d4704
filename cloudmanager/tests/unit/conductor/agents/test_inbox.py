# SPDX-License-Identifier: Apache-2.0
"""What comes faster than it can be checked does not fill the memory."""

import fixtures

from cloudmanager.conductor.agents import inbox
from cloudmanager.tests import base

BODY = {'body': 'x' * 10000}


class InboxTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.conductor.agents.inbox.MOST', 60000))
        self.log = self.useFixture(fixtures.FakeLogger())
        self.full = 0
        self.inbox = inbox.Inbox(self.tell)

    def tell(self):
        self.full += 1

    def put(self, count):
        for number in range(count):
            self.inbox.put({**BODY, 'number': number}, number == 1)

    def test_order(self):
        self.assertFalse(self.inbox.some.is_set())
        self.put(2)
        self.assertTrue(self.inbox.some.is_set())
        self.assertEqual([(0, False), (1, True)], [
            (one['number'], again) for one, again in self.inbox.empty()])
        self.assertFalse(self.inbox.some.is_set())
        self.assertEqual([], self.inbox.empty())
        self.assertEqual('', self.log.output)

    def test_full(self):
        self.put(2)
        self.assertEqual(0, self.full)
        self.put(5)
        self.assertTrue(self.full)
        self.assertEqual(4, len(self.inbox.empty()))
        self.assertIn('3 reports', self.log.output)
        # There is room again.
        self.put(2)
        self.assertEqual(2, len(self.inbox.empty()))
