# SPDX-License-Identifier: Apache-2.0
"""Tasks, what they act on, and their items.

The conductor that holds the newest generation of a task works on it. Every
write of a conductor names its generation, so that a conductor that was
considered dead can no longer change anything.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import dataclasses
import datetime

from oslo_db import exception as db_exc
from oslo_utils import uuidutils
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.db import task_targets
from cloudmanager.domain import query as common_query
from cloudmanager.domain import task_states
from cloudmanager.domain.task_states import ItemState
from cloudmanager.domain.task_states import TaskStatus

PENDING, STARTED = TaskStatus.PENDING, TaskStatus.STARTED
SUCCESS, FAILURE = TaskStatus.SUCCESS, TaskStatus.FAILURE
REVOKED = TaskStatus.REVOKED
ACTIVE = task_states.ACTIVE

ITEM_PENDING, ITEM_RUNNING = ItemState.PENDING, ItemState.RUNNING
ITEM_DONE, ITEM_FAILED = ItemState.DONE, ItemState.FAILED
ITEM_SKIPPED = ItemState.SKIPPED

#: Tasks that take their host out of use.
HOST_WORK = ('host.shutdown', 'host.evacuate', 'host.decommission',
             'host.restart')
#: Those of them that empty a host that is up.
DRAINS = ('host.shutdown', 'host.decommission', 'host.restart')
#: Tasks that have LVM of their host work on volumes.
VOLUME_WORK = ('volume.mirror', 'volume.pv-migrate')
#: Tasks that may switch nodes off, whatever runs there.
POWER_WORK = ('node.power', 'nodes.power', 'nodes.reset', 'output.power')
# The target of a transaction that takes a host out of use.
_ROOM = 'hosts:room'

_TASKS = sa.select(*models.Task.__table__.c)
# Lists show neither what only the task's page has nor what only conductors
# read; both can be long.
_LISTED = sa.select(*(column for column in models.Task.__table__.c
                      if column.name not in ('memory', 'traceback')))
_ITEMS = (sa.select(*models.TaskItem.__table__.c)
          .order_by(models.TaskItem.id))

# TaskFlow's tables, for the removal of what it kept of a task: the logbook
# and the flow of a task have the task's id.
_ATOMS = sa.table('atomdetails', sa.column('parent_uuid'))
_FLOWS = sa.table('flowdetails', sa.column('uuid'))
_BOOKS = sa.table('logbooks', sa.column('uuid'))


def _of_node(operator: str, value: db_query.Value) -> db_query.Condition:
    """Condition for tasks on nodes, and on the compute hosts they are."""
    node = models.Node
    return sa.or_(
        models.Task.id.in_(sa.select(models.TaskNode.task_id).where(
            db_query.condition(operator, models.TaskNode.node_id, value))),
        models.Task.host.in_(
            sa.select(sa.func.coalesce(node.compute_host, node.name))
            .where(db_query.condition(operator, node.id, value))))


db_query.special(models.Task, 'node_id', _of_node)


@api.writer
def _insert(context: api.Context, values: models.Row,
            targets: list[str]) -> models.Row:
    task_targets.lock(context, targets)
    task_id, connection = values['id'], context.session.connection()
    connection.execute(sa.insert(models.Task), values)
    nodes = sorted(task_targets.nodes(targets))
    for model, rows in (
            (models.TaskNode, [{'task_id': task_id, 'node_id': key}
                               for key in nodes]),
            (models.TaskTarget, [{'target': target, 'task_id': task_id}
                                 for target in sorted(set(targets))])):
        # Without rows one of defaults would be inserted.
        if rows:
            connection.execute(sa.insert(model), rows)
    return values


def same_params(one: Mapping[str, object], other: Mapping[str, object],
                defaults: Mapping[str, object]) -> bool:
    """Tell whether the params of two tasks request the same.

    A task that was created by an older version lacks newer params.

    :param defaults: what a missing one means, by name
    """
    return {**defaults, **one} == {**defaults, **other}


def create_task(context: api.Context, name: str, *, targets: list[str],
                params: models.Row, host: str | None = None,
                server_id: str | None = None,
                defaults: Mapping[str, object] | None = None,
                task_id: str = '') -> tuple[models.Row, bool]:
    """Insert a task, or find the equal one that runs.

    :param targets: what it acts on, such as ``host:cmp1`` and ``node:7``;
        no two running tasks share one
    :param params: JSON-safe values of the request
    :param defaults: what params mean that the other task lacks, by name
    :param task_id: its id, if it must be created only once, even after the
        first one has ended
    :returns: the row, and whether it is new
    :raises TaskConflict: another task acts on one of the targets
    :raises NodeNotFound: a node among the targets is gone
    :raises PowerControlNotFound: the power control of an output is
    """
    values = {
        'id': task_id or uuidutils.generate_uuid(), 'name': name,
        'status': PENDING, 'params': params, 'host': host,
        'server_id': server_id, 'user_id': context.user_id,
        'user_name': context.user_name, 'project_id': context.project_id,
        'request_id': context.global_request_id or context.request_id,
        'created_at': clock.utcnow(), 'heartbeat_at': clock.utcnow(),
        'generation': 0}
    # A server is the same server on any host.
    same = ('name', 'server_id' if server_id else 'host')
    for _attempt in range(3):
        try:
            return _insert(context, values, targets), True
        except db_exc.DBDuplicateEntry:
            present = find_task(context, task_id) if task_id else None
            if present is not None:
                return present, False
            for target in targets:
                holder = find_running(context, target)
                if holder is None:
                    continue
                if (all(holder[key] == values[key] for key in same)
                        and same_params(holder['params'], params,
                                        defaults or {})):
                    return holder, False
                raise exception.TaskConflict(
                    task=holder['id'], name=holder['name'],
                    target=target, user=holder['user_name']
                    or holder['user_id']) from None
            # The holder ended between the two statements.
    raise exception.Conflict(reason='Too many tasks act on the same target.')


@api.reader
def hosts_in_work(context: api.Context, since: datetime.datetime,
                  besides: str = '') -> set[str]:
    """Return the hosts that tasks take out of use.

    :param since: those of tasks that ended later count, too
    :param besides: id of a task whose parts do not count
    """
    return _hosts_in_work(context, since, besides)


def _hosts_in_work(context: api.Context, since: datetime.datetime,
                   besides: str) -> set[str]:
    return set(context.session.scalars(
        sa.select(models.Task.host).where(
            models.Task.name.in_(HOST_WORK),
            models.Task.host.is_not(None),
            sa.or_(models.Task.parent_id.is_(None),
                   models.Task.parent_id != besides),
            sa.or_(models.Task.status.in_(ACTIVE),
                   models.Task.finished_at >= since))))


@api.reader
def drains(context: api.Context,
           before: str | None = None) -> list[models.Row]:
    """Return the tasks that empty hosts that are up, the oldest first.

    :param before: id of a task; only those created before it
    """
    rows = db_query.rows(context, _TASKS.where(
        models.Task.name.in_(DRAINS), models.Task.host.is_not(None),
        models.Task.status.in_(ACTIVE)).order_by(
            models.Task.created_at, models.Task.id))
    ids = [row['id'] for row in rows]
    return rows[:ids.index(before)] if before in ids else rows


@dataclasses.dataclass(frozen=True)
class Room:
    """How many hosts may be out of use when one more is taken.

    :ivar most: how many may be out of use, the new one included
    :ivar out: hosts that were seen out of use, except the new one
    :ivar since: when that was seen
    """

    most: int
    out: frozenset[str]
    since: datetime.datetime


def _enter_room(context: api.Context, parent_id: str, host: str,
                room: Room) -> None:
    """Check that a host may be taken out of use.

    Transactions that take a host out of use wait here for each other, so
    that two of them cannot take the same room.

    :raises HostsOutOfUse: no further host may be taken out of use
    """
    out = room.out | _hosts_in_work(context, room.since, parent_id)
    out -= {host}
    if len(out) + 1 > room.most:
        raise exception.HostsOutOfUse(most=room.most,
                                      hosts=', '.join(sorted(out)))


@contextlib.contextmanager
def one_at_a_time(context: api.Context, what: str,
                  task_id: str) -> Iterator[None]:
    """Let transactions that do the same thing follow each other.

    It has to be entered before anything is read: the second one must see
    what the first has written.
    """
    context.session.execute(sa.insert(models.TaskTarget).values(
        target=what, task_id=task_id))
    yield
    context.session.execute(sa.delete(models.TaskTarget).where(
        models.TaskTarget.target == what))


@api.writer
def create_part(context: api.Context, parent_id: str, generation: int,
                part_id: str, name: str, *, host: str, params: models.Row,
                room: Room | None = None) -> None:
    """Insert a task that does a part of another one, once.

    It belongs to the same user, and has no targets: those of its parent
    keep others off.

    :param generation: of the parent in the hands of the caller
    :param part_id: chosen by the caller, who has written it down before
    :param room: checked if the host is in use
    :raises LeaseLost: somebody else owns the parent
    :raises HostsOutOfUse: there is no room; nothing was inserted
    """
    with one_at_a_time(context, _ROOM, parent_id):
        _create_part(context, parent_id, generation, part_id, name,
                     host=host, params=params, room=room)


def _create_part(context: api.Context, parent_id: str, generation: int,
                 part_id: str, name: str, *, host: str,
                 params: models.Row, room: Room | None) -> None:
    guard(context, parent_id, generation)
    present = context.session.scalar(
        sa.select(models.Task.id).where(models.Task.id == part_id))
    if present is not None:
        return
    if room is not None:
        _enter_room(context, parent_id, host, room)
    parent = context.session.execute(
        sa.select(models.Task.user_id, models.Task.user_name,
                  models.Task.project_id, models.Task.request_id)
        .where(models.Task.id == parent_id)).mappings().one()
    context.session.execute(sa.insert(models.Task).values(
        id=part_id, parent_id=parent_id, name=name, status=PENDING,
        params=params, host=host, created_at=clock.utcnow(),
        heartbeat_at=clock.utcnow(), generation=0, **parent))


@api.reader
def find_task(context: api.Context, task_id: str) -> models.Row | None:
    """Return a task, if there is one with this id."""
    return db_query.first(context, _TASKS.where(models.Task.id == task_id))


@api.reader
def parts(context: api.Context, task_id: str) -> list[models.Row]:
    """Return the tasks that do parts of another one, the oldest first."""
    return db_query.rows(context, _TASKS.where(
        models.Task.parent_id == task_id).order_by(
            models.Task.created_at, models.Task.id))


@api.reader
def find_running(context: api.Context, target: str) -> models.Row | None:
    """Return the task that holds a target, if any."""
    return db_query.first(context, _TASKS.join(
        models.TaskTarget, models.TaskTarget.task_id == models.Task.id
    ).where(models.TaskTarget.target == target))


@api.reader
def find_holders(context: api.Context,
                 targets: Iterable[str]) -> dict[str, str]:
    """Return the ids of the tasks that hold some targets, by target."""
    found: dict[str, str] = {}
    for some in db_query.chunks(list(targets)):
        rows = context.session.execute(sa.select(
            models.TaskTarget.target, models.TaskTarget.task_id).where(
                models.TaskTarget.target.in_(some)))
        found.update((row.target, row.task_id) for row in rows)
    return found


@api.reader
def find_mover(context: api.Context, object_id: str,
               besides: str | None = None) -> models.Row | None:
    """Return a task that has something among its unended items, if any.

    :param object_id: such as the id of a server
    :param besides: id of a task that does not count
    """
    statement = _TASKS.join(
        models.TaskItem, models.TaskItem.task_id == models.Task.id).where(
            models.TaskItem.object_id == object_id,
            models.TaskItem.state.in_((ITEM_PENDING, ITEM_RUNNING)),
            models.Task.status.in_(ACTIVE))
    if besides is not None:
        statement = statement.where(models.Task.id != besides)
    return db_query.first(context,
                          statement.order_by(models.Task.created_at))


@api.reader
def find_volume_work(context: api.Context, host: str) -> models.Row | None:
    """Return a task that has LVM of a host work on a volume, if any."""
    return db_query.first(context, _TASKS.where(
        models.Task.name.in_(VOLUME_WORK), models.Task.host == host,
        models.Task.status.in_(ACTIVE)).order_by(models.Task.created_at))


def check_may_stop(context: api.Context, host: str | None,
                   params: models.Row) -> None:
    """Check that LVM of a node has no work that switching it would stop.

    LVM survives a loss of power in the middle, so a request that says ``hard``
    is not refused: the node may hang.

    :param host: name of the node, if it has one
    :param params: how the node is to be switched
    :raises TaskConflict: it has
    """
    if (not host or params.get('action') == 'power-on'
            or params.get('type') == 'hard'):
        return
    holder = find_volume_work(context, host)
    if holder is not None:
        raise exception.TaskConflict(
            task=holder['id'], name=holder['name'],
            target=f'volume:{holder["params"]["volume_id"]}')


@api.reader
def servers_worked_on(context: api.Context,
                      since: datetime.datetime) -> set[str]:
    """Return the ids of the servers that tasks have acted on lately.

    :param since: tasks that ended before do not count
    """
    return set(context.session.scalars(
        sa.select(models.TaskItem.object_id)
        .join(models.Task, models.Task.id == models.TaskItem.task_id)
        .where(models.TaskItem.kind == task_states.ItemKind.SERVER,
               sa.or_(models.Task.finished_at.is_(None),
                      models.Task.finished_at >= since)))
    ) | set(context.session.scalars(
        sa.select(models.Task.server_id).where(
            models.Task.server_id.is_not(None),
            sa.or_(models.Task.finished_at.is_(None),
                   models.Task.finished_at >= since))))


@api.reader
def servers_in_work(context: api.Context) -> set[str]:
    """Return the ids of the servers that running tasks act on."""
    servers = set(context.session.scalars(
        sa.select(models.TaskItem.object_id)
        .join(models.Task, models.Task.id == models.TaskItem.task_id)
        .where(models.TaskItem.kind == task_states.ItemKind.SERVER,
               models.TaskItem.state.in_((ITEM_PENDING, ITEM_RUNNING)),
               models.Task.status.in_(ACTIVE))))
    return servers | set(context.session.scalars(
        sa.select(models.Task.server_id).where(
            models.Task.server_id.is_not(None),
            models.Task.status.in_(ACTIVE))))


@api.reader
def get_task(context: api.Context, task_id: str) -> models.Row:
    """Return a task.

    :raises TaskNotFound: there is none with this id
    """
    return table.get(context, _TASKS.where(models.Task.id == task_id),
                     exception.TaskNotFound(task=task_id))


@api.reader
def list_tasks(context: api.Context,
               query: common_query.Query) -> list[models.Row]:
    """Return the tasks that a query asks for."""
    return db_query.fetch(context, _LISTED, models.Task, query)


@api.reader
def items(context: api.Context,
          task_ids: Iterable[str]) -> dict[str, list[models.Row]]:
    """Return the items of tasks, by task id, in the order of insertion."""
    found: dict[str, list[models.Row]] = {
        task_id: [] for task_id in task_ids}
    for row in db_query.rows(
            context, _ITEMS.where(models.TaskItem.task_id.in_(list(found)))):
        found[row['task_id']].append(row)
    return found


@api.reader
def progress(context: api.Context,
             task_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return counts of items by task id: total, done, failed, running."""
    found = {task_id: {'total': 0, 'done': 0, 'failed': 0, 'running': 0}
             for task_id in task_ids}
    rows = context.session.execute(
        sa.select(models.TaskItem.task_id, models.TaskItem.state,
                  sa.func.count())
        .where(models.TaskItem.task_id.in_(list(found)))
        .group_by(models.TaskItem.task_id, models.TaskItem.state))
    names: dict[str, str] = {
        ITEM_DONE: 'done', ITEM_SKIPPED: 'done', ITEM_FAILED: 'failed',
        ITEM_RUNNING: 'running'}
    for task_id, state, count in rows:
        found[task_id]['total'] += count
        if state in names:
            found[task_id][names[state]] += count
    return found


