# SPDX-License-Identifier: Apache-2.0
"""JSON in and out: strict in, fast out."""

import json

import orjson

from cloudmanager.common import exception

#: Media types of answers. Pecan and WebOb write them as they stand here.
JSON, CSV = 'application/json', 'text/csv'
# Beyond it not every integer is a number of JSON's kind.
_MAX_WHOLE = 2 ** 53


def dumps(document: object) -> bytes:
    """Return a document as JSON; times are written to the second."""
    return orjson.dumps(document, option=orjson.OPT_OMIT_MICROSECONDS)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError('a key is given twice')
    return found


def _number(text: str) -> int | float:
    """Return a number with a fraction or an exponent.

    To JSON schema, and so to our documentation, 2.0 is an integer.
    """
    value = float(text)
    if value.is_integer() and abs(value) <= _MAX_WHOLE:
        return int(value)
    return value


def _check(value: object) -> None:
    """Refuse what databases cannot store."""
    if isinstance(value, str):
        if '\x00' in value:
            raise ValueError('a text contains a NUL character')
    elif isinstance(value, list):
        for element in value:
            _check(element)
    elif isinstance(value, dict):
        for key, element in value.items():
            _check(key)
            _check(element)


def loads(body: bytes) -> object:
    """Return the document of a request's body.

    orjson refuses what is not JSON to the letter (NaN, lone surrogates,
    too deep nesting); keys given twice are found by the second reading.

    :raises Invalid: it is not valid JSON
    """
    try:
        orjson.loads(body)
        document: object = json.loads(
            body, object_pairs_hook=_unique, parse_float=_number)
        _check(document)
    except (ValueError, RecursionError) as exc:
        raise exception.Invalid(
            reason=f'The body is not valid JSON: {exc}.') from exc
    return document
