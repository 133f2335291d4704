# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:power_controls:list'
GET = 'cloudmanager:power_controls:get'
CREATE = 'cloudmanager:power_controls:create'
UPDATE = 'cloudmanager:power_controls:update'
DELETE = 'cloudmanager:power_controls:delete'

_LIST = '/v1/power-controls/'
_ONE = '/v1/power-controls/{power_control_id}'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('power_controls:list', base.READER,
                  'List and count power controls, their types and '
                  'protocols.', ('GET', _LIST), ('GET', f'{_LIST}count'),
                  ('GET', f'{_LIST}types'), ('GET', f'{_LIST}protocols')),
        base.rule('power_controls:get', base.READER,
                  'Show a power control and its nodes.', ('GET', _ONE),
                  ('GET', f'{_ONE}/nodes')),
        base.rule('power_controls:create', base.ADMIN,
                  'Create a power control.', ('POST', _LIST)),
        base.rule('power_controls:update', base.ADMIN,
                  'Change a power control.', ('PUT', _ONE)),
        base.rule('power_controls:delete', base.ADMIN,
                  'Delete a power control.', ('DELETE', _ONE)),
    ]
