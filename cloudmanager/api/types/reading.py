# SPDX-License-Identifier: Apache-2.0
"""Reads and checks the bodies of requests with WSME.

A document comes here as strict JSON (``hooks/reading.py``). WSME walks
through it, refuses what it does not know and misses what it must have; each
value is looked at by the type of its field (``values.py``).
"""

import wsme.exc
from wsme.rest import json as wsme_json

from cloudmanager.api.types import containers
from cloudmanager.api.types import fields
from cloudmanager.api.types import wrong
from cloudmanager.common import exception
from cloudmanager.db import models


def read(resource: type[fields.Resource], document: models.Row,
         purpose: str) -> models.Row:
    """Check a body and return its values by column.

    :param purpose: ``fields.CREATE`` or ``fields.UPDATE``
    :raises Invalid: something is wrong with it, with the field named
    """
    about = resource.about()
    if about.others is not None:
        return _read_map(about.others, document)
    return read_fields(resource, _open(about.envelope, document), purpose)


def read_fields(resource: type[fields.Resource], document: models.Row,
                purpose: str) -> models.Row:
    """Check the fields of an object without its envelope; see ``read``."""
    kind = resource.body(purpose)
    try:
        made = wsme_json.fromjson(kind, document)
    except wrong.Wrong as exc:
        raise _invalid(exc) from exc
    except wsme.exc.UnknownAttribute as exc:
        raise _unknown(exc.attributes) from exc
    except wsme.exc.InvalidInput as exc:
        # Raised by WSME itself for what is missing, and nothing else.
        raise exception.Invalid(
            reason=f'Field {exc.fieldname} is required.') from exc
    known = kind.by_name()
    return {known[name].attribute: getattr(made, known[name].key)
            for name in document}


def _read_map(kind: containers.Map,
              document: models.Row) -> models.Row:
    try:
        return dict(kind.pairs(document))
    except wrong.Wrong as exc:
        raise _invalid(exc) from exc
    except ValueError as exc:
        raise exception.Invalid(reason=f'The body {exc}.') from exc


def _invalid(exc: wrong.Wrong) -> exception.Invalid:
    return exception.Invalid(reason=f'Field {exc.fieldname} {exc.msg}.')


def _unknown(names: set[str]) -> exception.Invalid:
    return exception.Invalid(
        reason=f'Unknown field: {", ".join(sorted(names))[:255]}.')


def _open(envelope: str, document: models.Row) -> models.Row:
    """Take a body out of its envelope."""
    if not envelope:
        return document
    if envelope not in document:
        raise exception.Invalid(
            reason=f'Field {envelope} is required: the fields stand inside '
                   f'of it, {{"{envelope}": {{...}}}}.')
    if len(document) > 1:
        raise _unknown(set(document) - {envelope})
    body = document[envelope]
    if not isinstance(body, dict):
        raise exception.Invalid(
            reason=f'Field {envelope} must be an object.')
    return body
