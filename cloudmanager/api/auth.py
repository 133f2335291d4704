# SPDX-License-Identifier: Apache-2.0
"""Who calls: Keystone, a file of passwords, or nobody in particular."""

from typing import Any

from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_middleware import basic_auth

from cloudmanager.api import routing

CONF = cfg.CONF
# Headers that only the authentication may set.
_IDENTITY = ('HTTP_X_ROLES', 'HTTP_X_USER_ID', 'HTTP_X_USER_NAME',
             'HTTP_X_PROJECT_ID', 'HTTP_X_PROJECT_NAME',
             'HTTP_X_IDENTITY_STATUS', 'HTTP_X_IS_ADMIN_PROJECT')


def is_public(path: str) -> bool:
    """Tell whether a path is answered without authentication."""
    given = routing.split(path)
    return given == ('healthcheck',) or any(
        route.rule is None and route.segments == given
        for route in routing.TABLE)


class _Administrator:
    """Makes callers that were let in administrators."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any],
                 start_response: Any) -> Any:
        user = environ.get('REMOTE_USER') or 'admin'
        for name in _IDENTITY:
            environ.pop(name, None)
        environ.update(HTTP_X_ROLES='admin', HTTP_X_USER_ID=user,
                       HTTP_X_USER_NAME=user, HTTP_X_PROJECT_ID='admin',
                       HTTP_X_IDENTITY_STATUS='Confirmed')
        return self._application(environ, start_response)


def _keystone(application: Any) -> Any:
    return auth_token.AuthProtocol(
        application, {'oslo_config_config': CONF})


def _http_basic(application: Any) -> Any:
    return basic_auth.BasicAuthMiddleware(
        _Administrator(application), CONF.api.http_basic_auth_user_file)


_STRATEGIES = {'keystone': _keystone, 'http_basic': _http_basic,
               'noauth': _Administrator}


class AuthMiddleware:
    """Authenticates by ``[api] auth_strategy``, but for public paths."""

    def __init__(self, application: Any) -> None:
        self._public = application
        self._protected = _STRATEGIES[CONF.api.auth_strategy](application)

    def __call__(self, environ: dict[str, Any],
                 start_response: Any) -> Any:
        chosen = (self._public if is_public(environ['PATH_INFO'])
                  else self._protected)
        return chosen(environ, start_response)
