# SPDX-License-Identifier: Apache-2.0
"""Stores readings of power devices, and derives the power state of nodes.

The number of statements does not depend on the number of devices: of all
readings that did not change only the time is updated, by one statement.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime

import sqlalchemy as sa
from sqlalchemy import orm

from cloudmanager.common import clock
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.domain import power_states

_NODE = models.Node.__table__
_LINK = models.NodePowerControl.__table__
_CONTROL = models.PowerControl.__table__
_EVENT = models.PowerEvent.__table__
_TARGET = models.TaskTarget.__table__
KNOWN = (power_states.POWER_ON, power_states.POWER_OFF)
#: Kinds of events.
UNREACHABLE, RECOVERED = 'unreachable', 'recovered'
LOST, FOUND = 'power-lost', 'power-found'
REASON_LENGTH = 255
LOST_REASON = 'It lost its power, which nobody had asked for.'


@dataclasses.dataclass(frozen=True)
class Visit:
    """The result of one reading of a power control.

    :ivar at: when it answered or was given up, UTC
    :ivar states: states by output; only those that it reported
    :ivar error: why it reported nothing, without secrets
    :ivar failures: how many looks in a row have failed by now
    :ivar retry_at: when to read it again if it reported nothing
    :ivar note: what is wrong with it although it answered, without secrets
    :ivar by_request: whether a user requested these states
    """

    control_id: int
    at: datetime.datetime
    states: Mapping[str, str] = dataclasses.field(default_factory=dict)
    error: str | None = None
    failures: int = 0
    retry_at: datetime.datetime | None = None
    note: str | None = None
    by_request: bool = False


@dataclasses.dataclass(frozen=True)
class PowerChange:
    """A node whose state, or the reason for it, has changed.

    :ivar before: as stored, ``None`` for unknown; so is ``after``
    :ivar by_itself: whether its power came or went without a request
    """

    node_id: int
    name: str | None
    before: str | None
    after: str | None
    reason: str | None
    by_itself: bool


def record(context: api.Context, visits: Iterable[Visit],
           lost_after: int) -> list[PowerChange]:
    """Store readings, and derive the states of nodes from them.

    :param lost_after: failures in a row after which the last state of a
        device no longer counts
    :returns: nodes whose state, or its reason, has changed
    """
    found = list(visits)
    return _record(context, found, lost_after) if found else []


@api.writer
def _record(context: api.Context, visits: list[Visit],
            lost_after: int) -> list[PowerChange]:
    return conclude(context.session, visits, lost_after)


def conclude(session: orm.Session, all_visits: Iterable[Visit],
             lost_after: int) -> list[PowerChange]:
    """Do what ``record`` does as a part of a transaction, its first."""
    visits = {visit.control_id: visit for visit in all_visits}
    node_ids = sorted(set(session.scalars(
        sa.select(_LINK.c.node_id)
        .where(_LINK.c.power_control_id.in_(list(visits))))))
    # Locked in the order of their ids, so that nobody else concludes on
    # the same nodes meanwhile; and so are their feeds, for else the
    # snapshot of this transaction would hide what was written before.
    nodes = {row.id: row for row in session.execute(
        sa.select(_NODE.c.id, _NODE.c.name, _NODE.c.compute_host,
                  _NODE.c.power_state, _NODE.c.power_state_at,
                  _NODE.c.power_state_reason, _NODE.c.power_off_wanted)
        .where(_NODE.c.id.in_(node_ids)).order_by(_NODE.c.id)
        .with_for_update())}
    feeds = _read_feeds(session, node_ids)
    controls = _read_controls(session, {*visits, *(
        feed.control_id for feed in feeds)})
    for feed in feeds:
        _look(feed, controls.get(feed.control_id),
              visits.get(feed.control_id), lost_after)
    _store_feeds(session, feeds)
    events = _store_controls(session, visits, controls, lost_after)
    changes = _store_nodes(session, nodes, feeds)
    events += [_event(FOUND if change.after == power_states.POWER_ON
                      else LOST, clock.utcnow(), None, node=change.node_id)
               for change in changes if change.by_itself]
    if events:
        session.execute(sa.insert(_EVENT), events)
    return changes


@dataclasses.dataclass
class _Feed:
    """An assigned output as it is, and as it is to be."""

    id: int
    node_id: int
    control_id: int
    port: str
    initialized: bool
    before: str | None
    before_at: datetime.datetime | None
    state: str | None
    at: datetime.datetime | None
    trouble: str | None = None
    # Whether a visit concerned this output.
    seen: bool = False
    by_request: bool = False

    @property
    def changed(self) -> bool:
        return (self.state != self.before
                or (self.state in KNOWN and not self.initialized))


def _read_feeds(session: orm.Session, node_ids: list[int]) -> list[_Feed]:
    return [_Feed(row.id, row.node_id, row.power_control_id,
                  row.power_control_port, row.is_initialized,
                  row.power_state, row.power_state_at, row.power_state,
                  row.power_state_at)
            for row in session.execute(
                sa.select(_LINK.c.id, _LINK.c.node_id,
                          _LINK.c.power_control_id,
                          _LINK.c.power_control_port, _LINK.c.is_initialized,
                          _LINK.c.power_state, _LINK.c.power_state_at)
                .where(_LINK.c.node_id.in_(node_ids)).order_by(_LINK.c.id)
                .with_for_update())]


def _read_controls(session: orm.Session,
                   ids: Iterable[int]) -> dict[int, db_query.Found]:
    return {row.id: row for row in session.execute(
        sa.select(_CONTROL.c.id, _CONTROL.c.failures, _CONTROL.c.last_error,
                  _CONTROL.c.last_error_at)
        .where(_CONTROL.c.id.in_(sorted(ids))))}


def _look(feed: _Feed, control: db_query.Found | None, visit: Visit | None,
          lost_after: int) -> None:
    """Update a feed with what is now known about its device.

    :param control: the device as it was before the visit
    """
    if visit is None:
        if control is not None and _counts(feed, control.failures,
                                           lost_after):
            feed.trouble = control.last_error
    elif visit.error is not None:
        feed.seen = True
        if visit.failures >= lost_after:
            feed.state = power_states.UNKNOWN
        if _counts(feed, visit.failures, lost_after):
            feed.trouble = visit.error
    else:
        _take(feed, visit)


def _counts(feed: _Feed, failures: int, lost_after: int) -> bool:
    """Tell whether an error of a device makes the state of a feed unknown.

    A busy device has not failed, and its last state stays. If no state is
    known yet, there is only the error to show.
    """
    return failures >= lost_after or (not failures and feed.at is None)


def _take(feed: _Feed, visit: Visit) -> None:
    told = visit.states.get(feed.port)
    # Two readings can arrive in the wrong order.
    if told is None or (feed.at is not None and feed.at > visit.at):
        return
    feed.seen, feed.by_request = True, visit.by_request
    feed.state = told
    if told in KNOWN:
        feed.at = visit.at
    else:
        feed.trouble = visit.note or (
            f'The device does not tell the state of output {feed.port}.')


def _store_feeds(session: orm.Session, feeds: list[_Feed]) -> None:
    seen = [feed for feed in feeds if feed.seen]
    same = [feed for feed in seen if not feed.changed
            and feed.at != feed.before_at]
    if same:
        _grow_younger(session, models.NodePowerControl,
                      [feed.id for feed in same],
                      min(feed.at for feed in same if feed.at))
    changed = [{'key': feed.id, 'state': feed.state, 'at': feed.at,
                'known': feed.initialized or feed.state in KNOWN}
               for feed in seen if feed.changed]
    if changed:
        session.execute(
            sa.update(_LINK).where(_LINK.c.id == sa.bindparam('key'))
            .values(power_state=sa.bindparam('state'),
                    power_state_at=sa.bindparam('at'),
                    is_initialized=sa.bindparam('known'),
                    updated_at=_LINK.c.updated_at), changed)


def _grow_younger(session: orm.Session, model: db_query.Model, ids: list[int],
                  at: datetime.datetime) -> None:
    """Record that the stored states were still true at a time."""
    table = model.__table__
    session.execute(
        sa.update(table).where(table.c.id.in_(sorted(ids)))
        .values(power_state_at=at, updated_at=table.c.updated_at))


def _store_controls(session: orm.Session, visits: dict[int, Visit],
                    controls: dict[int, db_query.Found],
                    lost_after: int) -> list[models.Row]:
    """Store the states of devices; return their events."""
    well, changed, events = [], [], []
    for key, visit in visits.items():
        row = controls.get(key)
        if row is None:
            continue
        told = visit.error or visit.note
        if told is None and not row.failures and row.last_error is None:
            well.append(key)
            continue
        changed.append({
            'key': key, 'count': visit.failures, 'error': told,
            'error_at': visit.at if told else row.last_error_at,
            'success_at': None if visit.error else visit.at,
            'next': visit.retry_at})
        if visit.error and row.failures < lost_after <= visit.failures:
            events.append(_event(UNREACHABLE, visit.at, visit.error,
                                 control=key))
        elif not visit.error and row.failures >= lost_after:
            events.append(_event(RECOVERED, visit.at, row.last_error,
                                 control=key))
    if well:
        session.execute(
            sa.update(_CONTROL).where(_CONTROL.c.id.in_(sorted(well)))
            .values(last_success_at=min(visits[key].at for key in well),
                    retry_at=None, updated_at=_CONTROL.c.updated_at))
    if changed:
        session.execute(
            sa.update(_CONTROL).where(_CONTROL.c.id == sa.bindparam('key'))
            .values(failures=sa.bindparam('count'),
                    last_error=sa.bindparam('error'),
                    last_error_at=sa.bindparam('error_at'),
                    last_success_at=sa.func.coalesce(
                        sa.bindparam('success_at', type_=models.Time),
                        _CONTROL.c.last_success_at),
                    retry_at=sa.bindparam('next'),
                    updated_at=_CONTROL.c.updated_at), changed)
    return events


def _event(kind: str, at: datetime.datetime, detail: str | None, *,
           control: int | None = None,
           node: int | None = None) -> models.Row:
    return {'kind': kind, 'created_at': at, 'detail': detail,
            'power_control_id': control, 'node_id': node}


def _conclude(feeds: list[_Feed]) -> tuple[str | None, str | None]:
    """Return the state of a node and what is to be said about it."""
    found = [feed.state or power_states.UNKNOWN for feed in feeds]
    state = power_states.of_node(found)
    troubles = '; '.join(dict.fromkeys(
        feed.trouble for feed in feeds if feed.trouble))
    if state == power_states.UNKNOWN:
        return None, troubles or None
    off = found.count(power_states.POWER_OFF)
    if state == power_states.POWER_ON and off:
        troubles = '; '.join(filter(None, (
            f'{off} of {len(found)} feeds are off', troubles)))
    return state, troubles or None


def _store_nodes(session: orm.Session, nodes: dict[int, db_query.Found],
                 feeds: list[_Feed]) -> list[PowerChange]:
    """Store the states of nodes; return those that have changed."""
    by_node: dict[int, list[_Feed]] = {key: [] for key in nodes}
    for feed in feeds:
        by_node[feed.node_id].append(feed)
    concluded = {key: _conclude(group) for key, group in by_node.items()}
    turned = {key for key, (state, _) in concluded.items()
              if state in KNOWN and nodes[key].power_state in KNOWN
              and state != nodes[key].power_state}
    busy = _busy(session, [nodes[key] for key in sorted(turned)])
    changes, changed, same = [], [], []
    for key, (state, reason) in concluded.items():
        row = nodes[key]
        requested = any(feed.by_request for feed in by_node[key])
        asked = (key not in turned or requested
                 or _is_wanted(row, state, busy))
        if not requested:
            reason = _reason(row, state, reason, asked)
        at = _age(row, state, by_node[key])
        reason = reason[:REASON_LENGTH] if reason else None
        if (state, reason) != (row.power_state, row.power_state_reason):
            changed.append({'key': key, 'state': state, 'at': at,
                            'why': reason})
            changes.append(PowerChange(key, row.name, row.power_state, state,
                                  reason, not asked))
        elif at != row.power_state_at:
            same.append((key, at))
    if same:
        _grow_younger(session, models.Node, [key for key, _ in same],
                      min(at for _, at in same if at))
    if changed:
        session.execute(
            sa.update(_NODE).where(_NODE.c.id == sa.bindparam('key'))
            .values(power_state=sa.bindparam('state'),
                    power_state_at=sa.bindparam('at'),
                    power_state_reason=sa.bindparam('why'),
                    updated_at=_NODE.c.updated_at), changed)
    return changes


def _reason(row: db_query.Found, state: str | None, reason: str | None,
            asked: bool) -> str | None:
    """Return what is kept to be said about a node.

    :param row: the node as it was
    :param reason: what its feeds give reason to say
    """
    if state == power_states.POWER_OFF:
        if not asked:
            reason = LOST_REASON
        elif row.power_state == state:
            reason = reason or row.power_state_reason
    return reason


def _age(row: db_query.Found, state: str | None,
         feeds: list[_Feed]) -> datetime.datetime | None:
    """Return the time at which the state of a node was last known.
    """
    known = [feed.at for feed in feeds if feed.state in KNOWN and feed.at]
    return min(known) if state and known else row.power_state_at


def _busy(session: orm.Session, rows: list[db_query.Found]) -> set[int]:
    """Return those of some nodes that a task acts on."""
    targets: dict[str, int] = {}
    for row in rows:
        targets[f'node:{row.id}'] = row.id
        targets.update((f'host:{host}', row.id)
                       for host in (row.name, row.compute_host) if host)
    if not targets:
        return set()
    return {targets[target] for target in session.scalars(
        sa.select(_TARGET.c.target)
        .where(_TARGET.c.target.in_(list(targets)))) if target in targets}


def _is_wanted(row: db_query.Found, state: str | None, busy: set[int]) -> bool:
    """Tell whether somebody had asked a node to be in a new state.

    A node that a task acts on may be on its way to either state. Otherwise
    a node that came on was switched on elsewhere, since our own actions store
    the states that they reach.
    """
    if row.id in busy:
        return True
    return state == power_states.POWER_OFF and row.power_off_wanted
