# SPDX-License-Identifier: Apache-2.0
"""Where Pecan hands requests over to the table of routes."""

from typing import Any
import urllib.parse

from oslo_config import cfg
from oslo_log import log as logging
import pecan
import webob

from cloudmanager.api import errors
from cloudmanager.api import lines
from cloudmanager.api import narrowing
from cloudmanager.api import rendering
from cloudmanager.api import routing
from cloudmanager.api.controllers import v1  # noqa: F401  their routes
from cloudmanager.api.controllers import versions  # noqa: F401  its routes
from cloudmanager.api.types import fields
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import policy

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_MAX_PARAMS = 1000


def _read(request: Any) -> bytes:
    """Read a body, never more than is allowed.

    :raises BodyTooLarge: it is larger
    :raises Invalid: the client did not send all of it
    """
    try:
        return _read_some(request, CONF.api.max_body_bytes)
    except (OSError, ValueError) as exc:
        # Servers raise the latter for chunks that are none.
        raise exception.Invalid(
            reason='The body did not arrive as a whole.') from exc


def _read_some(request: Any, limit: int) -> bytes:
    too_large = errors.BodyTooLarge(limit=limit)
    if request.content_length is not None:
        if request.content_length > limit:
            raise too_large
        return request.body
    if request.headers.get('Transfer-Encoding', '').lower() != 'chunked':
        return b''
    found = request.environ['wsgi.input'].read(limit + 1)
    if len(found) > limit:
        raise too_large
    return found


def _document(request: Any) -> Any:
    """Return the body of a request as a document.

    :raises UnsupportedMediaType: it is no JSON
    :raises Invalid: it is no JSON object
    """
    if request.method not in routing.WITH_BODY:
        return {}
    body = _read(request)
    if not body:
        return {}
    if request.content_type.lower() != 'application/json':
        raise errors.UnsupportedMediaType(accepted='application/json')
    document = rendering.loads(body)
    if not isinstance(document, dict):
        raise exception.Invalid(reason='The body must be a JSON object.')
    return document


def _lines(request: Any, resource: fields.Resource) -> list[lines.Line]:
    """Return the lines of the body of a request.

    :param resource: what each of them is
    :raises UnsupportedMediaType: it has no lines
    """
    kind = request.content_type.lower()
    if kind not in lines.CONTENT_TYPES:
        raise errors.UnsupportedMediaType(
            accepted=' or '.join(lines.CONTENT_TYPES))
    return lines.read(resource, _read(request), kind)


def _params(request: Any) -> list[tuple[str, str]]:
    """Return names and values of a query string.

    Between parameters stands an ampersand and nothing else: WebOb takes a
    semicolon as well, which proxies and clients do not.

    :raises Invalid: there are too many
    """
    try:
        return urllib.parse.parse_qsl(
            request.query_string, keep_blank_values=True,
            max_num_fields=_MAX_PARAMS)
    except ValueError as exc:
        raise exception.Invalid(
            reason='There are too many parameters.') from exc


class RootController:
    """The only controller of Pecan."""

    @pecan.expose()
    def answer(self, request: Any) -> webob.Response:
        """Find the operation, read the request strictly, and answer it."""
        route, params = routing.find(request.method, request.path_info)
        call = routing.Call(
            route, cm_context.RequestContext.from_environ(request.environ),
            request.path_url, _params(request), None)
        if route.rule is not None:
            policy.authorize(call.context, route.rule)
        if route.lines is None:
            call.body = _document(request)
        else:
            call.lines = _lines(request, route.lines)
        route.read(call)
        found = route.function(call, **params)
        if not isinstance(found, routing.Answer):
            found = routing.Answer(document=found)
        made = webob.Response(status=found.status or route.status)
        _write(request, route, call, found.document, made)
        made.headers.update(found.headers)
        return made


def _write(request: Any, route: routing.Route, call: routing.Call,
           document: Any, made: webob.Response) -> None:
    """Write the body of an answer: JSON, or a list as CSV if asked for."""
    if document is None:
        made.content_type = None
        return
    resource = route.query.chosen
    made.content_type, made.charset = 'application/json', 'UTF-8'
    if resource is not None and resource.collection in document:
        made.vary = 'Accept'
        if _wants_csv(request):
            made.content_type, made.charset = narrowing.CSV, 'UTF-8'
            made.body = narrowing.to_csv(document, resource, call.chosen)
            for link in document.get(f'{resource.collection}_links', ()):
                made.headers['Link'] = (f'<{link["href"]}>; '
                                        f'rel="{link["rel"]}"')
            return
    if resource is not None and call.chosen is not None:
        document = narrowing.narrow(document, resource, call.chosen)
    made.body = rendering.dumps(document)


def _wants_csv(request: Any) -> bool:
    offers = request.accept.acceptable_offers(
        ['application/json', narrowing.CSV])
    return bool(offers) and offers[0][0] == narrowing.CSV
