# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:power_controls:list'
GET = 'cloudmanager:power_controls:get'
CREATE = 'cloudmanager:power_controls:create'
UPDATE = 'cloudmanager:power_controls:update'
DELETE = 'cloudmanager:power_controls:delete'
POWER = 'cloudmanager:power_controls:power'
HEALTH = 'cloudmanager:power_controls:health'
EVENTS = 'cloudmanager:power_events:list'

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
        base.rule('power_controls:power', base.ADMIN,
                  'Switch an output of a power control on or off.',
                  *(('POST', f'{_ONE}/actions/{action}')
                    for action in ('power-on', 'power-off'))),
        base.rule('power_controls:health', base.READER,
                  'See how many power controls and nodes are in which '
                  'state, and how conductors get on reading them.',
                  ('GET', f'{_LIST}health')),
        base.rule('power_events:list', base.READER,
                  'See what happened to power without a request.',
                  ('GET', '/v1/power-events/')),
    ]
