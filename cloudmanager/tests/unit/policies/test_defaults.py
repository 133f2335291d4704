# SPDX-License-Identifier: Apache-2.0
"""Who may do what by default is what the page about policies says."""

from oslo_config import cfg
from oslo_policy import policy as oslo_policy

from cloudmanager import policies
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import policy
from cloudmanager.tests import base
from cloudmanager.tests import pages

PAGE = 'configuration/policies'
#: Who meets the rules that the others refer to.
PERSONAS = {
    'cloudmanager_admin': {'admin'},
    'cloudmanager_reader': {'admin', 'cloudmanager_reader'},
    'cloudmanager_service': {'admin', 'service'}}
TOKENS = {('admin', 'system'), ('admin', 'domain'), *(
    (role, 'project') for role in (
        'admin', 'cloudmanager_reader', 'service', 'manager', 'member',
        'reader', 'none'))}
SCOPES = {'project': {'project_id': 'any'}, 'system': {'system_scope': 'all'},
          'domain': {'domain_id': 'any'}}


def may(rule, role, scope='project'):
    """Tell whether a token may use a rule."""
    context = cm_context.RequestContext(
        user_id='u', roles=[] if role == 'none' else [role], overwrite=False,
        **SCOPES[scope])
    try:
        policy.authorize(context, rule)
    except (exception.Forbidden, oslo_policy.InvalidScope):
        return False
    return True


class DefaultsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        policy.init(policies.list_rules())
        self.addCleanup(policy.init, policies.list_rules())
        # Whether readers meet it, by rule.
        self.rules = {
            f'cloudmanager:{pages.names(group)[0]}:{name}': cell is read
            for group, read, change in pages.table(PAGE, 'Rules of operations')
            for cell in (read, change) for name in pages.names(cell)}

    def test_page_has_every_rule(self):
        self.assertEqual(
            {*self.rules, *PERSONAS},
            {rule.name for rule in policies.list_rules()})

    def test_tokens(self):
        """SE4: what each token of the page may do, it may, and no more."""
        tokens = {(role, scope): (read, everything)
                  for cell, scope, read, everything in
                  pages.table(PAGE, 'What a token is good for')
                  for role in pages.names(cell) or ['none']}
        self.assertEqual(TOKENS, set(tokens))
        for (role, scope), (read, everything) in tokens.items():
            for rule, is_reading in self.rules.items():
                self.assertEqual('yes' == (read if is_reading else everything),
                                 may(rule, role, scope), (role, scope, rule))

    def test_personas(self):
        for rule, admitted in PERSONAS.items():
            for role, scope in TOKENS:
                if scope == 'project':
                    self.assertEqual(role in admitted, may(rule, role),
                                     (rule, role))

    def test_name_of_the_file(self):
        self.assertEqual('policy.yaml', cfg.CONF.oslo_policy.policy_file)
