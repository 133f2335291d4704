# SPDX-License-Identifier: Apache-2.0
"""The one form in which every error is answered."""

from collections.abc import Callable
from collections.abc import Iterable
import http
import json
import urllib.parse
from wsgiref import types as wsgi

from oslo_db import exception as db_exc
from oslo_log import log as logging
from oslo_policy import policy
from sqlalchemy import exc as sa_exc
import webob
from webob import exc as webob_exc

from cloudmanager.api import rendering
from cloudmanager.common import exception

LOG = logging.getLogger(__name__)

# As many of the lines of a body are told to be wrong.
MAX_ERRORS = 100
INTERNAL = 'An internal error occurred. The log of the service has more.'
_CODES = {
    400: 'cloudmanager.invalid', 401: 'cloudmanager.unauthorized',
    403: 'cloudmanager.forbidden', 404: 'cloudmanager.not_found',
    405: 'cloudmanager.method_not_allowed', 409: 'cloudmanager.conflict',
    413: 'cloudmanager.body_too_large',
    415: 'cloudmanager.unsupported_media_type',
    431: 'cloudmanager.header_too_large',
    429: 'cloudmanager.too_many_logins',
    500: 'cloudmanager.internal', 501: 'cloudmanager.not_implemented',
    503: 'cloudmanager.unavailable'}
_DETAILS = {
    400: 'The request is not valid.',
    401: 'The request needs authentication.',
    403: 'Policy does not allow this.',
    404: 'The resource could not be found.',
    501: 'This version cannot do that yet.',
    503: 'The service is not available.'}


class MethodNotAllowed(exception.CloudManagerException):
    """The resource exists, but has no such method."""

    code = 405
    error_code = _CODES[405]
    template = 'This resource supports: %(allowed)s.'


# Status, code and detail of an error, and what else it tells.
_Found = tuple[int, str, str, dict[str, object]]
InLine = tuple[int, exception.CloudManagerException]


class Several(exception.CloudManagerException):
    """Several lines of a body are wrong.

    :ivar errors: number of the line, and what is wrong with it
    """

    def __init__(self, errors: list[InLine]) -> None:
        self.errors = errors
        self.code = min(exc.code for _, exc in errors)
        super().__init__(f'{len(errors)} line(s) of the body are wrong.')


class BodyTooLarge(exception.CloudManagerException):
    code = 413
    error_code = _CODES[413]
    template = 'The body has more than %(limit)d bytes.'


class TooManyLogins(exception.Later):
    """Passwords are guessed, or too many are checked at once."""

    code = 429
    error_code = _CODES[429]
    template = 'Logins are slowed down. Try again in %(seconds)d s.'


class UnsupportedMediaType(exception.CloudManagerException):
    code = 415
    error_code = _CODES[415]
    template = 'Only %(accepted)s is accepted.'


