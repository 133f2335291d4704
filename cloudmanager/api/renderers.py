# SPDX-License-Identifier: Apache-2.0
"""How Pecan writes what operations return: as JSON, or lists as CSV.

WSME could do it from the same types, and takes tens of times longer
(``tools/bench/request_cost.py``).
"""

from collections.abc import Sequence
import csv
import datetime
import io

import pecan

from cloudmanager.api import rendering
from cloudmanager.api import routing
from cloudmanager.api.filters import parameters
from cloudmanager.api.types import fields
from cloudmanager.common import clock
from cloudmanager.db import models


class _Renderer:
    """In the form that Pecan wants; it has one of each class."""

    def __init__(self, path: str, extra_vars: object) -> None:
        pass


class JSONRenderer(_Renderer):
    """Writes a document, with the fields that were chosen.

    An operation with several answers may give one without a body.
    """

    def render(self, template_path: str,
               namespace: models.Row | list[models.Row] | None) -> bytes:
        if namespace is None:
            return b''
        call: routing.Call = pecan.request.call
        resource = call.route.query.chosen
        if call.chosen is not None and resource is not None:
            namespace = _narrow(namespace, resource, call.chosen)
        return rendering.dumps(namespace)


class CSVRenderer(_Renderer):
    """Writes the list of a document, its link as a header."""

    def render(self, template_path: str,
               namespace: models.Row | list[models.Row]) -> bytes:
        call: routing.Call = pecan.request.call
        if isinstance(namespace, list):
            return _to_csv(namespace, call.listed, call.chosen)
        collection = call.listed.about().collection
        for link in namespace.get(f'{collection}_links', ()):
            pecan.response.headers['Link'] = (f'<{link["href"]}>; '
                                              f'rel="{link["rel"]}"')
        return _to_csv(namespace[collection], call.listed, call.chosen)


#: By the names that templates of ``pecan.expose`` begin with.
ALL = {'json_fast': JSONRenderer, 'csv': CSVRenderer}


def _narrow(document: models.Row | list[models.Row],
            resource: type[fields.Resource], chosen: parameters.Chosen
            ) -> models.Row | list[models.Row]:
    """Leave only some fields in the objects of an answer.

    :param document: the answer, with one object or a list in its envelope,
        or a list without one
    """
    if isinstance(document, list):
        return [_narrowed(row, chosen) for row in document]
    found = dict(document)
    about = resource.about()
    if about.collection in found:
        found[about.collection] = [
            _narrowed(row, chosen) for row in found[about.collection]]
    elif about.envelope in found:
        found[about.envelope] = _narrowed(found[about.envelope], chosen)
    return found


def _narrowed(row: models.Row, chosen: parameters.Chosen) -> models.Row:
    return {name: row[name] for name in chosen if name in row}


def _to_csv(rows: Sequence[models.Row | str], resource: type[fields.Resource],
            chosen: parameters.Chosen | None) -> bytes:
    """Return rows as CSV (RFC 4180) with a header.

    :param chosen: names of the columns; all fields that the list has, when
        not given
    """
    names = chosen or tuple(field.name for field in resource.fields()
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
                         for row in rows if isinstance(row, dict))
    return text.getvalue().encode()


def _among(rows: Sequence[models.Row | str], name: str) -> bool:
    return any(isinstance(row, dict) and name in row for row in rows)


def _cell(value: object) -> str:
    """Return a value as a cell: JSON where it is no plain value."""
    if value is None:
        return ''
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.datetime):
        return clock.isoformat(value) or ''
    return rendering.dumps(value).decode()
