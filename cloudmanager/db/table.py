# SPDX-License-Identifier: Apache-2.0
"""Operations on single rows, within the caller's transaction.

Lists are in ``query``. Keys are those of a column ``id``.
"""

from collections.abc import Iterator
import contextlib
from typing import cast

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query

Key = int | str


def get(context: api.Context, statement: db_query.Statement,
        missing: exception.CloudManagerException) -> models.Row:
    """Return the row that a statement selects.

    :param missing: raised when there is none
    """
    row = db_query.first(context, statement)
    if row is None:
        raise missing
    return row


def require(context: api.Context, model: db_query.Model, key: Key,
            missing: exception.CloudManagerException) -> None:
    """Check that a row is there.

    :param missing: raised when it is not
    """
    get(context, _id_of(model, key), missing)


def lock(context: api.Context, model: db_query.Model, key: Key,
         missing: exception.CloudManagerException, *,
         from_references: bool = True) -> None:
    """Keep a row from others until the end of the transaction.

    :param missing: raised when it is not there
    :param from_references: whether new rows that refer to it have to wait;
        on databases like MySQL they always do
    """
    get(context, _id_of(model, key).with_for_update(
        key_share=not from_references), missing)


def _id_of(model: db_query.Model, key: Key) -> db_query.Statement:
    column = model.__table__.c.id
    return sa.select(column).where(column == key)


def changed(context: api.Context,
            statement: sa.Update | sa.Delete, **values: object) -> int:
    """Carry out a change, and return how many rows it met.

    :param values: of the statement's bound parameters
    """
    return context.session.connection().execute(statement, values).rowcount


def insert(context: api.Context, model: db_query.Model,
           values: models.Row) -> int:
    """Insert a row and return its id."""
    made = context.session.connection().execute(
        sa.insert(model).values(**values))
    return cast(tuple[int], made.inserted_primary_key)[0]


@api.writer
def create(context: api.Context, model: db_query.Model,
           values: models.Row) -> int:
    """Insert a row in a transaction of its own, and return its id."""
    return insert(context, model, values)


def update(context: api.Context, model: db_query.Model, key: Key,
           values: models.Row) -> None:
    """Change a row, if there are values."""
    if values:
        changed(context, sa.update(model).where(
            model.__table__.c.id == key).values(**values))


def delete(context: api.Context, model: db_query.Model, key: Key,
           missing: exception.CloudManagerException) -> None:
    """Remove a row.

    :param missing: raised when it is not there
    """
    if not changed(context, sa.delete(model).where(
            model.__table__.c.id == key)):
        raise missing


@contextlib.contextmanager
def unique(field: str, value: object) -> Iterator[None]:
    """Turn the database's error for a value in use into ours.

    :param field: what requests call it
    :raises NameTaken: another row has the value
    """
    try:
        yield
    except db_exc.DBDuplicateEntry as exc:
        raise exception.NameTaken(field=field, value=value) from exc


@contextlib.contextmanager
def unused(context: api.Context, what: str,
           nodes: db_query.Statement) -> Iterator[None]:
    """Remove something unless a node uses it.

    :param what: what is removed, in words
    :param nodes: selects the ids of nodes that use it
    :raises InUse: a node uses it, or has begun to in the meantime
    """
    node_id = context.session.scalar(nodes.limit(1))
    in_use = exception.InUse(
        what=what, by='a node' if node_id is None else f'node {node_id}')
    if node_id is not None:
        raise in_use
    try:
        yield
    except db_exc.DBReferenceError as exc:
        raise in_use from exc