@api.writer
def request_cancel(context: api.Context, task_id: str, running: str) -> None:
    """Ask a task to stop.

    :param running: what becomes of the moves under way, ``finish`` or
        ``abort``
    :raises TaskNotFound: there is none
    :raises TaskFinished: it has ended
    """
    if table.changed(
            context, sa.update(models.Task)
            .where(models.Task.id == task_id,
                   models.Task.status.in_(ACTIVE))
            .values(cancel=running)):
        return
    status = context.session.scalar(
        sa.select(models.Task.status).where(models.Task.id == task_id))
    if status is None:
        raise exception.TaskNotFound(task=task_id)
    raise exception.TaskFinished(task=task_id, status=status)


# What follows is for the engine. Its statements are made once: they are
# carried out with each step of each task, and making them takes longer than
# carrying them out.
_TASK = _TASKS.where(
    models.Task.id == sa.bindparam('task_id'))
_OWNER = (models.Task.id == sa.bindparam('task_id'),
          models.Task.generation == sa.bindparam('held'),
          models.Task.status.in_(ACTIVE))
_OWNED = sa.select(models.Task.cancel).where(*_OWNER)
# A row lock: a successor's claim and this write cannot pass each other.
_LOCKED = sa.select(models.Task.memory).where(
    *_OWNER).with_for_update(read=False)
