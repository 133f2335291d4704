# SPDX-License-Identifier: Apache-2.0
"""Which power controls are due for a reading, and summaries of the fleet."""

import dataclasses
import datetime

import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.domain import power_states

_NODE = models.Node.__table__
_LINK = models.NodePowerControl.__table__
_CONTROL = models.PowerControl.__table__


@dataclasses.dataclass(frozen=True, slots=True)
class Due:
    """A power control that is due for a reading.

    :ivar failures: how many looks in a row have failed
    """

    id: int
    failures: int


@api.reader
def due(context: api.Context, interval: float) -> list[Due]:
    """Return the power controls in use that are to be looked at.

    Those that answered last time come first, and among them those that were
    not read for the longest time.

    :param interval: seconds from one reading to the next
    """
    now = clock.utcnow()
    before = now - datetime.timedelta(seconds=interval)
    seen = _CONTROL.c.last_success_at
    rows = context.session.execute(
        sa.select(_CONTROL.c.id, _CONTROL.c.failures)
        .where(sa.exists().where(_LINK.c.power_control_id == _CONTROL.c.id),
               sa.or_(_CONTROL.c.retry_at <= now,
                      sa.and_(_CONTROL.c.retry_at.is_(None),
                              sa.or_(seen.is_(None), seen <= before))))
        .order_by(sa.case((_CONTROL.c.failures == 0, 0), else_=1),
                  sa.case((seen.is_(None), 0), else_=1), seen,
                  _CONTROL.c.id))
    return [Due(row.id, row.failures) for row in rows]


@api.reader
def devices(context: api.Context, ids: list[int]) -> list[models.Row]:
    """Return power controls with secrets encrypted and ``outputs`` in use."""
    found = {row['id']: {**row, 'outputs': []} for row in
             context.session.execute(sa.select(_CONTROL).where(
                 _CONTROL.c.id.in_(ids))).mappings()}
    for row in context.session.execute(
            sa.select(_LINK.c.power_control_id, _LINK.c.power_control_port)
            .where(_LINK.c.power_control_id.in_(ids))
            .order_by(_LINK.c.id)):
        found[row.power_control_id]['outputs'].append(
            row.power_control_port)
    return list(found.values())


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(
        sa.func.sum(sa.case((condition, 1), else_=0)), 0)


@api.reader
def controls_summary(context: api.Context, lost_after: int) -> models.Row:
    """Return how many power controls there are in which health.

    :param lost_after: failures in a row after which one is unreachable
    """
    used = sa.exists().where(_LINK.c.power_control_id == _CONTROL.c.id)
    failures, seen = _CONTROL.c.failures, _CONTROL.c.last_success_at
    row = context.session.execute(sa.select(
        sa.func.count().label('total'),
        _count(used).label('in_use'),
        _count(sa.and_(used, failures == 0, seen.is_not(None)))
        .label('answering'),
        _count(sa.and_(used, failures > 0, failures < lost_after))
        .label('failing'),
        _count(sa.and_(used, failures >= lost_after)).label('unreachable'),
        _count(sa.and_(used, failures == 0, seen.is_(None)))
        .label('never_checked'),
        sa.func.min(sa.case((sa.and_(used, failures == 0), seen)))
        .label('oldest_reading_at'))).mappings().one()
    return {key: value if key == 'oldest_reading_at' else int(value)
            for key, value in row.items()}


@api.reader
def nodes_summary(context: api.Context) -> dict[str, int]:
    """Return how many nodes there are of each power status."""
    state, at = _NODE.c.power_state, _NODE.c.power_state_at
    reason = _NODE.c.power_state_reason
    fed = sa.exists().where(_LINK.c.node_id == _NODE.c.id)
    on = state == power_states.POWER_ON
    kinds = {
        'on': sa.and_(fed, on, reason.is_(None)),
        'degraded': sa.and_(fed, on, reason.is_not(None)),
        'off': sa.and_(fed, state == power_states.POWER_OFF),
        'error': sa.and_(fed, state.is_(None),
                         sa.or_(at.is_not(None), reason.is_not(None))),
        'never-checked': sa.and_(fed, state.is_(None), at.is_(None),
                                 reason.is_(None)),
        'no-config': sa.not_(fed)}
    row = context.session.execute(sa.select(*(
        _count(condition).label(name)
        for name, condition in kinds.items()))).mappings().one()
    return {name: int(row[name]) for name in kinds}
