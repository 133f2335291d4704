# SPDX-License-Identifier: Apache-2.0
"""Personas, and a short way to document a rule."""

from collections.abc import Mapping

from oslo_policy import policy

ADMIN = 'rule:cloudmanager_admin'
READER = 'rule:cloudmanager_reader'

RULES = [
    policy.RuleDefault(
        'cloudmanager_admin', 'role:admin',
        description='May see and do everything.'),
    policy.RuleDefault(
        'cloudmanager_reader',
        'role:cloudmanager_reader or rule:cloudmanager_admin',
        description='May see everything but tracebacks of tasks.'),
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


class Actions:
    """Actions on a kind of resource that only administrators begin.

    Each has a rule and a path of its own, which follow from its name. The API
    makes its routes from the same declaration.

    :param resource: how the names of the rules begin, such as ``hosts``
    :param path: path of all of them, without a slash at its end
    :param texts: what each action does, by its name in the path
    """

    def __init__(self, resource: str, path: str,
                 texts: Mapping[str, str]) -> None:
        self._resource = resource
        self._path = path
        self.texts = texts

    def path(self, action: str) -> str:
        """Return the path of an action."""
        return f'{self._path}/{action}'

    def title(self, action: str) -> str:
        """Return the name of an action as programs and rules write it."""
        return action.replace('-', '_')

    def rule_name(self, action: str) -> str:
        """Return the name of the policy that an action is under."""
        return f'cloudmanager:{self._resource}:{self.title(action)}'

    def list_rules(self) -> list[policy.RuleDefault]:
        return [rule(f'{self._resource}:{self.title(action)}', ADMIN, text,
                     ('POST', self.path(action)))
                for action, text in self.texts.items()]


def list_rules() -> list[policy.RuleDefault]:
    return RULES