def _title(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return 'Error'


def response(status: int, code: str, detail: str, request_id: str | None,
             headers: dict[str, str] | None = None,
             **more: object) -> webob.Response:
    """Make the answer of an error.

    :param status: HTTP status
    :param code: stable name of the error, for programs
    :param detail: text for people
    :param more: what else the error has to tell
    """
    return _response(status, [(status, code, detail, more)], request_id,
                     headers)


def _response(status: int, found: list[_Found],
              request_id: str | None,
              headers: dict[str, str] | None = None) -> webob.Response:
    """Make the answer of one or more errors."""
    document = {'errors': [{
        'status': each, 'code': code, 'title': _title(each),
        'detail': detail, 'request_id': request_id, **more}
        for each, code, detail, more in found]}
    made = webob.Response(
        status=status, body=rendering.dumps(document),
        content_type='application/json', charset='UTF-8')
    made.headers.update(headers or {})
    return made


def of_status(status: int, request_id: str | None,
              headers: dict[str, str] | None = None) -> webob.Response:
    """Make the answer of an error of which only the status is known."""
    detail = (INTERNAL if status == 500
              else _DETAILS.get(status, _title(status) + '.'))
    return response(status, _CODES.get(status, 'cloudmanager.error'),
                    detail, request_id, headers)


def of_server(status: int, detail: str, request_id: str) -> webob.Response:
    """Make the answer to what the server did not take for a request.

    :param detail: what is wrong with it
    """
    return response(status, _CODES.get(status, 'cloudmanager.error'),
                    f'The request is not valid HTTP: {detail}.'
                    if status == 400 else f'{detail}.', request_id,
                    {'X-OpenStack-Request-ID': request_id})


def from_exception(exc: Exception,
                   request_id: str | None) -> webob.Response:
    """Make the answer of an exception; one of unknown kind says nothing."""
    if not isinstance(exc, exception.CloudManagerException) or (
            exc.code == 500):
        return response(500, 'cloudmanager.internal', INTERNAL, request_id)
    if isinstance(exc, Several):
        return _response(exc.code, [
            (error.code, error.error_code, f'Line {number}: {error.message}',
             {})
            for number, error in exc.errors[:MAX_ERRORS]], request_id)
    headers = {}
    if isinstance(exc, MethodNotAllowed):
        headers['Allow'] = exc.kwargs['allowed']
    if exc.retry_after is not None:
        headers['Retry-After'] = str(exc.retry_after)
    more: dict[str, object] = {}
    if isinstance(exc, exception.NoPlace) and exc.kwargs.get('plan'):
        more['plan'] = json.loads(exc.kwargs['plan'])
    return response(exc.code, exc.error_code, exc.message, request_id,
                    headers, **more)


def _from_database(exc: db_exc.DBError,
                   request_id: str | None) -> webob.Response:
    """Make the answer of an error of the database."""
    LOG.error('The database failed.', exc_info=exc)
    if isinstance(exc, db_exc.DBConnectionError):
        return response(503, _CODES[503], 'The database is out of reach.',
                        request_id)
    if isinstance(exc, db_exc.DBDataError) or isinstance(
            exc.inner_exception, sa_exc.DataError):
        return response(400, _CODES[400],
                        'The database cannot store one of the values.',
                        request_id)
    return of_status(500, request_id)


def answer(exc: Exception, request_id: str | None) -> webob.Response:
    """Make the answer of whatever was raised, and log what is our fault."""
    if isinstance(exc, exception.CloudManagerException):
        if exc.code == 500:
            LOG.error('A request failed.', exc_info=exc)
        return from_exception(exc, request_id)
    if isinstance(exc, policy.InvalidScope):
        return of_status(403, request_id)
    if isinstance(exc, db_exc.DBError):
        return _from_database(exc, request_id)
    if isinstance(exc, webob_exc.HTTPException):
        return of_status(exc.status_int, request_id)
    LOG.error('A request failed.', exc_info=exc)
    return of_status(500, request_id)


class ErrorsMiddleware:
    """Gives errors of what is around Pecan their one body.

    That is exceptions of the authentication, programming errors, and what
    libraries (keystonemiddleware) answer in forms of their own.
    """

    def __init__(self, application: wsgi.WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: wsgi.WSGIEnvironment,
                 start_response: wsgi.StartResponse) -> Iterable[bytes]:
        request_id = environ.get('openstack.request_id')
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]],
                  exc_info: object = None) -> Callable[[bytes], object]:
            begun[:] = [(status, headers)]
            # It is what WSGI calls deprecated, and nobody here uses it.
            return lambda data: None

        try:
            # What is not UTF-8 would fail deep inside of libraries.
            environ['PATH_INFO'].encode('latin-1').decode('utf-8')
            urllib.parse.unquote_to_bytes(
                environ.get('QUERY_STRING', '')).decode('utf-8')
            body = self._application(environ, start)
        except UnicodeDecodeError:
            told = response(400, _CODES[400], 'The URL is not UTF-8.',
                            request_id)
            return _send(told, environ, start_response)
        except Exception as exc:
            # The boundary of the service: whatever went wrong, the caller
            # gets no internal text.
            return _send(answer(exc, request_id), environ, start_response)
        ((status, headers),) = begun
        if status < '400':
            start_response(status, headers)
            return body
        found = webob.Response(status=status, headerlist=headers,
                               app_iter=body)
        if not found.body.startswith(b'{"errors":['):
            found = _translate(found, request_id)
        return _send(found, environ, start_response)


def _send(told: webob.Response, environ: wsgi.WSGIEnvironment,
          start_response: wsgi.StartResponse) -> Iterable[bytes]:
    sent: Iterable[bytes] = told(environ, start_response)
    return sent


def _translate(found: webob.Response,
               request_id: str | None) -> webob.Response:
    """Give an answer of a library our form."""
    kept = {name: found.headers[name] for name in
            ('WWW-Authenticate', 'Allow', 'Retry-After')
            if name in found.headers}
    return of_status(found.status_int, request_id, kept)
