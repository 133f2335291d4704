# SPDX-License-Identifier: Apache-2.0
"""Authentication: by Keystone, by a file of passwords, or none."""

from collections.abc import Callable
from collections.abc import Iterable
import functools
import types
from wsgiref import types as wsgi

from keystoneauth1 import exceptions as ks_exc
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_log import log as logging
from oslo_middleware import basic_auth
import webob

from cloudmanager.api import errors
from cloudmanager.api import guesses
from cloudmanager.api import passwords
from cloudmanager.api import routing
from cloudmanager.common import exception

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
CHALLENGE = {'WWW-Authenticate': 'Basic realm="CloudManager"'}
# In the environment of a request whose caller is known.
_ADMITTED = 'cloudmanager.admitted'
# Length of the columns that keep who did something.
_MAX_USER = 64
# Headers that only the authentication may set, old names among them, begin
# with one of these.
_IDENTITY = ('HTTP_X_ROLE', 'HTTP_X_USER', 'HTTP_X_PROJECT',
             'HTTP_X_TENANT', 'HTTP_X_DOMAIN', 'HTTP_X_SERVICE',
             'HTTP_X_IS_ADMIN', 'HTTP_OPENSTACK_SYSTEM_SCOPE')


@functools.cache
def _public() -> frozenset[tuple[str, ...]]:
    """Return the segments of public paths; there are no others later."""
    return frozenset(route.segments for route in routing.TABLE
                     if route.rule is None)


def is_public(path: str) -> bool:
    """Tell whether a path is answered without authentication."""
    return routing.split(path) in _public()

#: What WSGI lets an application tell of an error.
ExcInfo = (tuple[type[BaseException], BaseException, types.TracebackType]
           | tuple[None, None, None] | None)


class _Administrator:
    """Gives every authenticated caller the administrator's role."""

    def __init__(self, application: wsgi.WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: wsgi.WSGIEnvironment,
                 start_response: wsgi.StartResponse) -> Iterable[bytes]:
        user = (environ.get('REMOTE_USER') or 'admin')[:_MAX_USER]
        for name in [each for each in environ if each.startswith(_IDENTITY)]:
            del environ[name]
        environ.update(HTTP_X_ROLES='admin', HTTP_X_USER_ID=user,
                       HTTP_X_USER_NAME=user, HTTP_X_PROJECT_ID='admin',
                       HTTP_X_IDENTITY_STATUS='Confirmed')
        return self._application(environ, start_response)


class _Keystone:
    """Asks Keystone about tokens.

    When Keystone cannot be asked, the answer names the options that say how
    it is.
    """

    def __init__(self, application: wsgi.WSGIApplication) -> None:
        self._application = application
        self._protected = auth_token.AuthProtocol(self._admitted, {})

    def _admitted(self, environ: wsgi.WSGIEnvironment,
                  start_response: wsgi.StartResponse) -> Iterable[bytes]:
        environ[_ADMITTED] = True
        return self._application(environ, start_response)

    def __call__(self, environ: wsgi.WSGIEnvironment,
                 start_response: wsgi.StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]],
                  exc_info: ExcInfo = None) -> Callable[[bytes], object]:
            if status.startswith('503') and _ADMITTED not in environ:
                raise exception.Unavailable(
                    reason='Keystone cannot be asked about the token now: '
                           'check [keystone_authtoken].')
            return start_response(status, headers, exc_info)

        try:
            sent: Iterable[bytes] = self._protected(environ, start)
            return sent
        except ks_exc.ClientException as exc:
            if _ADMITTED in environ:
                raise
            LOG.error('Keystone cannot be asked about tokens; check '
                      '[keystone_authtoken]: %s', exc)
            raise _not_asked(exc) from exc


def _not_asked(exc: Exception) -> exception.Unavailable:
    """Return the error to answer with when a token cannot be checked."""
    if isinstance(exc, ks_exc.EndpointNotFound):
        return exception.Misconfigured(
            setting='The user of [keystone_authtoken]',
            reason='the catalogue that it gets does not have Keystone; '
                   'check project_name, region_name and interface there, '
                   'and the roles of the user')
    return exception.Misconfigured(
        setting='[keystone_authtoken]',
        reason='Keystone could not be asked about the token')


def _peer(environ: wsgi.WSGIEnvironment) -> str | None:
    """Return the address of a client, as the nearest proxy knows it.

    What stands before it in the header the client may have written itself.
    """
    forwarded = environ.get('HTTP_X_FORWARDED_FOR')
    if forwarded and CONF.oslo_middleware.enable_proxy_headers_parsing:
        return str(forwarded).rpartition(',')[2]
    return environ.get('REMOTE_ADDR')


class _HttpBasic:
    """Asks for a name and a password.

    oslo.middleware's own class answers whatever goes wrong inside of it,
    errors of the application too, with 401 and without a challenge; what it
    consists of is used here instead.
    """

    def __init__(self, application: wsgi.WSGIApplication) -> None:
        self._application = _Administrator(application)
        self._passwords = passwords.Passwords(
            CONF.api.http_basic_auth_user_file, CONF.api.failed_logins)

    def __call__(self, environ: wsgi.WSGIEnvironment,
                 start_response: wsgi.StartResponse) -> Iterable[bytes]:
        try:
            user, password = basic_auth.parse_token(
                basic_auth.parse_header(environ))
            known = self._passwords.check(user, password,
                                          guesses.place(_peer(environ)))
        except webob.exc.HTTPException:
            known = False
        if not known:
            answer = errors.of_status(
                401, environ.get('openstack.request_id'), CHALLENGE)
            sent: Iterable[bytes] = answer(environ, start_response)
            return sent
        environ['REMOTE_USER'] = user
        return self._application(environ, start_response)


_STRATEGIES: dict[
    str, Callable[[wsgi.WSGIApplication], wsgi.WSGIApplication]] = {
    'keystone': _Keystone, 'http_basic': _HttpBasic,
    'noauth': _Administrator}


class AuthMiddleware:
    """Authenticates by ``[api] auth_strategy``, but for public paths."""

    def __init__(self, application: wsgi.WSGIApplication) -> None:
        self._public = application
        self._protected = _STRATEGIES[CONF.api.auth_strategy](application)

    def __call__(self, environ: wsgi.WSGIEnvironment,
                 start_response: wsgi.StartResponse) -> Iterable[bytes]:
        chosen = (self._public if is_public(environ['PATH_INFO'])
                  else self._protected)
        return chosen(environ, start_response)
