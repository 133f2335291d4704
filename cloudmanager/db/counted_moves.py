# SPDX-License-Identifier: Apache-2.0
"""Moves that count against the budgets of servers and projects.

A move counts from just before it is requested from Nova, unless its item says
later that it was not made. So the moves of a conductor that died count, and
two tasks cannot both use the last move of a budget.
"""

import collections
from collections.abc import Collection
import dataclasses
import datetime

import sqlalchemy as sa
from sqlalchemy import orm

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import table
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import budgets
from cloudmanager.domain.task_states import ItemState

_MOVE = models.CountedMove
_ITEM = models.TaskItem
_MOVES = sa.join(_MOVE, _ITEM, sa.and_(
    _ITEM.task_id == _MOVE.task_id, _ITEM.object_id == _MOVE.server_id))
_COUNTING = (ItemState.PENDING, ItemState.RUNNING, ItemState.DONE)
_DAY = datetime.timedelta(hours=budgets.HOURS)


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A move to count.

    :ivar most: moves of the server in a day, ``None`` for any
    :ivar project_most: moves of all servers of its project
    :ivar seen: moves of the server in the last day, from Nova's records
    :ivar force: whether it is made even if a budget is used up
    """

    server_id: str
    project_id: str
    most: int | None
    project_most: int | None
    seen: int = 0
    force: bool = False


@api.writer
def take(context: api.Context, task_id: str, generation: int,
         wanted: Wanted) -> str:
    """Count a move that is about to be made.

    :returns: the budget that is used up, or ''; in the first case the move
        is counted only if it is forced
    :raises LeaseLost: another conductor owns the task
    """
    with db_tasks.one_at_a_time(context, f'budget:{wanted.project_id}',
                                task_id):
        db_tasks.guard(context, task_id, generation)
        present = context.session.scalar(sa.select(_MOVE.id).where(
            _MOVE.task_id == task_id, _MOVE.server_id == wanted.server_id))
        why = budgets.why_spent(
            wanted.most, max(wanted.seen, _count(
                context, _MOVE.server_id == wanted.server_id, present)),
            wanted.project_id, wanted.project_most, _count(
                context, _MOVE.project_id == wanted.project_id, present))
        if present is not None:
            return why if wanted.force else ''
        if not why or wanted.force:
            table.insert(context, _MOVE, {
                'task_id': task_id, 'server_id': wanted.server_id,
                'project_id': wanted.project_id,
                'counted_at': clock.utcnow()})
        return why


@api.reader
def of_projects(context: api.Context) -> dict[str, int]:
    """Return how many moves of the last day count, by project."""
    found = context.session.execute(
        sa.select(_MOVE.project_id, sa.func.count()).select_from(_MOVES)
        .where(*_conditions()).group_by(_MOVE.project_id))
    return {project: int(number) for project, number in found}


@api.reader
def of_servers(context: api.Context) -> dict[str, int]:
    """Return how many moves of the last day count, by server."""
    found = context.session.execute(
        sa.select(_MOVE.server_id, sa.func.count()).select_from(_MOVES)
        .where(*_conditions()).group_by(_MOVE.server_id))
    return {server: int(number) for server, number in found}


@api.reader
def times_of_servers(context: api.Context, servers: Collection[str]
                     ) -> dict[str, list[datetime.datetime]]:
    """Return when the moves of the last day were counted, by server."""
    return _times(context, _MOVE.server_id, servers)


@api.reader
def times_of_projects(context: api.Context, projects: Collection[str]
                      ) -> dict[str, list[datetime.datetime]]:
    """Return when the moves of the last day were counted, by project."""
    return _times(context, _MOVE.project_id, projects)


def _times(context: api.Context, column: orm.InstrumentedAttribute[str],
           keys: Collection[str]) -> dict[str, list[datetime.datetime]]:
    found: dict[str, list[datetime.datetime]] = (
        collections.defaultdict(list))
    if keys:
        for key, time in context.session.execute(
                sa.select(column, _MOVE.counted_at).select_from(_MOVES)
                .where(column.in_(keys), *_conditions())):
            found[key].append(time)
    return dict(found)


def _conditions() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for the moves that count now."""
    return (_ITEM.state.in_(_COUNTING),
            _MOVE.counted_at >= clock.utcnow() - _DAY)


def _count(context: api.Context, condition: sa.ColumnElement[bool],
           besides: int | None) -> int:
    statement = sa.select(sa.func.count()).select_from(_MOVES).where(
        condition, *_conditions())
    if besides is not None:
        statement = statement.where(_MOVE.id != besides)
    return int(context.session.scalar(statement) or 0)
