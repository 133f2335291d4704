# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

GET = 'cloudmanager:info:get'


def list_rules() -> list[policy.RuleDefault]:
    return [base.rule('info:get', base.READER,
                      'Show the version of the service.',
                      ('GET', '/v1/info'))]
