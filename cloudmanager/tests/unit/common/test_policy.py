# SPDX-License-Identifier: Apache-2.0
"""When the policy file is looked at."""

import fixtures

from cloudmanager import policies
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import policy
from cloudmanager.policies import nodes
from cloudmanager.tests import base


class ReloadTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        # Registers the options, too.
        policy.init(policies.list_rules())
        self.file = self.directory / 'policy.yaml'
        self.config(group='oslo_policy', policy_file=str(self.file))
        self.file.write_text('{}\n')
        self.addCleanup(policy.init, policies.list_rules())
        self.now = 1000.0
        self.useFixture(fixtures.MonkeyPatch('time.monotonic',
                                             lambda: self.now))
        policy.init(policies.list_rules())
        self.context = cm_context.RequestContext(
            user_id='u', project_id='p', roles=['member'], overwrite=False)

    def may(self):
        try:
            policy.authorize(self.context, nodes.LIST)
        except exception.Forbidden:
            return False
        return True

    def test_change_is_obeyed_within_a_second(self):
        self.assertFalse(self.may())
        self.file.write_text(f'"{nodes.LIST}": "role:member"\n')
        self.now += policy.RELOAD_SECONDS / 2
        self.assertFalse(self.may())
        self.now += policy.RELOAD_SECONDS
        self.assertTrue(self.may())

    def test_the_first_check_looks(self):
        self.file.write_text(f'"{nodes.LIST}": "role:member"\n')
        self.assertTrue(self.may())
