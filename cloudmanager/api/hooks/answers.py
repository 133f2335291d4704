# SPDX-License-Identifier: Apache-2.0
"""Answers: their status, and those of errors."""

from pecan import core
from pecan import hooks
import webob

from cloudmanager.api import errors
from cloudmanager.api import rendering


class StatusHook(hooks.PecanHook):  # type: ignore[misc]
    """Sets the status and the type of answers."""

    priority = 50

    def before(self, state: core.RoutingState) -> None:
        """Set the usual status, which operations may change."""
        route = state.request.call.route
        state.response.status_int = route.status
        if rendering.CSV in route.forms:
            state.response.vary = 'Accept'

    def after(self, state: core.RoutingState) -> None:
        """Set the content type of a body, if there is one."""
        if state.response.content_length == 0:
            state.response.content_type = None
        elif state.response.charset is None:
            state.response.charset = 'UTF-8'


class ErrorsHook(hooks.PecanHook):  # type: ignore[misc]
    """Gives errors the one body that they all have."""

    priority = 60

    def on_error(self, state: core.RoutingState,
                 e: Exception) -> webob.Response:
        return errors.answer(
            e, state.request.environ.get('openstack.request_id'))
