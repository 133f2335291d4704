# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:node_classes:list'
GET = 'cloudmanager:node_classes:get'
CREATE = 'cloudmanager:node_classes:create'
UPDATE = 'cloudmanager:node_classes:update'
DELETE = 'cloudmanager:node_classes:delete'

_LIST = '/v1/node-classes/'
_ONE = '/v1/node-classes/{class_id}'
_TYPES = f'{_ONE}/types/'
_TYPE = _TYPES + '{type_id}'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('node_classes:list', base.READER,
                  'List and count node classes.', ('GET', _LIST),
                  ('GET', f'{_LIST}count')),
        base.rule('node_classes:get', base.READER,
                  'Show a node class and its types.', ('GET', _ONE),
                  ('GET', _TYPES)),
        base.rule('node_classes:create', base.ADMIN,
                  'Create a node class.', ('POST', _LIST)),
        base.rule('node_classes:update', base.ADMIN,
                  'Change a node class and its types.', ('PUT', _ONE),
                  ('POST', _TYPES), ('PUT', _TYPE), ('DELETE', _TYPE)),
        base.rule('node_classes:delete', base.ADMIN,
                  'Delete a node class.', ('DELETE', _ONE)),
    ]
