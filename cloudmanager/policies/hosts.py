# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

SHUTDOWN = 'cloudmanager:hosts:shutdown'
EVACUATE = 'cloudmanager:hosts:evacuate'
DECOMMISSION = 'cloudmanager:hosts:decommission'
RESTART = 'cloudmanager:hosts:restart'

_PATH = '/v1/hosts/{host_name}/actions'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('hosts:shutdown', base.ADMIN,
                  'Empty a compute host and switch it off.',
                  ('POST', f'{_PATH}/shutdown')),
        base.rule('hosts:evacuate', base.ADMIN,
                  'Evacuate a dead compute host.',
                  ('POST', f'{_PATH}/evacuate')),
        base.rule('hosts:decommission', base.ADMIN,
                  'Empty a compute host and take it out of the cloud.',
                  ('POST', f'{_PATH}/decommission')),
        base.rule('hosts:restart', base.ADMIN,
                  'Restart compute hosts one after the other.',
                  ('POST', '/v1/hosts/actions/restart')),
    ]
