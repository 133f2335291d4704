# SPDX-License-Identifier: Apache-2.0
"""Filters and pages of what is in no database, as databases apply them."""

from collections.abc import Callable
from collections.abc import Sequence
import re
from typing import Any

from cloudmanager.db import models
from cloudmanager.domain.query import Filter
from cloudmanager.domain.query import Query


def _pattern(text: str, flags: int) -> re.Pattern[str]:
    """Return a pattern with % and _, where a backslash takes their meaning.
    """
    found, escaped = [], False
    for character in text:
        if escaped or character not in '\\%_':
            found.append(re.escape(character))
            escaped = False
        elif character == '\\':
            escaped = True
        else:
            found.append('.*' if character == '%' else '.')
    return re.compile(''.join(found), re.DOTALL | flags)


def _matches(value: Any, text: str, flags: int = 0) -> bool:
    return (value is not None
            and _pattern(text, flags).fullmatch(value) is not None)


_CONDITIONS: dict[str, Callable[[Any, Any], bool]] = {
    'eq': lambda value, wanted: value == wanted,
    'neq': lambda value, wanted: value != wanted,
    'in': lambda value, wanted: value in wanted,
    'nin': lambda value, wanted: value not in wanted,
    'like': _matches,
    'ilike': lambda value, text: _matches(value, text, re.IGNORECASE),
    'gt': lambda value, wanted: value is not None and value > wanted,
    'gte': lambda value, wanted: value is not None and value >= wanted,
    'lt': lambda value, wanted: value is not None and value < wanted,
    'lte': lambda value, wanted: value is not None and value <= wanted,
    'null': lambda value, _: value is None,
    'notnull': lambda value, _: value is not None,
}


def _meets(row: models.Row, condition: Filter) -> bool:
    return _CONDITIONS[condition.operator](row[condition.column],
                                           condition.value)


def select(rows: Sequence[models.Row], query: Query) -> list[models.Row]:
    """Return the rows that a query asks for, in their own order.

    :param rows: with an ``id``, where pages begin after one
    """
    found = [row for row in rows
             if all(_meets(row, condition) for condition in query.filters)]
    if query.marker is not None:
        places = [place for place, row in enumerate(found)
                  if row['id'] == query.marker]
        found = found[places[0] + 1:] if places else []
    found = found[query.offset:]
    return found if query.limit is None else found[:query.limit]
