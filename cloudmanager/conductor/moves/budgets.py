# SPDX-License-Identifier: Apache-2.0
"""Moves within the budgets of servers and projects.

A server says in its metadata, a project in a property of Keystone, how often
it may be moved in a day. Whoever moves servers asks here right before.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import datetime

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import protocols
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import counted_moves
from cloudmanager.domain import budgets
from cloudmanager.domain.task_states import ItemState

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
DAY = datetime.timedelta(hours=budgets.HOURS)
#: Statuses of Nova's migrations that have not moved their server.
NOT_MOVED = ('error', 'failed', 'cancelled', 'reverted')
#: Types of migrations that disturb a server; a resize is its owner's wish.
MOVES = ('live-migration', 'migration', 'evacuation')


def of_projects(tools: Tools) -> Mapping[str, int]:
    """Return the budgets of projects, as they were known last."""
    try:
        return tools.project_budgets()
    except exception.CloudManagerException as exc:
        LOG.warning('The budgets of projects are not known: %s', exc)
        return {}


class Budgets:
    """Lets a task move servers within their budgets.

    :param force: budgets are put up with, and that is told
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 force: bool) -> None:
        self._run = run
        self._tools = tools
        self._force = force
        self._admitted: set[str] = set()
        self._projects: Mapping[str, int] | None = None

    def look(self) -> Mapping[str, int]:
        """Return the budgets of projects, which are read once."""
        if self._projects is None:
            self._projects = of_projects(self._tools)
        return self._projects

    def admit(self, items: Iterable[MoveItem]) -> list[MoveItem]:
        """Return those servers that may be moved now; the others fail."""
        return [item for item in items
                if item.object_id in self._admitted or self._admit(item)]

    def _admit(self, item: MoveItem) -> bool:
        project_most = self.look().get(item.project_id)
        if item.per_day is not None or project_most is not None:
            why = counted_moves.take(
                self._run.context, self._run.task_id, self._run.generation,
                counted_moves.Wanted(
                    item.object_id, item.project_id, item.per_day,
                    project_most, self._seen(item), self._force))
            if why and not self._force:
                item.state, item.over_budget = ItemState.FAILED, True
                item.error = f'not moved: {why}'
                self._run.save(item)
                return False
            if why and item.overridden != why:
                LOG.warning('Server %(server)s is moved although %(why)s.',
                            {'server': item.object_id, 'why': why})
                item.overridden = why
                self._run.save(item)
        self._admitted.add(item.object_id)
        return True

    def is_spent(self, item: MoveItem) -> bool:
        """Tell whether a server that was moved must not be moved back."""
        most = self.look().get(item.project_id)
        if self._force or (item.per_day is None and most is None):
            return False
        context = self._run.context
        return bool(budgets.why_spent(
            item.per_day, max(self._seen(item), counted_moves.of_servers(
                context).get(item.object_id, 0)), item.project_id, most,
            counted_moves.of_projects(context).get(item.project_id, 0)))

    def _seen(self, item: MoveItem) -> int:
        """Return how often a server was moved today, whoever did it."""
        if item.per_day is None:
            return 0
        return seen(self._tools.nova, item.object_id)


def seen(nova: protocols.Nova, server_id: str) -> int:
    """Return how often a server was moved today, by Nova's records."""
    return len(seen_at(nova, server_id))


def seen_at(nova: protocols.Nova,
            server_id: str) -> list[datetime.datetime]:
    """Return when a server was moved today, by Nova's records."""
    since = clock.utcnow() - DAY
    return [record.updated_at for record in nova.migrations_of(server_id)
            if record.type in MOVES and record.status not in NOT_MOVED
            and record.updated_at is not None
            and record.updated_at >= since]


def told(items: Iterable[MoveItem]) -> str:
    """Return whose budgets were overridden, as the end of a sentence."""
    names = [f'{item.name} ({item.object_id}): {item.overridden}'
             for item in items if item.overridden]
    return f'; moved all the same: {"; ".join(names)}' if names else ''
