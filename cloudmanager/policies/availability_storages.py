# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:availability_storages:list'
GET = 'cloudmanager:availability_storages:get'
CREATE = 'cloudmanager:availability_storages:create'
UPDATE = 'cloudmanager:availability_storages:update'
DELETE = 'cloudmanager:availability_storages:delete'
ASSIGN = 'cloudmanager:availability_storages:assign'

_LIST = '/v1/availability-storages/'
_ONE = '/v1/availability-storages/{availability_storage_id}'
_NODES = f'{_ONE}/nodes/'
_STORAGES = '/v1/nodes/{node_id}/availability-storages/'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('availability_storages:list', base.READER,
                  'List and count availability storages.', ('GET', _LIST),
                  ('GET', f'{_LIST}count')),
        base.rule('availability_storages:get', base.READER,
                  'Show an availability storage.', ('GET', _ONE)),
        base.rule('availability_storages:create', base.ADMIN,
                  'Create an availability storage.', ('POST', _LIST)),
        base.rule('availability_storages:update', base.ADMIN,
                  'Change an availability storage.', ('PUT', _ONE)),
        base.rule('availability_storages:delete', base.ADMIN,
                  'Delete an availability storage.', ('DELETE', _ONE)),
        base.rule('availability_storages:assign', base.ADMIN,
                  'Assign availability storages to nodes, from either side.',
                  ('POST', _NODES), ('PUT', _NODES),
                  ('DELETE', _NODES + '{node_id}'),
                  ('POST', _STORAGES), ('PUT', _STORAGES),
                  ('DELETE', _STORAGES + '{availability_storage_id}')),
    ]
