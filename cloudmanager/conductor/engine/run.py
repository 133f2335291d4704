# SPDX-License-Identifier: Apache-2.0
"""One task while one conductor runs it."""

from collections.abc import Iterable
import datetime
import threading
from typing import TypeVar

from oslo_db import exception as db_exc

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.records import item
from cloudmanager.conductor.records import stored
from cloudmanager.db import tasks as db_tasks
from cloudmanager.db.models import Row
from cloudmanager.domain.task_states import Cancel

AnyItem = TypeVar('AnyItem', bound=item.Item)
Memory = TypeVar('Memory', bound=stored.Record)


class HandOver(BaseException):
    """Leave a flow where it stands, so that another conductor can go on.

    This is not an ``Exception``, so TaskFlow neither records a failure nor
    reverts. The stored state looks as if the process had been killed here,
    which every step must survive anyway.
    """


class Run:
    """What the steps of a flow know about their task.

    :param context: the request context of the service's own work
    :param task: the row, as claimed
    :param stopping: set when this conductor must end
    """

    def __init__(self, context: RequestContext, task: Row,
                 stopping: threading.Event) -> None:
        self._context = context
        self._task = task
        self._memory: JsonObject = dict(task['memory'] or {})
        self._recalled: dict[type[stored.Record], stored.Record] = {}
        #: The outcome of the task, in words.
        self.result: str | None = None
        self.claimed_at = clock.monotonic()
        self.lost = threading.Event()
        self.stopping = stopping

    # These do not change while the task runs.

    @property
    def context(self) -> RequestContext:
        return self._context

    @property
    def task_id(self) -> str:
        return str(self._task['id'])

    @property
    def name(self) -> str:
        return str(self._task['name'])

    @property
    def host(self) -> str:
        """The compute host that the task acts on; empty if there is none."""
        return self._task['host'] or ''

    @property
    def server_id(self) -> str:
        """The server that the task acts on; empty if there is none."""
        return self._task['server_id'] or ''

    @property
    def params(self) -> JsonObject:
        """The parameters of the request."""
        found: JsonObject = self._task['params']
        return found

    @property
    def generation(self) -> int:
        return int(self._task['generation'])

    @property
    def created_at(self) -> datetime.datetime:
        found: datetime.datetime = self._task['created_at']
        return found

    @property
    def user_id(self) -> str | None:
        found: str | None = self._task['user_id']
        return found

    @property
    def user_name(self) -> str | None:
        found: str | None = self._task['user_name']
        return found

    def guard(self) -> Cancel | None:
        """Check that this conductor may go on; call before side effects.

        :returns: how the task is to be cancelled, if a user asked for that
        :raises HandOver: the lease is lost, or the process must end
        """
        if self.lost.is_set() or self.stopping.is_set():
            raise HandOver()
        try:
            cancel = db_tasks.check(self.context, self.task_id,
                                    self.generation)
        except exception.LeaseLost:
            self.lost.set()
            raise HandOver() from None
        return Cancel(cancel) if cancel else None

    def is_owned(self) -> bool:
        """Tell whether this conductor may go on; for other threads."""
        if self.lost.is_set() or self.stopping.is_set():
            return False
        try:
            db_tasks.check(self.context, self.task_id, self.generation)
        except (exception.LeaseLost, db_exc.DBError):
            return False
        return True

    def checkpoint(self) -> None:
        """Check as ``guard`` does, and also if the task was cancelled.

        :raises TaskCancelled: a user cancelled the task
        """
        if self.guard():
            raise exception.TaskCancelled(task=self.task_id)

    def pause(self, seconds: float) -> None:
        """Wait, unless the process must end.

        :raises HandOver: the process must end
        """
        if clock.wait(self.stopping, seconds) or self.lost.is_set():
            raise HandOver()

    def recall(self, kind: type[Memory]) -> Memory:
        """Return the memory of the task of one kind.

        Each call returns the same record. A caller that changes it must pass
        it to ``keep``.
        """
        found = self._recalled.get(kind)
        if not isinstance(found, kind):
            found = self._recalled[kind] = kind.from_json(self._memory)
        return found

    def keep(self, memory: stored.Record) -> None:
        """Store a memory for later steps and for later conductors.

        :param memory: what ``recall`` returned
        """
        changed = memory.changes(self._memory)
        if changed:
            db_tasks.remember(self.context, self.task_id, self.generation,
                              changed)
            self._memory.update(changed)

    def begin_part(self, part_id: str, name: str, host: str,
                   params: JsonObject,
                   room: db_tasks.Room | None = None) -> None:
        """Create a task that does a part of this one, once.

        :param part_id: its id, which the caller has stored before
        :param room: checked if the host is in use
        :raises HostsOutOfUse: there is no room; nothing was created
        """
        db_tasks.create_part(self.context, self.task_id, self.generation,
                             part_id, name, host=host, params=params,
                             room=room)

    def items(self, kind: type[AnyItem]) -> list[AnyItem]:
        """Return the items of the task, as they are in the database.

        :param kind: the type of the items
        """
        rows = db_tasks.items(self.context, [self.task_id])[self.task_id]
        return [kind.from_row(row) for row in rows]

    def add_items(self, new: Iterable[item.Item]) -> None:
        """Insert those of the items that the database does not have yet."""
        db_tasks.add_items(self.context, self.task_id, self.generation,
                           [one.to_row() for one in new])

    def save(self, changed: item.Item) -> None:
        """Store an item that was changed.

        :raises LeaseLost: another conductor owns the task
        """
        db_tasks.update_item(self.context, self.task_id, self.generation,
                             changed.id, changed.to_row())
