# SPDX-License-Identifier: Apache-2.0
"""Audits of host aggregates, and their moves."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import query as common_query
from cloudmanager.domain.audit_states import AuditStatus
from cloudmanager.domain.audit_states import MoveState

_AUDIT = models.Audit
_MOVE = models.AuditMove
# All columns except the picture, which is long and only read by conductors.
_LISTED = sa.select(*(column for column in _AUDIT.__table__.c
                      if column.name != 'picture'))
_AUDITS = sa.select(*_AUDIT.__table__.c)
_MOVES = sa.select(*_MOVE.__table__.c).order_by(_MOVE.stage, _MOVE.id)


@dataclasses.dataclass(frozen=True)
class Owner:
    """The claim of a conductor on a task that writes to an audit."""

    task_id: str
    generation: int


@api.reader
def list_audits(context: api.Context,
                query: common_query.Query) -> list[models.Row]:
    """Return the audits that a query asks for."""
    return db_query.fetch(context, _LISTED, _AUDIT, query)


@api.reader
def get_audit(context: api.Context, audit_id: int,
              aggregate_id: int | None = None) -> models.Row:
    """Return an audit.

    :param aggregate_id: Nova's id of the aggregate that it must belong to
    :raises AuditNotFound: there is no such audit of the aggregate
    """
    statement = _AUDITS.where(_AUDIT.id == audit_id)
    if aggregate_id is not None:
        statement = statement.where(_AUDIT.aggregate_id == aggregate_id)
    return table.get(context, statement, exception.AuditNotFound(
        audit=audit_id, aggregate=aggregate_id))


@api.reader
def moves(context: api.Context, audit_id: int) -> list[models.Row]:
    """Return the moves of an audit in the order of their stages."""
    return db_query.rows(context, _MOVES.where(_MOVE.audit_id == audit_id))


@api.reader
def find_of_task(context: api.Context, task_id: str) -> models.Row | None:
    """Return the audit that a task makes, if there is one yet."""
    return db_query.first(context, _AUDITS.where(_AUDIT.task_id == task_id))


@api.reader
def earlier_loads(context: api.Context, aggregate_id: int, most: int,
                  gap: float) -> list[dict[str, dict[str, float]]]:
    """Return the loads that the latest audits of an aggregate found.

    :param most: audits that are looked at
    :param gap: seconds between two of them, at most; those before a longer
        gap are left out
    :returns: by host and resource, of the latest audit first
    """
    rows = context.session.execute(
        sa.select(_AUDIT.finished_at, _AUDIT.before).where(
            _AUDIT.aggregate_id == aggregate_id,
            _AUDIT.fingerprint.is_not(None))
        .order_by(_AUDIT.id.desc()).limit(most)).all()
    found, last = [], clock.utcnow()
    for finished_at, before in rows:
        if (finished_at is None
                or (last - finished_at).total_seconds() > gap):
            break
        found.append((before or {}).get('hosts', {}))
        last = finished_at
    return found


def find_applying(context: api.Context, audit_id: int,
                  params: models.Row) -> str | None:
    """Return the id of the task that applies an audit just so, if one does.

    :param params: of the request, without the aggregate
    """
    audit = get_audit(context, audit_id)
    holder = db_tasks.find_running(context,
                                   f'aggregate:{audit["aggregate_id"]}')
    if (holder is None or holder['name'] != 'aggregate.apply'
            or holder['params'] != {'aggregate_id': audit['aggregate_id'],
                                    **params}):
        return None
    task_id: str = holder['id']
    return task_id


def ensure(context: api.Context, aggregate_id: int, task_id: str,
           continuous: bool = False) -> models.Row:
    """Return the audit that a task makes; insert it if there is none yet.

    The API and a conductor may do that at the same moment.

    :param continuous: whether the policy of the aggregate asks for it
    """
    found = find_of_task(context, task_id)
    if found is None:
        try:
            table.create(context, _AUDIT, {
                'aggregate_id': aggregate_id, 'task_id': task_id,
                'status': AuditStatus.PENDING, 'continuous': continuous})
        except db_exc.DBDuplicateEntry:
            pass
        found = find_of_task(context, task_id)
    if found is None:
        raise exception.AuditNotFound(aggregate=aggregate_id, audit=task_id)
    return found


@api.writer
def update(context: api.Context, owner: Owner, audit_id: int,
           values: models.Row) -> None:
    """Write to an audit.

    :raises LeaseLost: another conductor owns the task
    """
    db_tasks.guard(context, owner.task_id, owner.generation)
    table.update(context, _AUDIT, audit_id, values)


@api.writer
def finish(context: api.Context, owner: Owner, audit_id: int,
           values: models.Row, found: Iterable[models.Row]) -> None:
    """Store the result of an audit and its moves, once.

    :raises LeaseLost: another conductor owns the task
    """
    db_tasks.guard(context, owner.task_id, owner.generation)
    changed = table.changed(context, sa.update(_AUDIT).where(
        _AUDIT.id == audit_id, _AUDIT.status.in_(
            (AuditStatus.PENDING, AuditStatus.ONGOING))).values(
                **values, status=AuditStatus.DONE,
                finished_at=clock.utcnow()))
    rows = [{**row, 'audit_id': audit_id, 'state': MoveState.PLANNED}
            for row in found]
    if changed and rows:
        context.session.execute(sa.insert(_MOVE), rows)


@api.writer
def settle(context: api.Context, owner: Owner, audit_id: int,
           values: models.Row,
           ends: Mapping[str, tuple[MoveState, str | None]]) -> None:
    """Store the outcomes of moves and of their audit.

    :param ends: state and error by the id of the server
    :raises LeaseLost: another conductor owns the task
    """
    db_tasks.guard(context, owner.task_id, owner.generation)
    now = clock.utcnow()
    for server_id, (state, error) in ends.items():
        table.changed(context, sa.update(_MOVE).where(
            _MOVE.audit_id == audit_id, _MOVE.server_id == server_id).values(
                state=state, error=error,
                finished_at=None if state == MoveState.PLANNED else now))
    table.update(context, _AUDIT, audit_id, values)


@api.reader
def moved_since(context: api.Context, aggregate_id: int,
                since: datetime.datetime) -> int:
    """Return how many servers were moved by audits without a request.

    :param since: count moves from this time on
    """
    return int(context.session.scalar(
        sa.select(sa.func.count()).select_from(_MOVE).join(
            _AUDIT, _AUDIT.id == _MOVE.audit_id).where(
                _AUDIT.aggregate_id == aggregate_id, _AUDIT.continuous,
                _MOVE.state == MoveState.DONE,
                _MOVE.finished_at >= since)) or 0)


@api.reader
def last_made(context: api.Context,
              aggregate_id: int) -> datetime.datetime | None:
    """Return when an audit of an aggregate was made last, if one was."""
    found: datetime.datetime | None = context.session.scalar(
        sa.select(sa.func.max(_AUDIT.finished_at)).where(
            _AUDIT.aggregate_id == aggregate_id))
    return found


@api.reader
def unmeasured(context: api.Context, before: datetime.datetime,
               limit: int = 100) -> list[models.Row]:
    """Return audits whose moves have ended, and were not measured since.

    :param before: when they ended at the latest
    """
    return db_query.rows(context, _LISTED.where(
        _AUDIT.applied_at <= before, _AUDIT.measured_at.is_(None),
        _AUDIT.status != AuditStatus.APPLYING).order_by(
            _AUDIT.applied_at).limit(limit))


@api.writer
def keep_gains(context: api.Context, audit: models.Row,
               predicted: float | None, real: float | None,
               gains: Mapping[str, float],
               unknown: Mapping[str, str]) -> bool:
    """Store what the moves of an audit have gained, once.

    :param audit: as it was measured
    :param gains: of moves, by the id of the server
    :param unknown: why that is not known of others
    :returns: whether nobody else had written it, or applied the audit again
    """
    if not table.changed(context, sa.update(_AUDIT).where(
            _AUDIT.id == audit['id'], _AUDIT.measured_at.is_(None),
            _AUDIT.applied_at == audit['applied_at'],
            _AUDIT.status != AuditStatus.APPLYING).values(
                measured_at=clock.utcnow(), predicted_gain=predicted,
                real_gain=real)):
        return False
    for server_id in {**gains, **unknown}:
        table.changed(context, sa.update(_MOVE).where(
            _MOVE.audit_id == audit['id'],
            _MOVE.server_id == server_id).values(
                real_gain=gains.get(server_id),
                unmeasured=unknown.get(server_id)))
    return True


@api.reader
def real_gains(context: api.Context, aggregate_id: int,
               since: datetime.datetime, limit: int) -> list[float]:
    """Return the gains of the last audits that were made without a request.

    :param since: the earliest time at which they were created
    """
    return list(context.session.scalars(
        sa.select(_AUDIT.real_gain).where(
            _AUDIT.aggregate_id == aggregate_id, _AUDIT.continuous,
            _AUDIT.real_gain.is_not(None), _AUDIT.created_at >= since)
        .order_by(_AUDIT.measured_at.desc(), _AUDIT.id.desc())
        .limit(limit)))


@api.writer
def make_stale(context: api.Context, audit_id: int) -> None:
    """Mark an audit as stale, because the cloud has changed since.

    An audit that is being applied is left as it is.
    """
    table.changed(context, sa.update(_AUDIT).where(
        _AUDIT.id == audit_id, _AUDIT.status.in_(
            (AuditStatus.DONE, AuditStatus.FAILED))).values(
                status=AuditStatus.STALE))


@api.writer
def purge(context: api.Context, days: int, batch: int = 500) -> int:
    """Remove audits that were begun longer ago than some days.

    :returns: how many
    """
    limit = clock.utcnow() - datetime.timedelta(days=days)
    old = list(context.session.scalars(
        sa.select(_AUDIT.id).where(
            _AUDIT.created_at < limit,
            _AUDIT.status != AuditStatus.APPLYING).limit(batch)))
    if old:
        context.session.execute(
            sa.delete(_MOVE).where(_MOVE.audit_id.in_(old)))
        context.session.execute(sa.delete(_AUDIT).where(_AUDIT.id.in_(old)))
    return len(old)
