# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: Pecan inside of middleware."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import functools
import urllib.parse
from wsgiref import types as wsgi

from oslo_config import cfg
from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi
from oslo_middleware import request_id
import pecan
from pecan import core
import webob
from webob import multidict

from cloudmanager.api import auth
from cloudmanager.api import errors
from cloudmanager.api import hooks
from cloudmanager.api import renderers
from cloudmanager.api import routing
from cloudmanager.api.controllers import health  # noqa: F401  its route
from cloudmanager.api.controllers import v1  # noqa: F401  their routes
from cloudmanager.api.controllers import versions  # noqa: F401  its routes
from cloudmanager.common import context
from cloudmanager.common import policy
from cloudmanager.common import secrets
from cloudmanager.db import turns

CONF = cfg.CONF
HEADERS = ['X-Auth-Token', 'X-OpenStack-Request-ID']


# Pecan looks at the signature of a controller at each request, which takes
# longer than everything else it does.
core.getargspec = functools.cache(core.getargspec)


class Request(webob.BaseRequest):  # type: ignore[misc]
    """A request that has no arguments but those in its path.

    Pecan would fill what a controller takes from the query string, a form or
    the fields of a JSON body. It is not shown any of them: hooks read query
    and body, strictly, and not before the caller is known to be allowed to
    ask. An operation gets what they read with its ``call``.

    :ivar context: who asks
    :ivar call: which operation is meant, and what for
    """

    context: context.RequestContext
    call: routing.Call
    #: Pecan's own.
    pecan: dict[str, object] = {}
    # The names by which Pecan asks for arguments.
    GET = params = multidict.NestedMultiDict()
    json: Mapping[str, object] = {}


class Application(pecan.Pecan):  # type: ignore[misc]
    """Pecan with a table of routes in the place of its object dispatch."""

    def route(self, req: Request, node: routing.Table,
              path: str
              ) -> tuple[routing.Operation, list[routing.Call | str]]:
        """Return the operation that a request means, and its arguments."""
        route, params = node.find(req.method, path)
        req.call = routing.Call(route, req.context, req.path_url)
        # A caller who wants what there is not gets JSON, not a 406.
        req.pecan['content_type'] = _form(req, route)
        return route.function, [req.call, *params]

    def _handle_empty_response_body(self, state: core.RoutingState) -> None:
        """Do what Pecan does about answers without a body.

        To find out whether there is one it would decode all of it, which
        takes longer than writing a long list as JSON.
        """
        if not state.response.content_length:
            super()._handle_empty_response_body(state)


def _form(req: Request, route: routing.Route) -> str:
    """Return the media type that the caller likes best."""
    forms = list(route.forms)
    if len(forms) > 1:
        offers = req.accept.acceptable_offers(forms)
        return str(offers[0][0]) if offers else forms[0]
    return forms[0]


class _PlainLocation:
    """Leaves the Location of answers a path, as it is documented.

    The libraries inside of it put in front what this process takes for its
    address, which need not be the one that callers use.
    """

    def __init__(self, application: wsgi.WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: wsgi.WSGIEnvironment,
                 start_response: wsgi.StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]],
                  exc_info: auth.ExcInfo = None
                  ) -> Callable[[bytes], object]:
            plain = [
                (name, urllib.parse.urlsplit(value).path
                 if name.lower() == 'location' else value)
                for name, value in headers]
            return start_response(status, plain, exc_info)
        return self._application(environ, start)


class _Door:
    """Starts each request with an empty log context.

    Threads answer one request after the other. What the one before it left
    in the log's context must not stand in lines of a request that is
    refused before it has a context of its own.
    """

    def __init__(self, application: wsgi.WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: wsgi.WSGIEnvironment,
                 start_response: wsgi.StartResponse) -> Iterable[bytes]:
        # The newest context of a thread is that of its log.
        context.RequestContext(
            request_id=environ.get(request_id.ENV_REQUEST_ID))
        with turns.for_a_client():
            return self._application(environ, start_response)


def build() -> wsgi.WSGIApplication:
    """Build the application; options must have been read before.

    :raises Misconfigured: a file that options name cannot be used
    """
    policy.load()
    secrets.check()
    cors.set_defaults(
        allow_headers=HEADERS, expose_headers=[*HEADERS, 'Location'],
        allow_methods=['GET', 'PUT', 'POST', 'DELETE'])
    application: wsgi.WSGIApplication = Application(
        routing.TABLE, hooks=hooks.all_hooks, request_cls=Request,
        custom_renderers=renderers.ALL, guess_content_type_from_ext=False)
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
