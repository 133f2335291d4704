# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: Pecan inside of middleware."""

from typing import Any
import urllib.parse

from oslo_config import cfg
from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi
from oslo_middleware import request_id
from pecan import core

from cloudmanager.api import auth
from cloudmanager.api import errors
from cloudmanager.api import health  # noqa: F401  its route
from cloudmanager.api.controllers import root
from cloudmanager.common import context
from cloudmanager.common import policy
from cloudmanager.common import secrets

CONF = cfg.CONF
HEADERS = ['X-Auth-Token', 'X-OpenStack-Request-ID']


class _Application(core.ExplicitPecan):
    """Pecan without what its one controller has no need of.

    That is looking for controllers by the names of objects and arguments by
    those of functions, which takes longer than the rest of it.
    """

    def find_controller(self, state: Any) -> tuple[Any, Any, Any]:
        state.controller = self.root.answer
        return state.controller, (state.request,), {}

    def invoke_controller(self, controller: Any, args: Any, kwargs: Any,
                          state: Any) -> None:
        state.response = controller(*args)

    def _handle_empty_response_body(self, state: Any) -> None:
        """The controller has set the status."""


class _PlainLocation:
    """Leaves the Location of answers a path, as it is documented.

    The libraries inside of it put in front what this process takes for its
    address, which need not be the one that callers use.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any],
                 start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]],
                  *more: Any) -> Any:
            plain = [
                (name, urllib.parse.urlsplit(value).path
                 if name.lower() == 'location' else value)
                for name, value in headers]
            return start_response(status, plain, *more)
        return self._application(environ, start)


class _Door:
    """Begins the log of each request anew.

    Threads answer one request after the other. What the one before it left
    in the log's context must not stand in lines of a request that is
    refused before it has a context of its own.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any],
                 start_response: Any) -> Any:
        # The newest context of a thread is that of its log.
        context.RequestContext(
            request_id=environ.get(request_id.ENV_REQUEST_ID))
        return self._application(environ, start_response)


def build() -> Any:
    """Build the application; options must have been read before.

    :raises Misconfigured: a file that options name cannot be used
    """
    policy.load()
    secrets.check()
    cors.set_defaults(
        allow_headers=HEADERS, expose_headers=[*HEADERS, 'Location'],
        allow_methods=['GET', 'PUT', 'POST', 'DELETE'])
    application: Any = _Application(root.RootController())
    application = auth.AuthMiddleware(application)
    application = errors.ErrorsMiddleware(application)
    # Each layer makes a request and an answer of its own, so those that
    # would do nothing stay out. They register their options themselves.
    shared = cors.CORS(application, CONF)
    if shared.allowed_origins:
        application = shared
    proxied = http_proxy_to_wsgi.HTTPProxyToWSGI(application, CONF)
    if CONF.oslo_middleware.enable_proxy_headers_parsing:
        application = proxied
    return _PlainLocation(request_id.RequestId(_Door(application)))
