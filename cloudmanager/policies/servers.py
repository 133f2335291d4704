# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

BALANCE = 'cloudmanager:servers:balance'
RECOVER = 'cloudmanager:servers:recover'
REPAIR = 'cloudmanager:servers:repair'
RESET_REBOOT = 'cloudmanager:servers:reset_reboot'
WAKEUP = 'cloudmanager:servers:wakeup'
CLONE = 'cloudmanager:servers:clone'

_PATH = '/v1/servers/{server_id}/actions'


def list_rules() -> list[policy.RuleDefault]:
    return [
        base.rule('servers:balance', base.ADMIN,
                  'Move a server to a host with less load.',
                  ('POST', f'{_PATH}/balance')),
        base.rule('servers:recover', base.ADMIN,
                  'Reset the state of a server and bring it back.',
                  ('POST', f'{_PATH}/recover')),
        base.rule('servers:repair', base.ADMIN,
                  'Find out what is wrong with a server, and mend that.',
                  ('POST', f'{_PATH}/repair')),
        base.rule('servers:reset_reboot', base.ADMIN,
                  'Reset the state of a server, and reboot it.',
                  ('POST', f'{_PATH}/reset-reboot')),
        base.rule('servers:wakeup', base.ADMIN,
                  'Bring a server that rests to run.',
                  ('POST', f'{_PATH}/wakeup')),
        base.rule('servers:clone', base.ADMIN,
                  'Make copies of a server.', ('POST', f'{_PATH}/clone')),
    ]
