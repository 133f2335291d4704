# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

ATTACH = 'cloudmanager:nodes:attach'
DETACH = 'cloudmanager:nodes:detach'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('nodes:attach', base.ADMIN,
                  'Bind nodes to a virtual controller.',
                  ('POST', '/v1/nodes/actions/attach')),
        base.rule('nodes:detach', base.ADMIN,
                  'Release nodes from a virtual controller.',
                  ('POST', '/v1/nodes/actions/detach')),
    ]