_CLAIM = sa.update(models.Task).where(
    models.Task.id == sa.bindparam('task_id'),
    models.Task.post_token == sa.bindparam('token'),
    models.Task.status.in_(ACTIVE)).values(
        owner=sa.bindparam('new_owner'),
        generation=models.Task.generation + 1, status=STARTED,
        heartbeat_at=sa.bindparam('now'),
        started_at=sa.func.coalesce(
            models.Task.started_at,
            sa.bindparam('now', type_=models.Task.started_at.type)))
_HEARTBEAT = sa.update(models.Task).where(*_OWNER).values(
    heartbeat_at=sa.bindparam('now'))
_REMEMBER = sa.update(models.Task).where(
    models.Task.id == sa.bindparam('task_id')).values(
        memory=sa.bindparam('memory_now', type_=models.Task.memory.type))
_FINISH = sa.update(models.Task).where(
    models.Task.id == sa.bindparam('task_id')).values(
        status=sa.bindparam('end'), result=sa.bindparam('text'),
        traceback=sa.bindparam('trace'), finished_at=sa.bindparam('now'),
        owner=None)
_FREE = sa.delete(models.TaskTarget).where(
    models.TaskTarget.task_id == sa.bindparam('of_task'))
# Items that were never begun, or whose end will not be checked any more.
_END_ITEMS = sa.update(models.TaskItem).where(
    models.TaskItem.task_id == sa.bindparam('of_task'),
    models.TaskItem.state.in_((ITEM_PENDING, ITEM_RUNNING))).values(
        state=sa.case((models.TaskItem.state == ITEM_PENDING, ITEM_SKIPPED),
                      else_=ITEM_FAILED),
        error=sa.bindparam('why'))


