# SPDX-License-Identifier: Apache-2.0
"""How the servers that a task has moved come back to where they were.

Where each server was stands in the items of the task that moved it.
"""

from collections.abc import Iterable
import dataclasses

from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import tasks as db_tasks
from cloudmanager.db.models import Row
from cloudmanager.domain import task_states
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import recheck
from cloudmanager.planning.drs import settings as drs_settings

#: An operator asked for it, so hosts may get as full as they were.
SETTINGS = drs_settings.Settings(max_load=1.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Back:
    """A server on its way back.

    :ivar source: the host that it is on
    :ivar destination: the one that it was on
    """

    server_id: str
    name: str
    source: str
    destination: str
    action: str
    stage: int


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """A server that does not go back.

    :ivar wanted: whether that is a failure, since it should
    """

    server_id: str
    name: str
    reason: str
    wanted: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The way back of a task.

    :ivar cloud: that it was made from
    """

    task_id: str
    moves: tuple[Back, ...]
    left: tuple[Left, ...]
    cloud: model.Cloud

    def to_dict(self) -> JsonObject:
        """JSON-safe form."""
        return {'task_id': self.task_id,
                'moves': [dataclasses.asdict(move) for move in self.moves],
                'left': [{'server_id': one.server_id, 'name': one.name,
                          'reason': one.reason} for one in self.left]}


def ended(context: RequestContext, task_id: str) -> Row:
    """Return a task that can be undone.

    :raises TaskNotFound: there is none
    :raises TaskNotUndoable: it moves no servers, or has not ended
    """
    task = db_tasks.get_task(context, task_id)
    if task['name'] not in task_states.UNDOABLE:
        raise exception.TaskNotUndoable(
            task=task_id, reason=f'tasks of the kind {task["name"]} move no '
                                 'servers that could be brought back')
    if task['status'] in task_states.ACTIVE:
        raise exception.TaskNotUndoable(
            task=task_id, reason=f'its status is {task["status"]}; cancel it '
                                 'first')
    return task


def make(context: RequestContext, tools: Tools, task_id: str) -> Plan:
    """Plan the way back of the servers that a task has moved.

    :raises TaskNotUndoable: it moved none, or has not ended
    """
    items = _moved(context, ended(context, task_id))
    if not items:
        raise exception.TaskNotUndoable(task=task_id,
                                        reason='it has moved no servers')
    hosts = sorted({host for item in items
                    for host in (item.source, item.destination) if host})
    cloud = plans.load_cloud(tools, hosts)
    last = max(item.stage for item in items)
    moves: list[Back] = []
    left: list[Left] = []
    # What went last comes back first: so there is room at each step, as
    # there was before.
    for item in sorted(items, key=lambda item: -item.stage):
        found = _judge(tools, cloud, item, last)
        if isinstance(found, Back):
            moves.append(found)
        else:
            left.append(found)
    problems = recheck.problems(cloud, hosts, [planned(move)
                                               for move in moves],
                                settings=SETTINGS,
                                options=plans.plan_options({}))
    left += [Left(move.server_id, move.name, problems[move.server_id], True)
             for move in moves if move.server_id in problems]
    return Plan(task_id, tuple(move for move in moves
                               if move.server_id not in problems),
                tuple(left), cloud)


def nothing(plan: Plan) -> exception.TaskNotUndoable:
    """Return the error of a plan without moves; it says why not."""
    named = '; '.join(f'{one.name} ({one.server_id}): {one.reason}'
                      for one in plan.left[:plans.MAX_NAMED])
    more = len(plan.left) - plans.MAX_NAMED
    return exception.TaskNotUndoable(
        task=plan.task_id, reason=f'no server can be brought back: {named}'
        + (f'; and {more} more' if more > 0 else ''))


def planned(move: Back) -> recheck.Planned:
    """Return a move as the planner sees it."""
    return recheck.Planned(move.server_id, move.source, move.destination,
                           move.action, move.stage)


def problems(tools: Tools, items: Iterable[MoveItem]) -> dict[str, str]:
    """Return why servers cannot go back now, by id.

    :param items: of the task that brings them back
    """
    items = list(items)
    hosts = sorted({host for item in items
                    for host in (item.source, item.destination) if host})
    return recheck.problems(
        plans.load_cloud(tools, hosts), hosts,
        [recheck.Planned(item.object_id, item.source or '',
                         item.destination or '', item.action or '',
                         item.stage) for item in items],
        settings=SETTINGS, options=plans.plan_options({}))


def _moved(context: RequestContext, task: Row) -> list[MoveItem]:
    """Return the items of servers that a task, or a part of it, has moved.

    A server that its parts have moved several times counts once, with the
    host that it was on at first. What a restart has brought back itself does
    not count.
    """
    tasks = [task, *db_tasks.parts(context, task['id'])]
    rows = db_tasks.items(context, [one['id'] for one in tasks])
    found: dict[str, MoveItem] = {}
    for one, row in ((one, row) for one in tasks for row in rows[one['id']]):
        item = MoveItem.from_row(row)
        if (item.kind != ItemKind.SERVER or item.state != ItemState.DONE
                or item.destination == one['host']):
            continue
        first = found.get(item.object_id)
        if first is not None:
            item.source = first.source
        found[item.object_id] = item
    return [item for item in found.values()
            if item.source and item.destination
            and item.source != item.destination]


def _judge(tools: Tools, cloud: model.Cloud, item: MoveItem,
           last: int) -> Back | Left:
    """Return how a server goes back, or why it does not."""
    def stays(reason: str, wanted: bool = False) -> Left:
        return Left(item.object_id, item.name or '', reason, wanted)

    source, destination = item.destination or '', item.source or ''
    server = cloud.servers.get(item.object_id)
    if server is None or server.host != source:
        known = tools.nova.server(item.object_id)
        if not verdicts.exists(known):
            return stays('it was deleted')
        if known.host == destination:
            return stays(f'it is on {destination} again')
        return stays(f'it has moved since: it is on '
                     f'{known.host or "no host"}, not on {source}')
    home = cloud.hosts.get(destination)
    if home is None:
        return stays(f'host {destination} is gone', True)
    if home.out_of_use:
        return stays(f'host {destination} is {home.out_of_use}', True)
    way = movable.Ways(cloud, SETTINGS, plans.plan_options({})).of(server)
    if way.action is None:
        return stays(f'it is {way.reason}', True)
    return Back(item.object_id, item.name or server.name, source,
                destination, way.action.value, last - item.stage)
