# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

GET_STORE = 'cloudmanager:domains:get_store'
CONFIGURE = 'cloudmanager:domains:configure'
TOTP_ALLOWED = 'cloudmanager:domains:totp_allowed'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('domains:get_store', base.READER,
                  'See where Keystone keeps the configuration of domains.',
                  ('POST', '/v1/domains/actions/get-store'),
                  ('POST', '/domains/actions/get-store')),
        base.rule('domains:configure', base.ADMIN,
                  'Load the configuration file of a domain into Keystone\'s '
                  'database.',
                  ('POST', '/v1/domains/{domain_id}/actions/configure')),
        base.rule('domains:totp_allowed', base.READER,
                  'See whether one-time passwords may be sent.',
                  ('GET', '/v1/domains/totp-allowed')),
    ]
