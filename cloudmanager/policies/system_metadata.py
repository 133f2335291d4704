# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

GET = 'cloudmanager:system_metadata:get'
CHANGE = 'cloudmanager:system_metadata:change'

_ONE = '/v1/system_metadata/{instance_uuid}'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('system_metadata:get', base.READER,
                  'See the system metadata of a server.', ('GET', _ONE)),
        base.rule('system_metadata:change', base.ADMIN,
                  'Change the system metadata of a server in Nova\'s '
                  'database.',
                  ('PUT', _ONE), ('DELETE', f'{_ONE}/removed/{{removed}}')),
    ]
