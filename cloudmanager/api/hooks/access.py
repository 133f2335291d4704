# SPDX-License-Identifier: Apache-2.0
"""Gives each request its context, and checks its policy."""

from pecan import core
from pecan import hooks

from cloudmanager.common import context as cm_context
from cloudmanager.common import policy


class ContextHook(hooks.PecanHook):  # type: ignore[misc]
    """Gives a request its context before its operation is looked for."""

    priority = 10

    def on_route(self, state: core.RoutingState) -> None:
        state.request.context = cm_context.RequestContext.from_environ(
            state.request.environ)


class PolicyHook(hooks.PecanHook):  # type: ignore[misc]
    """Refuses requests that the policy of the operation does not allow."""

    priority = 20

    def before(self, state: core.RoutingState) -> None:
        call = state.request.call
        if call.route.rule is not None:
            policy.authorize(call.context, call.route.rule)
