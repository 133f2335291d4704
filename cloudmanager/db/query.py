# SPDX-License-Identifier: Apache-2.0
"""Applies filters, order and page to a statement, for every list."""

from collections.abc import Callable
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from cloudmanager.common import query as common_query

_CONDITIONS: dict[str, Callable[[Any, Any], Any]] = {
    'eq': lambda column, value: column == value,
    # A row without a value does differ, whatever SQL thinks of NULL.
    'neq': lambda column, value: sa.or_(column != value, column.is_(None)),
    'gt': lambda column, value: column > value,
    'gte': lambda column, value: column >= value,
    'lt': lambda column, value: column < value,
    'lte': lambda column, value: column <= value,
    'in': lambda column, value: column.in_(value),
    'nin': lambda column, value: sa.or_(column.not_in(value),
                                        column.is_(None)),
    'like': lambda column, value: column.like(value),
    'ilike': lambda column, value: column.ilike(value),
    'null': lambda column, value: column.is_(None),
    'notnull': lambda column, value: column.is_not(None),
}
# More ids than this are looked up by their range instead of a long IN.
MAX_IN = 500


def among(column: Any, ids: Collection[int]) -> Any:
    """Condition for the rows of some ids, for one statement of any length.

    When there are many, rows of ids between them are found as well, which
    the caller leaves aside: the ids of a page lie close together.

    :param ids: at least one
    """
    if len(ids) <= MAX_IN:
        return column.in_(list(ids))
    return column.between(min(ids), max(ids))


def where(statement: Any, model: Any,
          query: common_query.Query) -> Any:
    """Add the filters of a query to a statement on a model."""
    for condition in query.filters:
        column = getattr(model, condition.column)
        statement = statement.where(
            _CONDITIONS[condition.operator](column, condition.value))
    return statement


def page(statement: Any, model: Any, query: common_query.Query,
         identity: str = 'id') -> Any:
    """Add order and page to a statement.

    The order always ends with the identity, so that a marker names one
    place in it.
    """
    sort = list(query.sort)
    if identity not in [name for name, _ in sort]:
        sort.append((identity, 'asc'))
    if query.marker is not None:
        statement = statement.where(_after(model, sort, query.marker,
                                           identity))
    for name, direction in sort:
        column = getattr(model, name)
        nullable = model.__table__.c[name].nullable
        if nullable:
            # Databases differ on where NULL sorts; this settles it.
            missing = column.is_(None)
            statement = statement.order_by(
                missing.desc() if direction == 'desc' else missing.asc())
        statement = statement.order_by(
            column.desc() if direction == 'desc' else column.asc())
    if query.offset:
        statement = statement.offset(query.offset)
    if query.limit is not None:
        statement = statement.limit(query.limit)
    elif query.offset:
        statement = statement.limit(2 ** 31 - 1)
    return statement


def _after(model: Any, sort: list[tuple[str, str]], marker: Any,
           identity: str) -> Any:
    """Condition for rows that come after the marker's row.

    No row does when there is no such row.
    """
    alternatives = []
    equal: list[Any] = []
    key = getattr(orm.aliased(model), identity)
    for name, direction in sort:
        column = getattr(model, name)
        value = (sa.select(column)
                 .where(getattr(model, identity) == marker)
                 .correlate(None).scalar_subquery())
        further = column < value if direction == 'desc' else column > value
        if model.__table__.c[name].nullable:
            if direction == 'desc':
                further = sa.or_(further, sa.and_(value.is_(None),
                                                  column.is_not(None)))
            else:
                further = sa.or_(further, sa.and_(value.is_not(None),
                                                  column.is_(None)))
            same = sa.or_(column == value,
                          sa.and_(column.is_(None), value.is_(None)))
        else:
            same = column == value
        alternatives.append(sa.and_(*equal, further))
        equal.append(same)
    after = sa.or_(*alternatives)
    if any(model.__table__.c[name].nullable for name, _ in sort):
        # Without its row a marker would look like one without values.
        after = sa.and_(
            sa.exists().where(key == marker).correlate(None), after)
    return after
