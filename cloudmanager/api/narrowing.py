# SPDX-License-Identifier: Apache-2.0
"""Answers with the fields that were asked for, and as CSV."""

import csv
import datetime
import io
from typing import Any

from cloudmanager.api import rendering
from cloudmanager.api.filters import parameters
from cloudmanager.api.types import fields
from cloudmanager.common import clock

CSV = 'text/csv'


def narrow(document: dict[str, Any], resource: fields.Resource,
           chosen: parameters.Chosen) -> dict[str, Any]:
    """Leave only some fields in the objects of an answer.

    :param document: the answer, with one object or a list in its envelope
    """
    found = dict(document)
    if resource.collection in found:
        found[resource.collection] = [
            _narrowed(row, chosen) for row in found[resource.collection]]
    elif resource.name in found:
        found[resource.name] = _narrowed(found[resource.name], chosen)
    return found


def _narrowed(row: dict[str, Any],
              chosen: parameters.Chosen) -> dict[str, Any]:
    return {name: row[name] for name in chosen if name in row}


def to_csv(document: dict[str, Any], resource: fields.Resource,
           chosen: parameters.Chosen | None) -> bytes:
    """Return the list of an answer as CSV (RFC 4180) with a header.

    :param chosen: names of the columns; all fields that the list has, when
        not given
    """
    rows = document[resource.collection]
    names = chosen or tuple(field.name for field in resource.fields
                            if field.shown and (not field.optional
                                                or _among(rows, field.name)))
    text = io.StringIO()
    writer = csv.writer(text)
    if rows and not isinstance(rows[0], dict):
        writer.writerow(('id',))
        writer.writerows((row,) for row in rows)
    else:
        writer.writerow(names)
        writer.writerows([_cell(row.get(name)) for name in names]
                         for row in rows)
    return text.getvalue().encode()


def _among(rows: list[Any], name: str) -> bool:
    return any(isinstance(row, dict) and name in row for row in rows)


def _cell(value: Any) -> str:
    """Return a value as a cell: JSON where it is no plain value."""
    if value is None:
        return ''
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.datetime):
        return clock.isoformat(value) or ''
    return rendering.dumps(value).decode()
