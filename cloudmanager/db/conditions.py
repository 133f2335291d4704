# SPDX-License-Identifier: Apache-2.0
"""Conditions of nodes, derived from what is stored about the nodes."""

from collections.abc import Collection
import dataclasses
import datetime

from oslo_log import log as logging
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.domain import conditions

LOG = logging.getLogger(__name__)
#: A power state that was read longer ago than this is out of date.
STALE_POWER = datetime.timedelta(minutes=15)
_NODE = models.Node
_COLUMNS = (_NODE.id, _NODE.name, _NODE.condition, _NODE.condition_reason,
            _NODE.compute_host, _NODE.compute_status, _NODE.compute_state,
            _NODE.power_state, _NODE.power_state_at,
            _NODE.power_state_reason, _NODE.power_off_wanted,
            _NODE.is_reserved, _NODE.active)


@dataclasses.dataclass(frozen=True, slots=True)
class ConditionChange:
    """A node whose condition, or the reason for it, has changed."""

    node_id: int
    name: str | None
    before: int
    verdict: conditions.Verdict


def refresh(context: api.Context,
            node_ids: Collection[int] | None = None) -> list[ConditionChange]:
    """Update conditions after new facts about nodes were stored.

    The number of statements does not depend on the number of nodes.

    :param node_ids: of the nodes to look at; all when it is ``None``
    """
    rows = _read(context, node_ids)
    busy = _busy(context, rows)
    granted = [row.id for row in rows if _is_granted(row, busy)]
    if granted:
        _forget_wishes(context, granted)
    found = [change for row in rows
             if (change := _judge(row, busy)) is not None]
    if found:
        _write(context, found)
    for change in found:
        LOG.log(logging.WARNING if change.verdict.condition
                == conditions.ALARM else logging.INFO,
                'Node %(id)d (%(name)s): condition %(before)d becomes '
                '%(after)d: %(why)s', {
                    'id': change.node_id, 'name': change.name,
                    'before': change.before,
                    'after': change.verdict.condition,
                    'why': change.verdict.reason or 'all is well'})
    return found


@api.reader
def _read(context: api.Context,
          node_ids: Collection[int] | None) -> list[db_query.Found]:
    statement = (sa.select(*_COLUMNS,
                           models.NodeClass.name.label('class_name'))
                 .join(models.NodeClass,
                       models.NodeClass.id == _NODE.node_class_id)
                 .order_by(_NODE.id))
    if node_ids is None:
        return list(context.session.execute(statement))
    return [row for some in db_query.chunks(sorted(node_ids))
            for row in context.session.execute(
                statement.where(_NODE.id.in_(some)))]


def _targets(row: db_query.Found) -> set[str]:
    """Return what a task acts on when it acts on a node."""
    return {f'node:{row.id}', *(f'host:{host}' for host in
                                (row.name, row.compute_host) if host)}


@api.reader
def _busy(context: api.Context, rows: list[db_query.Found]) -> frozenset[str]:
    """Return those targets of some nodes that tasks act on now."""
    targets: set[str] = set().union(*map(_targets, rows))
    statement = sa.select(models.TaskTarget.target)
    if len(targets) <= db_query.MAX_IN:
        statement = statement.where(
            models.TaskTarget.target.in_(sorted(targets)))
    return frozenset(context.session.scalars(statement)) & targets


def _is_busy(row: db_query.Found, busy: frozenset[str]) -> bool:
    return not busy.isdisjoint(_targets(row))


def _is_granted(row: db_query.Found, busy: frozenset[str]) -> bool:
    """Tell whether a node that was switched off is on again."""
    return (row.power_off_wanted and row.power_state == 'power_on'
            and not _is_busy(row, busy))


@api.writer
def _forget_wishes(context: api.Context, node_ids: list[int]) -> None:
    for some in db_query.chunks(node_ids):
        context.session.execute(
            sa.update(_NODE)
            .where(_NODE.id.in_(some), _NODE.power_state == 'power_on')
            .values(power_off_wanted=False))


def _power(row: db_query.Found) -> conditions.Power:
    if row.power_state is None:
        return (conditions.Power.UNKNOWN if row.power_state_reason
                else conditions.Power.UNCHECKED)
    # A state that an operator has set does not become out of date.
    if (row.power_state_at is not None
            and clock.utcnow() - row.power_state_at > STALE_POWER):
        return conditions.Power.UNCHECKED
    return (conditions.Power.ON if row.power_state == 'power_on'
            else conditions.Power.OFF)


def _judge(row: db_query.Found,
           busy: frozenset[str]) -> ConditionChange | None:
    facts = conditions.Facts(
        compute=conditions.compute_of(row.compute_status, row.compute_state)
        if row.class_name == conditions.HYPERVISOR
        else conditions.Compute.NONE,
        power=_power(row), task=_is_busy(row, busy),
        off_wanted=row.power_off_wanted and not _is_granted(row, busy),
        reserved=row.is_reserved, active=row.active)
    verdict = conditions.decide(row.condition, facts, row.compute_host)
    if verdict is None or verdict == conditions.Verdict(
            row.condition, row.condition_reason):
        return None
    return ConditionChange(row.id, row.name, row.condition, verdict)


@api.writer
def _write(context: api.Context, found: list[ConditionChange]) -> None:
    """Write conditions, one statement for all that are alike.

    If the condition of a node was changed in the meantime, that change stays;
    the next round looks at the node again.
    """
    alike: dict[tuple[int, conditions.Verdict], list[int]] = {}
    for change in found:
        alike.setdefault((change.before, change.verdict), []).append(
            change.node_id)
    for (before, verdict), ids in alike.items():
        for some in db_query.chunks(ids):
            context.session.execute(
                sa.update(_NODE)
                .where(_NODE.id.in_(some), _NODE.condition == before)
                .values(condition=verdict.condition,
                        condition_reason=verdict.reason and
                        verdict.reason[:255]))


@api.writer
def _note(context: api.Context, host: str, status: str,
          state: str) -> list[int]:
    rows = context.session.execute(
        sa.select(_NODE.id, _NODE.name, _NODE.compute_host,
                  _NODE.compute_status)
        .where(sa.or_(_NODE.name == host, _NODE.compute_host == host)))
    # Some collations find more than was asked for.
    ids = [row.id for row in rows if host in (row.name, row.compute_host)
           and row.compute_status not in ('absent', 'renamed')]
    if ids:
        context.session.execute(
            sa.update(_NODE).where(_NODE.id.in_(ids))
            .values(compute_status=status, compute_state=state))
    return ids


def note_compute(context: api.Context, host: str, status: str,
                 state: str) -> None:
    """Store what Nova has just reported about the nova-compute of a host.

    :param host: exact name of the host in Nova
    :param status: ``enabled`` or ``disabled``
    :param state: ``up``, ``down`` or ``forced_down``
    """
    ids = _note(context, host, status, state)
    if ids:
        refresh(context, ids)
