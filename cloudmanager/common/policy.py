# SPDX-License-Identifier: Apache-2.0
"""The policy enforcer."""

from typing import Any

from oslo_config import cfg
from oslo_policy import opts as policy_opts
from oslo_policy import policy

from cloudmanager import policies
from cloudmanager.common import clock
from cloudmanager.common import exception

CONF = cfg.CONF
_ENFORCER: policy.Enforcer | None = None
RELOAD_SECONDS = 1


class _Enforcer(policy.Enforcer):
    """Looks for changes of the policy files once in a second.

    oslo.policy looks at every check, in every directory where the file might
    be, which takes longer than the check.
    """

    _looked = float('-inf')

    def load_rules(self, force_reload: bool = False) -> None:
        now = clock.monotonic()
        if force_reload or now >= self._looked + RELOAD_SECONDS:
            super().load_rules(force_reload)
            self._looked = now


def init(rules: list[policy.RuleDefault]) -> policy.Enforcer:
    """Build the enforcer with the service's documented rules.

    :param rules: what ``cloudmanager.policies.list_rules`` returns
    """
    global _ENFORCER
    policy_opts.set_defaults(CONF, policy_file='policy.yaml')
    enforcer = _Enforcer(CONF)
    enforcer.register_defaults(rules)
    _ENFORCER = enforcer
    return enforcer


def get_enforcer() -> policy.Enforcer:
    """Return the enforcer, for oslo.policy's own tools."""
    return _ENFORCER or init(policies.list_rules())


def authorize(context: Any, action: str,
              target: dict[str, Any] | None = None) -> None:
    """Check that a context may do something.

    :param action: name of a registered rule
    :raises Forbidden: it may not
    """
    get_enforcer().authorize(
        action, target or {'project_id': context.project_id}, context,
        do_raise=True, exc=exception.Forbidden, action=action)
