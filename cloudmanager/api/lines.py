# SPDX-License-Identifier: Apache-2.0
"""Bodies of many objects: JSON lines, or CSV with a header."""

from collections.abc import Iterator
import csv
import io

from cloudmanager.api import rendering
from cloudmanager.api.types import fields
from cloudmanager.common import exception
from cloudmanager.db import models

JSON_LINES = ('application/x-ndjson', 'application/jsonl',
              'application/json-lines')
CONTENT_TYPES = (rendering.CSV, *JSON_LINES)
#: A number of a line, and what stands in it or what is wrong with it.
Line = tuple[int, models.Row | exception.Invalid]


def read(resource: type[fields.Resource], body: bytes,
         content_type: str) -> list[Line]:
    """Return the objects of a body by line.

    :param resource: what each of them is
    :raises Invalid: the body cannot be read at all
    """
    try:
        text = body.decode('utf-8-sig')
    except UnicodeDecodeError as exc:
        raise exception.Invalid(reason='The body is not UTF-8.') from exc
    return list(_csv(resource, text) if content_type == rendering.CSV
                else _json(text))


def _json(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.split('\n'), 1):
        if not line.strip():
            continue
        try:
            found = rendering.loads(line.encode())
            if not isinstance(found, dict):
                raise exception.Invalid(
                    reason='A line must be a JSON object.')
        except exception.Invalid as exc:
            yield number, exc
        else:
            yield number, found


def _csv(resource: type[fields.Resource], text: str) -> Iterator[Line]:
    """Read rows; a cell without anything in it sets nothing."""
    reader = csv.reader(io.StringIO(text, newline=''), strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) != len(header):
            raise exception.Invalid(reason='A column is named twice.')
        for row in reader:
            if row:
                yield reader.line_num, _row(resource, header, row)
    except csv.Error as exc:
        raise exception.Invalid(
            reason=f'Line {reader.line_num} is not valid CSV: {exc}.'
        ) from exc


def _row(resource: type[fields.Resource], header: list[str],
         row: list[str]) -> models.Row | exception.Invalid:
    if len(row) != len(header):
        return exception.Invalid(
            reason=f'There are {len(row)} values for {len(header)} columns.')
    known = resource.by_name()
    try:
        return {name: _value(known.get(name), name, cell)
                for name, cell in zip(header, row, strict=True) if cell}
    except exception.Invalid as exc:
        return exc


def _value(field: fields.Field | None, name: str, cell: str) -> object:
    """Return the value that a cell stands for, as JSON would have it."""
    kind = None if field is None else field.given
    if kind is None or kind.json == 'string':
        return cell
    try:
        if kind.json == 'boolean':
            return kind.parse(cell)
        return rendering.loads(cell.encode())
    except (ValueError, exception.Invalid):
        raise exception.Invalid(
            reason=f'Field {name} must be of type {kind.json}.') from None
