# SPDX-License-Identifier: Apache-2.0
"""One task in the hands of one conductor."""

from collections.abc import Iterable
import datetime
import threading
import time
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
    """Leave a flow where it stands, for a successor to go on.

    Not an ``Exception``, so that TaskFlow neither records a failure nor
    reverts: what is stored looks as if the process had been killed here,
    which every step must bear anyway.
    """


class Run:
    """What the steps of a flow know of their task.

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
        #: What came of it, in words.
        self.result: str | None = None
        self.claimed_at = time.monotonic()
        self.lost = threading.Event()
        self.stopping = stopping

    # Whose work it is does not change while it is done.

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
        """The compute host that it is about; empty if it is about none."""
        return self._task['host'] or ''

    @property
    def server_id(self) -> str:
        """The server that it is about; empty if it is about none."""
        return self._task['server_id'] or ''

    @property
    def params(self) -> JsonObject:
        """What was asked for."""
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

        :returns: what was asked for about cancelling, if anything
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
        """Check as ``guard`` does, and whether the task was cancelled.

        :raises TaskCancelled: it was
        """
        if self.guard():
            raise exception.TaskCancelled(task=self.task_id)

    def pause(self, seconds: float) -> None:
        """Wait, unless the process must end.

        :raises HandOver: it must
        """
        if clock.wait(self.stopping, seconds) or self.lost.is_set():
            raise HandOver()

    def recall(self, kind: type[Memory]) -> Memory:
        """Return what the task remembers of a kind.

        It is the same record each time; who changes it has it kept.
        """
        found = self._recalled.get(kind)
        if not isinstance(found, kind):
            found = self._recalled[kind] = kind.from_json(self._memory)
        return found

    def keep(self, memory: stored.Record) -> None:
        """Have later steps, and a successor, know what has changed.

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

        :param part_id: its id, which was written down before
        :param room: checked if the host is in use
        :raises HostsOutOfUse: there is no room; nothing was created
        """
        db_tasks.create_part(self.context, self.task_id, self.generation,
                             part_id, name, host=host, params=params,
                             room=room)

    def items(self, kind: type[AnyItem]) -> list[AnyItem]:
        """Return the items of the task, as they are in the database.

        :param kind: as what
        """
        rows = db_tasks.items(self.context, [self.task_id])[self.task_id]
        return [kind.from_row(row) for row in rows]

    def add_items(self, new: Iterable[item.Item]) -> None:
        """Insert those of some items that are not there yet."""
        db_tasks.add_items(self.context, self.task_id, self.generation,
                           [one.to_row() for one in new])

    def save(self, changed: item.Item) -> None:
        """Write an item that was changed.

        :raises LeaseLost: another conductor owns the task
        """
        db_tasks.update_item(self.context, self.task_id, self.generation,
                             changed.id, changed.to_row())
