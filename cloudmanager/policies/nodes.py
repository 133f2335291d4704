# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:nodes:list'
GET = 'cloudmanager:nodes:get'
CREATE = 'cloudmanager:nodes:create'
UPDATE = 'cloudmanager:nodes:update'
DELETE = 'cloudmanager:nodes:delete'
RESERVE = 'cloudmanager:nodes:reserve'
POWER = 'cloudmanager:nodes:power'
HEALTH = 'cloudmanager:nodes:health'
POWER_ACTIONS = 'cloudmanager:nodes:power_actions'
CONTROLS_GET = 'cloudmanager:nodes:power_controls:get'
CONTROLS_CHANGE = 'cloudmanager:nodes:power_controls:change'

_LIST = '/v1/nodes/'
_ONE = '/v1/nodes/{node_id}'
_CONTROLS = f'{_ONE}/power-controls/'
_CONTROL = _CONTROLS + '{power_control_id}'


def _power() -> list[policy.RuleDefault]:
    return [
        base.rule('nodes:power', base.ADMIN,
                  'Switch a node on or off or reset it, or several.',
                  *(('POST', f'{path}/actions/{action}')
                    for path in (_LIST.rstrip('/'), _ONE)
                    for action in ('power-on', 'power-off', 'reset'))),
        base.rule('nodes:health', base.READER,
                  'Read sensors and the event log of a node.',
                  ('GET', f'{_ONE}/health')),
        base.rule('nodes:power_actions', base.READER,
                  'See the log of power actions on a node.',
                  ('GET', f'{_ONE}/power-actions/'),
                  ('GET', _ONE + '/power-actions/{power_action_id}')),
        base.rule('nodes:power_controls:get', base.READER,
                  'See which power controls a node has.',
                  ('GET', _CONTROLS), ('GET', _CONTROL)),
        base.rule('nodes:power_controls:change', base.ADMIN,
                  'Assign power controls to a node.',
                  ('POST', _CONTROLS), ('PUT', _CONTROL),
                  ('DELETE', _CONTROL)),
    ]


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('nodes:list', base.READER, 'List and count nodes.',
                  ('GET', _LIST), ('GET', f'{_LIST}count')),
        base.rule('nodes:get', base.READER, 'Show a node.', ('GET', _ONE)),
        base.rule('nodes:create', base.ADMIN, 'Create a node.',
                  ('POST', _LIST), ('POST', f'{_LIST}actions/import')),
        base.rule('nodes:update', base.ADMIN, 'Change a node.',
                  ('PUT', _ONE)),
        base.rule('nodes:delete', base.ADMIN, 'Delete a node.',
                  ('DELETE', _ONE)),
        base.rule('nodes:reserve', base.ADMIN,
                  'Take a node into reserve or out of it.',
                  ('POST', f'{_ONE}/actions/reserve')),
        *_power(),
    ]