@api.reader
def unattended(context: api.Context, seconds: float,
               posted: bool) -> list[models.Row]:
    """Return unended tasks without a sign of life for some seconds.

    :param posted: whether to return those that had a job before, or those
        that never had one
    """
    limit = clock.utcnow() - datetime.timedelta(seconds=seconds)
    return db_query.rows(
        context, _TASKS
        .where(models.Task.status.in_(ACTIVE),
               models.Task.heartbeat_at < limit,
               models.Task.post_token.is_not(None) if posted
               else models.Task.post_token.is_(None))
        .order_by(models.Task.created_at).limit(100))


@api.writer
def set_post_token(context: api.Context, task_id: str, old: str | None,
                   seconds: float) -> str | None:
    """Take the right to post a job for a task.

    :param old: the token that the caller saw
    :param seconds: since when nobody may have shown a sign of life; 0 for
        a first post
    :returns: the new token, or ``None`` if somebody else was faster
    """
    token = uuidutils.generate_uuid()
    statement = sa.update(models.Task).where(
        models.Task.id == task_id, models.Task.status.in_(ACTIVE),
        models.Task.post_token == old if old is not None
        else models.Task.post_token.is_(None))
    if seconds:
        statement = statement.where(
            models.Task.heartbeat_at
            < clock.utcnow() - datetime.timedelta(seconds=seconds))
    changed = table.changed(context, statement.values(
        post_token=token, heartbeat_at=clock.utcnow()))
    return token if changed else None


