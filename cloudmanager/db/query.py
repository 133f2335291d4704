# SPDX-License-Identifier: Apache-2.0
"""Applies filters, order and page to a statement, for every list."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import functools
from typing import Any
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions

from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.domain import query as common_query

T = TypeVar('T')
#: Whatever selects rows.
Statement = sa.Select[*tuple[Any, ...]]
#: A row as SQLAlchemy finds it, with its columns as attributes.
Found = sa.Row[*tuple[Any, ...]]
Model = type[models.Base]
#: A column, or what is computed from some.
Column = sa.SQLColumnExpression[object]
#: The place of a filter's value in a statement.
Value = sa.BindParameter[object]
Condition = sa.ColumnElement[bool]


class _Exactly(functions.FunctionElement[bool]):
    """A condition on a text, and a stricter one for databases like MySQL.

    Those take texts for equal that differ by spaces at their end.
    """

    inherit_cache = True
    name = 'exactly'


@compiler.compiles(_Exactly)
def _as_it_is(element: _Exactly, compiled: sa.Compiled,
              **kwargs: object) -> str:
    plain, _ = element.clauses
    return f'({compiled.process(plain, **kwargs)})'


@compiler.compiles(_Exactly, 'mysql', 'mariadb')
def _to_the_byte(element: _Exactly, compiled: sa.Compiled,
                 **kwargs: object) -> str:
    both = ' AND '.join(compiled.process(clause, **kwargs)
                        for clause in element.clauses)
    return f'({both})'


def _is_stored_text(column: Column) -> bool:
    return (isinstance(column, orm.InstrumentedAttribute)
            and isinstance(column.type, sa.String))


def _bytes(column: Column) -> sa.ColumnElement[str]:
    return sa.type_coerce(sa.cast(column, sa.LargeBinary), sa.String)


def _equal(column: Column, value: Value) -> Condition:
    if not _is_stored_text(column):
        return column == value
    return _Exactly(column == value, _bytes(column) == value)


def _among(column: Column, value: Value) -> Condition:
    if not _is_stored_text(column):
        return column.in_(value)
    return _Exactly(column.in_(value), _bytes(column).in_(value))


_CONDITIONS: dict[str, Callable[[Column, Value], Condition]] = {
    'eq': _equal,
    # A row without a value does differ, whatever SQL thinks of NULL.
    'neq': lambda column, value: sa.or_(
        sa.not_(_equal(column, value)), column.is_(None)),
    'gt': lambda column, value: column > value,
    'gte': lambda column, value: column >= value,
    'lt': lambda column, value: column < value,
    'lte': lambda column, value: column <= value,
    'in': _among,
    'nin': lambda column, value: sa.or_(
        sa.not_(_among(column, value)), column.is_(None)),
    # Without a word SQLite knows no escape, and the others a backslash.
    'like': lambda column, value: column.like(value, escape='\\'),
    'ilike': lambda column, value: column.ilike(value, escape='\\'),
    'null': lambda column, value: column.is_(None),
    'notnull': lambda column, value: column.is_not(None),
}
# Conditions on what is no column, by model and name.
_SPECIAL: dict[tuple[Model, str], Callable[[str, Value], Condition]] = {}
_WITHOUT_VALUE = ('null', 'notnull')
_LISTS = ('in', 'nin')
# Values that one statement takes: no database takes any number of them. Of
# more ids all rows between the first and the last one are read.
MAX_IN = 2000
# Ids that fill at least this part of their range are read as a range, too.
_DENSE = 2


def special(model: Model, name: str,
            make: Callable[[str, Value], Condition]) -> None:
    """Let lists of a model be filtered by something that is not a column.

    :param name: of the filter
    :param make: gets an operator and the place of the value, and returns
        the condition
    """
    _SPECIAL[model, name] = make


def condition(operator: str, column: Column, value: Value) -> Condition:
    """Return the condition of an operator, the same on each database."""
    return _CONDITIONS[operator](column, value)


def rows(context: api.Context, statement: Statement,
         **values: object) -> list[models.Row]:
    """Return what a statement selects, as dictionaries by column.

    Past the ORM, which would look at each row for entities to load.

    :param values: of the statement's bound parameters
    """
    found = context.session.connection().execute(statement, values)
    names = tuple(found.keys())
    return [dict(zip(names, row)) for row in found.fetchall()]


def first(context: api.Context, statement: Statement,
          **values: object) -> models.Row | None:
    """Return the first row that a statement selects, if there is one.

    :param values: of the statement's bound parameters
    """
    found = context.session.connection().execute(statement, values).first()
    return None if found is None else found._asdict()


def chunks(values: Collection[T], size: int = MAX_IN) -> Iterator[list[T]]:
    """Return some values in lists that one statement can take.

    :param size: of the lists
    """
    ordered = list(values)
    for start in range(0, len(ordered), size):
        yield ordered[start:start + size]


def fetch(context: api.Context, base: Statement, model: Model,
          query: common_query.Query, **values: object) -> list[models.Row]:
    """Return the rows that a query asks for, as dictionaries by column.

    The statement is made once for all queries of the same shape.

    :param base: selects from the model; one statement that is kept
    :param values: of its bound parameters
    """
    return rows(context, _prepared(base, model, _shape(query), True),
                **_values(query), **values)


def fetch_plain(context: api.Context, base: Statement, model: Model,
                query: common_query.Query) -> Sequence[Found]:
    """Return the rows that a query asks for, as they are found.

    :param base: selects from the model; one statement that is kept
    """
    return context.session.connection().execute(
        _prepared(base, model, _shape(query), True), _values(query)).all()


def count(context: api.Context, model: Model,
          query: common_query.Query) -> int:
    """Return how many rows of a model meet the filters of a query."""
    filters = dataclasses.replace(query, sort=(), limit=None, offset=0,
                                  marker=None)
    found: int = context.session.connection().execute(
        _prepared(_counting(model), model, _shape(filters), False),
        _values(filters)).scalar_one()
    return found


def attach(context: api.Context, owners: list[models.Row], name: str,
           base: Statement, column: orm.InstrumentedAttribute[int]) -> None:
    """Put lists of what belongs to them into some rows, by one statement.

    :param owners: rows with an ``id``
    :param name: of the lists
    :param base: selects what belongs to them; one statement that is kept
    :param column: its first one, which has the owner's id; what is attached
        goes without it
    """
    by_id: dict[object, list[models.Row]] = {}
    for owner in owners:
        owner[name] = by_id[owner['id']] = []
    if not owners:
        return
    found = _belonging(context, base, column,
                       [owner['id'] for owner in owners])
    _, *names = found.keys()
    for row in found.all():
        # Others may lie between those that were asked for.
        belongings = by_id.get(row[0])
        if belongings is not None:
            belongings.append(dict(zip(names, row[1:])))


def _belonging(context: api.Context, base: Statement, column: Column,
               ids: Collection[int]) -> sa.CursorResult[*tuple[object, ...]]:
    """Return what belongs to some ids, by one statement of bounded length.

    Rows of other ids between them may be there as well, as the ids of a page
    lie close together.

    :param ids: at least one
    """
    first, last = min(ids), max(ids)
    execute = context.session.connection().execute
    if len(ids) > MAX_IN or last - first < _DENSE * len(ids):
        return execute(_between(base, column), {'first': first, 'last': last})
    return execute(_in(base, column), {'ids': list(ids)})


@functools.cache
def _between(base: Statement, column: Column) -> Statement:
    return base.where(column.between(sa.bindparam('first'),
                                     sa.bindparam('last')))


@functools.cache
def _in(base: Statement, column: Column) -> Statement:
    return base.where(column.in_(sa.bindparam('ids', expanding=True)))


@functools.cache
def _counting(model: Model) -> Statement:
    return sa.select(sa.func.count()).select_from(model)


def _shape(query: common_query.Query) -> common_query.Query:
    """Return a query with names in the place of its values."""
    return common_query.Query(
        filters=tuple(dataclasses.replace(
            wanted, value=f'filter_{number}') for number, wanted
            in enumerate(query.filters)),
        sort=query.sort, limit=None if query.limit is None else 1,
        offset=1 if query.offset else 0,
        marker=None if query.marker is None else 'marker')


def _values(query: common_query.Query) -> models.Row:
    """Return the values of a query by the names in its shape."""
    found = {f'filter_{number}': wanted.value
             for number, wanted in enumerate(query.filters)
             if wanted.operator not in _WITHOUT_VALUE}
    if query.limit is not None:
        found['limit'] = query.limit
    if query.offset:
        found['offset'] = query.offset
    if query.marker is not None:
        found['marker'] = query.marker
    return found


@functools.lru_cache(maxsize=1000)
def _prepared(base: Statement, model: Model, shape: common_query.Query,
              paged: bool) -> Statement:
    """Return the statement of all queries of a shape."""
    statement = _where(base, model, shape)
    return _page(statement, model, shape) if paged else statement


def _where(statement: Statement, model: Model,
           shape: common_query.Query) -> Statement:
    """Add the filters of a query."""
    for wanted in shape.filters:
        make = _SPECIAL.get((model, wanted.column))
        if make is None:
            make = functools.partial(_on_column,
                                     getattr(model, wanted.column))
        statement = statement.where(make(wanted.operator, sa.bindparam(
            wanted.value, expanding=wanted.operator in _LISTS)))
    return statement


def _on_column(column: Column, operator: str, value: Value) -> Condition:
    return condition(operator, column, value)


def _page(statement: Statement, model: Model, shape: common_query.Query,
          identity: str = 'id') -> Statement:
    """Add order and page.

    The order always ends with the identity, so that a marker names one
    place in it.
    """
    sort = list(shape.sort)
    if identity not in [name for name, _ in sort]:
        sort.append((identity, 'asc'))
    if shape.marker is not None:
        statement = statement.where(_after(
            model, sort, sa.bindparam('marker'), identity))
    for name, direction in sort:
        column = getattr(model, name)
        if model.__table__.c[name].nullable:
            # Databases differ on where NULL sorts; this settles it.
            missing = column.is_(None)
            statement = statement.order_by(
                missing.desc() if direction == 'desc' else missing.asc())
        statement = statement.order_by(
            column.desc() if direction == 'desc' else column.asc())
    if shape.offset:
        statement = statement.offset(_number('offset'))
    if shape.limit is not None:
        statement = statement.limit(_number('limit'))
    elif shape.offset:
        statement = statement.limit(2 ** 31 - 1)
    return statement


def _number(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.Integer)


def _after(model: Model, sort: list[tuple[str, str]],
           marker: Value, identity: str) -> Condition:
    """Condition for rows that come after the marker's row.

    No row does when there is no such row.
    """
    alternatives = []
    equal: list[Condition] = []
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
