# SPDX-License-Identifier: Apache-2.0
"""Choosing the moves of an audit to make, and checking them again."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.audits import picture
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import audits as db_audits
from cloudmanager.db.models import Row
from cloudmanager.domain import budgets
from cloudmanager.domain.audit_states import APPLICABLE
from cloudmanager.domain.audit_states import MoveState
from cloudmanager.domain.audit_states import OPEN
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import classify
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import recheck
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
# How many changes an error names.
MAX_NAMED = 10
#: The text of the item of a server that a cancelled task has not moved.
CANCELLED = 'The task was cancelled'
#: The same for a server that the policy of the aggregate has held back.
HELD = 'Not begun'


def chosen(context: RequestContext, audit: Row, params: Mapping[str, Any],
           task_id: str = '') -> list[Row]:
    """Return the moves of an audit that are to be carried out.

    :param params: the parameters of the request; ``servers`` names the servers
        to move, and is empty for all
    :param task_id: the task that may have begun to make the moves already
    :raises AuditNotApplicable: there are none, or the status of the audit does
        not allow it
    """
    begun = task_id and audit['apply_task_id'] == task_id
    if audit['status'] not in APPLICABLE and not begun:
        raise exception.AuditNotApplicable(
            audit=audit['id'], reason=f'its status is {audit["status"]}')
    moves = [row for row in db_audits.moves(context, audit['id'])
             if row['state'] in OPEN]
    wanted = params.get('servers') or [row['server_id'] for row in moves]
    missing = set(wanted) - {row['server_id'] for row in moves}
    if missing:
        raise exception.AuditNotApplicable(
            audit=audit['id'], reason='it has no move to be made of server '
                                      f'{sorted(missing)[0]}')
    if not moves:
        raise exception.AuditNotApplicable(
            audit=audit['id'], reason='it has no moves to be made')
    return [row for row in moves if row['server_id'] in wanted]


def check(context: RequestContext, seen: picture.Seen, audit: Row,
          moves: Sequence[Row], force: bool) -> None:
    """Check that moves still fit the cloud as it is now.

    :param force: allow that the cloud has changed, as long as the moves fit
    :raises AuditStale: the moves do not fit, or the cloud has changed; unless
        ``force`` is given, the audit is then marked as stale
    """
    changes = []
    if not force:
        done = {row['server_id']: row['destination']
                for row in db_audits.moves(context, audit['id'])
                if row['state'] == MoveState.DONE}
        changes = recheck.differences(audit['picture'], seen.picture, done)
    if not changes:
        names = {row['server_id']: row['server_name'] for row in moves}
        changes = [f'server {names[key]} ({key}) cannot be moved: {reason}'
                   for key, reason in seen.problems(
                       map(planned, moves)).items()]
    if not changes:
        return
    if not force:
        db_audits.make_stale(context, audit['id'])
    more = len(changes) - MAX_NAMED
    raise exception.AuditStale(
        audit=audit['id'], changes='; '.join(changes[:MAX_NAMED]) + (
            f'; and {more} more' if more > 0 else ''))


def check_stored(context: RequestContext, tools: Tools, audit: Row,
                 params: Mapping[str, Any],
                 task_id: str = '') -> tuple[picture.Seen, list[Row]]:
    """Read the cloud, and return the moves of an audit if they fit it.

    :param params: the parameters of the request: ``servers`` and ``force``
    :param task_id: the task that is to carry them out, if there is one
    :raises AuditNotApplicable: the audit has no moves to carry out
    :raises AuditStale: the moves no longer fit
    """
    moves = chosen(context, audit, params, task_id)
    seen = picture.look(tools, audit['aggregate_id'])
    check(context, seen, audit, moves, bool(params.get('force')))
    return seen, moves


def planned(row: Row) -> recheck.Planned:
    """Return a stored move as the planner sees it."""
    return recheck.Planned(row['server_id'], row['source'],
                           row['destination'], row['action'], row['stage'])


def item_of(row: Row, server: model.Server) -> MoveItem:
    """Return the item of a stored move."""
    return MoveItem(
        kind=ItemKind.SERVER, object_id=row['server_id'],
        name=row['server_name'], action=row['action'], source=row['source'],
        destination=row['destination'], ladder=[Action(row['action'])],
        status=classify.base_status(server), fixed=True,
        group_id=row['group_id'], size_mb=row['size_mb'],
        stage=row['stage'], why=row['reason'],
        per_day=budgets.read(server.metadata.get(
            CONF.host_tasks.budget_key)),
        project_id=server.project_id,
        slow=server.metadata.get(CONF.host_tasks.slow_migration_key) or '')


def as_planned(item: MoveItem) -> recheck.Planned:
    """Return the item of a move as the planner sees it."""
    return recheck.Planned(item.object_id, item.source or '',
                           item.destination or '', item.action or '',
                           item.stage)


def ends(items: Iterable[MoveItem]
         ) -> dict[str, tuple[MoveState, str | None]]:
    """Return the outcomes of moves, by the id of the server."""
    return {item.object_id: _end(item) for item in items}


def _end(item: MoveItem) -> tuple[MoveState, str | None]:
    if item.state == ItemState.DONE:
        return MoveState.DONE, None
    if item.state == ItemState.PENDING:
        return MoveState.PLANNED, None
    if item.state == ItemState.SKIPPED:
        if (item.error or '').startswith((CANCELLED, HELD)):
            return MoveState.PLANNED, item.error
        return MoveState.SKIPPED, item.error
    return MoveState.FAILED, item.error or 'Its outcome is unknown.'
