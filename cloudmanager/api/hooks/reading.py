# SPDX-License-Identifier: Apache-2.0
"""Strict reading of requests: bodies first, then query strings.

Neither is looked at before the caller is known to be allowed to ask.
"""

import urllib.parse

from oslo_config import cfg
from pecan import core
from pecan import hooks
import webob

from cloudmanager.api import errors
from cloudmanager.api import lines
from cloudmanager.api import rendering
from cloudmanager.api import routing
from cloudmanager.api.types import fields
from cloudmanager.common import exception
from cloudmanager.db import models

CONF = cfg.CONF
_MAX_PARAMS = 1000


class BodyHook(hooks.PecanHook):  # type: ignore[misc]
    """Reads the body as a JSON object, or as the lines of one that has them.

    Nothing else is taken for a body: no form, no XML, no JSON that is not
    to the letter.
    """

    priority = 30

    def before(self, state: core.RoutingState) -> None:
        call = state.request.call
        if call.route.method not in routing.WITH_BODY:
            return
        if call.route.lines is None:
            call.body = _document(state.request)
        else:
            call.lines = _lines(state.request, call.route.lines)


class ParametersHook(hooks.PecanHook):  # type: ignore[misc]
    """Reads what the operation declares of its query string and body."""

    priority = 40

    def before(self, state: core.RoutingState) -> None:
        call = state.request.call
        call.params = _params(state.request)
        call.route.read(call)


def _read(request: webob.BaseRequest) -> bytes:
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


def _read_some(request: webob.BaseRequest, limit: int) -> bytes:
    too_large = errors.BodyTooLarge(limit=limit)
    if request.content_length is not None:
        if request.content_length > limit:
            raise too_large
        return bytes(request.body)
    if request.headers.get('Transfer-Encoding', '').lower() != 'chunked':
        return b''
    found: bytes = request.environ['wsgi.input'].read(limit + 1)
    if len(found) > limit:
        raise too_large
    return found


def _document(request: webob.BaseRequest) -> models.Row:
    """Return the body of a request as a document.

    :raises UnsupportedMediaType: it is no JSON
    :raises Invalid: it is no JSON object
    """
    body = _read(request)
    if not body:
        return {}
    if request.content_type.lower() != rendering.JSON:
        raise errors.UnsupportedMediaType(accepted=rendering.JSON)
    document = rendering.loads(body)
    if not isinstance(document, dict):
        raise exception.Invalid(reason='The body must be a JSON object.')
    return document


def _lines(request: webob.BaseRequest,
           resource: type[fields.Resource]) -> list[lines.Line]:
    """Return the lines of the body of a request.

    :param resource: what each of them is
    :raises UnsupportedMediaType: it has no lines
    """
    kind = request.content_type.lower()
    if kind not in lines.CONTENT_TYPES:
        raise errors.UnsupportedMediaType(
            accepted=' or '.join(lines.CONTENT_TYPES))
    return lines.read(resource, _read(request), kind)


def _params(request: webob.BaseRequest) -> list[tuple[str, str]]:
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
