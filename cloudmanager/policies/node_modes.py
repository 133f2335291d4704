# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

SNMP = 'cloudmanager:nodes:snmp'
SSH = 'cloudmanager:nodes:ssh'
NODESAFE = 'cloudmanager:nodes:nodesafe'
DCC = 'cloudmanager:nodes:dcc'
CPU_MODE = 'cloudmanager:nodes:cpu_mode'
LOG_REDIRECTION = 'cloudmanager:nodes:log_redirection'
UPDATE_SYSTEM = 'cloudmanager:nodes:update_system'

_PATH = '/v1/nodes/{node_id}/actions'


def _switch(name: str, description: str,
            *actions: str) -> policy.DocumentedRuleDefault:
    return base.rule(f'nodes:{name}', base.ADMIN, description,
                     *(('POST', f'{_PATH}/{action}') for action in actions))


def list_rules() -> list[policy.RuleDefault]:
    return [
        _switch('snmp', 'Start and stop the SNMP agent of a node.',
                'enable-snmp', 'disable-snmp'),
        _switch('ssh', 'Start and stop the SSH server of a node.',
                'enable-ssh', 'disable-ssh'),
        _switch('nodesafe', 'Let a node fence itself, or keep it from that.',
                'enable-nodesafe', 'disable-nodesafe'),
        _switch('dcc', 'Let the agent of a node configure its components, '
                'or keep it from that.', 'enable-dcc', 'disable-dcc'),
        _switch('cpu_mode', 'Set what processors the servers on a node see.',
                'set-cpu-mode'),
        _switch('log_redirection', 'Send the logs of a node elsewhere.',
                'setup-log-redirection', 'disable-log-redirection'),
        _switch('update_system', 'Upgrade the packages of a node.',
                'update-system'),
    ]
