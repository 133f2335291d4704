# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: Pecan inside of middleware."""

from typing import Any
import urllib.parse

from oslo_config import cfg
from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi
from oslo_middleware import request_id
import pecan

from cloudmanager import policies
from cloudmanager.api import auth
from cloudmanager.api import errors
from cloudmanager.api import health  # noqa: F401  its route
from cloudmanager.api.controllers import root
from cloudmanager.common import policy

CONF = cfg.CONF
HEADERS = ['X-Auth-Token', 'X-OpenStack-Request-ID']


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


def build() -> Any:
    """Build the application; options must have been read before."""
    policy.init(policies.list_rules())
    cors.set_defaults(
        allow_headers=HEADERS, expose_headers=[*HEADERS, 'Location'],
        allow_methods=['GET', 'PUT', 'POST', 'DELETE'])
    application = pecan.make_app(
        root.RootController(), debug=False, force_canonical=False,
        guess_content_type_from_ext=False)
    application = auth.AuthMiddleware(application)
    application = errors.ErrorsMiddleware(application)
    application = cors.CORS(application, CONF)
    application = http_proxy_to_wsgi.HTTPProxyToWSGI(application, CONF)
    return _PlainLocation(request_id.RequestId(application))
