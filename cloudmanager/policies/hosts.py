# SPDX-License-Identifier: Apache-2.0
from oslo_policy import policy

from cloudmanager.policies import base

RESTART = 'cloudmanager:hosts:restart'

#: Of one host. Their bodies are in ``api.types.hosts``.
ACTIONS = base.Actions('hosts', '/v1/hosts/{host_name}/actions', {
    'shutdown': 'Empty a living compute host and switch it off.',
    'evacuate': 'Bring the servers of a dead compute host back elsewhere.',
    'decommission': 'Empty a living compute host and take it out of the '
                    'cloud for good.',
})


def list_rules() -> list[policy.RuleDefault]:
    return [
        *ACTIONS.list_rules(),
        base.rule('hosts:restart', base.ADMIN,
                  'Restart compute hosts one after the other.',
                  ('POST', '/v1/hosts/actions/restart')),
    ]
