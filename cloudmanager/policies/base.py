# SPDX-License-Identifier: Apache-2.0
"""Personas, and a short way to document a rule."""

from oslo_policy import policy

ADMIN = 'rule:cloudmanager_admin'
READER = 'rule:cloudmanager_reader'
SERVICE = 'rule:cloudmanager_service'

RULES = [
    policy.RuleDefault(
        'cloudmanager_admin', 'role:admin',
        description='May see and do everything.'),
    policy.RuleDefault(
        'cloudmanager_reader',
        'role:cloudmanager_reader or rule:cloudmanager_admin',
        description='May see everything.'),
    policy.RuleDefault(
        'cloudmanager_service',
        'role:service or rule:cloudmanager_admin',
        description='Other services of the cloud.'),
]


def rule(name: str, check: str, description: str,
         *operations: tuple[str, str]) -> policy.DocumentedRuleDefault:
    """Return a rule.

    :param operations: pairs of method and path
    """
    return policy.DocumentedRuleDefault(
        name=f'cloudmanager:{name}', check_str=check,
        description=description, scope_types=['project'],
        operations=[{'method': method, 'path': path}
                    for method, path in operations])


def list_rules() -> list[policy.RuleDefault]:
    return RULES
