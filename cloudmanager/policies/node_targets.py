# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

DISCOVERY_NAS = 'cloudmanager:nodes:discovery_nas'
ATTACH_TARGETS = 'cloudmanager:nodes:attach_targets'
REPAIR_LOCKS = 'cloudmanager:nodes:repair_locks'

_PATH = '/v1/nodes/{node_id}/actions'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('nodes:discovery_nas', base.ADMIN,
                  'Ask a storage from a node which targets it has.',
                  ('POST', f'{_PATH}/discovery-nas')),
        base.rule('nodes:attach_targets', base.ADMIN,
                  'Connect a node with targets of a storage.',
                  ('POST', f'{_PATH}/attach-targets')),
        base.rule('nodes:repair_locks', base.ADMIN,
                  'Release locks of volumes whose owner is gone.',
                  ('POST', f'{_PATH}/repair-locks')),
    ]