@api.writer
def claim(context: api.Context, task_id: str, token: str,
          owner: str) -> models.Row | None:
    """Make a conductor the owner of a task, under a new generation.

    :returns: the task as it is now; ``None`` when it has ended or its job
        is not the one that was posted last
    """
    changed = table.changed(context, _CLAIM, task_id=task_id, token=token,
                            new_owner=owner, now=clock.utcnow())
    if not changed:
        return None
    return db_query.first(context, _TASK, task_id=task_id)


@api.writer
def heartbeat(context: api.Context, task_id: str, generation: int) -> bool:
    """Show that a task is being worked on; false if it was lost."""
    return bool(table.changed(context, _HEARTBEAT, task_id=task_id,
                              held=generation, now=clock.utcnow()))


@api.reader
def check(context: api.Context, task_id: str, generation: int) -> str | None:
    """Check that a generation still owns a task.

    :returns: how the task is to be cancelled, if a user requested that
    :raises LeaseLost: it does not
    """
    row = context.session.connection().execute(_OWNED, {
        'task_id': task_id, 'held': generation}).first()
    if row is None:
        raise exception.LeaseLost(task=task_id)
    (cancel,) = row
    return cancel


def guard(context: api.Context, task_id: str, generation: int) -> models.Row:
    """Lock the row of a task that the caller must own.

    :returns: its memory
    :raises LeaseLost: somebody else owns it
    """
    owned = context.session.connection().execute(_LOCKED, {
        'task_id': task_id, 'held': generation}).first()
    if owned is None:
        raise exception.LeaseLost(task=task_id)
    (memory,) = owned
    return memory or {}


