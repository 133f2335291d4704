# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: Pecan inside of middleware."""

from typing import Any

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
    return request_id.RequestId(application)
