# SPDX-License-Identifier: Apache-2.0
"""Policies of host aggregates: when they are audited without a request."""

import datetime

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.domain.audit_policies import Mode

_POLICY = models.AggregatePolicy
_POLICIES = sa.select(*_POLICY.__table__.c)


@api.reader
def find(context: api.Context, aggregate_id: int) -> models.Row | None:
    """Return the policy of an aggregate, if it has one."""
    return db_query.first(
        context, _POLICIES.where(_POLICY.aggregate_id == aggregate_id))


@api.reader
def active(context: api.Context) -> list[models.Row]:
    """Return the policies by which aggregates are audited."""
    return db_query.rows(context, _POLICIES.where(
        _POLICY.mode != Mode.OFF).order_by(_POLICY.aggregate_id))


@api.writer
def _replace(context: api.Context, values: models.Row) -> int:
    return table.changed(context, sa.update(_POLICY).where(
        _POLICY.aggregate_id == values['aggregate_id']).values(**values))


def put(context: api.Context, aggregate_id: int, mode: Mode,
        document: models.Row,
        next_audit_at: datetime.datetime | None) -> models.Row:
    """Give an aggregate a policy, which is not frozen.

    :param document: schedule, windows and limits
    :returns: the row
    """
    values = {'aggregate_id': aggregate_id, 'mode': mode,
              'document': document, 'next_audit_at': next_audit_at,
              'frozen_at': None, 'frozen_reason': None,
              'updated_at': clock.utcnow()}
    if not _replace(context, values):
        try:
            table.create(context, _POLICY, values)
        except db_exc.DBDuplicateEntry:
            # Another request was faster; the later one counts.
            _replace(context, values)
    found = find(context, aggregate_id)
    if found is None:
        raise exception.AggregateNotFound(aggregate=aggregate_id)
    return found


@api.writer
def advance(context: api.Context, aggregate_id: int,
            seen: datetime.datetime | None,
            following: datetime.datetime) -> bool:
    """Set when an aggregate is audited next.

    :param seen: the time stored until now
    :returns: false if another conductor has changed the time before
    """
    column = _POLICY.next_audit_at
    return bool(table.changed(context, sa.update(_POLICY).where(
        _POLICY.aggregate_id == aggregate_id,
        column.is_(None) if seen is None else column == seen).values(
            next_audit_at=following, updated_at=_POLICY.updated_at)))


@api.writer
def freeze(context: api.Context, aggregate_id: int, reason: str) -> bool:
    """Stop changes of an aggregate without a request until a new policy.

    :returns: whether it was not frozen before
    """
    return bool(table.changed(context, sa.update(_POLICY).where(
        _POLICY.aggregate_id == aggregate_id,
        _POLICY.frozen_at.is_(None)).values(
            frozen_at=clock.utcnow(), frozen_reason=reason,
            updated_at=_POLICY.updated_at)))
