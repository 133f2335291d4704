# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:node_images:list'
GET = 'cloudmanager:node_images:get'
CREATE = 'cloudmanager:node_images:create'
DELETE = 'cloudmanager:node_images:delete'
ASSIGN = 'cloudmanager:node_images:assign'

_LIST = '/v1/node-images/'
_ONE = '/v1/node-images/{image_id}'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('node_images:list', base.READER,
                  'List and count boot images.', ('GET', _LIST),
                  ('GET', f'{_LIST}count')),
        base.rule('node_images:get', base.READER, 'Show a boot image.',
                  ('GET', _ONE)),
        base.rule('node_images:create', base.ADMIN,
                  'Create a boot image.', ('POST', _LIST)),
        base.rule('node_images:delete', base.ADMIN,
                  'Delete a boot image.', ('DELETE', _ONE)),
        base.rule('node_images:assign', base.ADMIN,
                  'Assign a boot image to a node.',
                  ('POST', '/v1/nodes/{node_id}/actions/assign-image')),
    ]
