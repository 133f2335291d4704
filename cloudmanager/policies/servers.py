# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

#: Their bodies are in ``api.types.servers``.
ACTIONS = base.Actions('servers', '/v1/servers/{server_id}/actions', {
    'balance': 'Move a server to a host with less load.',
    'recover': 'Reset the state of a server and bring it back.',
    'repair': 'Find out what is wrong with a server, and mend that.',
    'reset-reboot': 'Reset the state of a server, and reboot it if that is '
                    'asked for.',
    'wakeup': 'Bring a server that rests to run.',
    'clone': 'Make copies of a server with its volumes.',
})


def list_rules() -> list[policy.RuleDefault]:
    return ACTIONS.list_rules()