@api.writer
def remember(context: api.Context, task_id: str, generation: int,
             values: models.Row) -> None:
    """Store what the flow must know again after a crash."""
    memory = guard(context, task_id, generation)
    table.changed(context, _REMEMBER, task_id=task_id,
                  memory_now={**memory, **values})


@api.writer
def finish(context: api.Context, task_id: str, generation: int, status: str, *,
           result: str | None = None,
           traceback: str | None = None) -> None:
    """End a task and release its targets."""
    guard(context, task_id, generation)
    table.changed(context, _FINISH, task_id=task_id, end=status,
                  text=result, trace=traceback, now=clock.utcnow())
    table.changed(context, _FREE, of_task=task_id)
    table.changed(context, _END_ITEMS, of_task=task_id,
                  why='The task was cancelled.' if status == REVOKED
                  else 'The task ended before.')


@api.writer
def add_items(context: api.Context, task_id: str, generation: int,
              new: list[models.Row]) -> None:
    """Insert the items that a task does not have yet."""
    guard(context, task_id, generation)
    present = set(context.session.scalars(
        sa.select(models.TaskItem.object_id)
        .where(models.TaskItem.task_id == task_id)))
    rows = [{**item, 'task_id': task_id} for item in new
            if item['object_id'] not in present]
    if rows:
        context.session.execute(sa.insert(models.TaskItem), rows)


@api.writer
def update_item(context: api.Context, task_id: str, generation: int,
                item_id: int, values: models.Row) -> None:
    """Write an intent or an outcome.

    :raises LeaseLost: somebody else owns the task; nothing was written
    """
    guard(context, task_id, generation)
    context.session.execute(
        sa.update(models.TaskItem)
        .where(models.TaskItem.id == item_id,
               models.TaskItem.task_id == task_id)
        .values(**values))


@api.writer
def purge(context: api.Context, days: int, batch: int = 500) -> int:
    """Remove tasks that ended longer ago than some days.

    Their items and what TaskFlow kept of them go too.

    :returns: how many
    """
    limit = clock.utcnow() - datetime.timedelta(days=days)
    old = list(context.session.scalars(
        sa.select(models.Task.id)
        .where(models.Task.finished_at < limit).limit(batch)))
    if old:
        context.session.execute(sa.delete(models.TaskItem).where(
            models.TaskItem.task_id.in_(old)))
        for kept, key in ((_ATOMS, 'parent_uuid'), (_FLOWS, 'uuid'),
                          (_BOOKS, 'uuid')):
            context.session.execute(
                sa.delete(kept).where(kept.c[key].in_(old)))
        context.session.execute(sa.delete(models.Task).where(
            models.Task.id.in_(old)))
    return len(old)
