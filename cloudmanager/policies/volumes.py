# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

LIST = 'cloudmanager:volumes:list'
GET = 'cloudmanager:volumes:get'
MIRROR = 'cloudmanager:volumes:mirror'
PV_MIGRATE = 'cloudmanager:volumes:pv_migrate'

_ONE = '/v1/volumes/{volume_id}'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('volumes:list', base.READER, 'List logical volumes.',
                  ('GET', '/v1/volumes/')),
        base.rule('volumes:get', base.READER, 'Show a logical volume.',
                  ('GET', _ONE)),
        base.rule('volumes:mirror', base.ADMIN,
                  'Set how many extra copies of a volume there are.',
                  ('POST', f'{_ONE}/actions/mirror')),
        base.rule('volumes:pv_migrate', base.ADMIN,
                  'Move the data of a volume to another physical volume.',
                  ('POST', f'{_ONE}/actions/pv-migrate')),
    ]
