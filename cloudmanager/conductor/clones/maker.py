# SPDX-License-Identifier: Apache-2.0
"""Makes the clones of a task, a few at a time, each whole or not at all.

One loop takes each clone in progress one step further, as with moves::

    volumes --> server --> boot --> finish --> DONE
       |           |         |         |
       +-----------+---------+---------+--> remove --> FAILED

The item of a clone has its phase, and an entry for each resource that is
created for it (``conductor.records.clones``).
"""

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import exception
from cloudmanager.conductor.clones import items
from cloudmanager.conductor.clones import servers
from cloudmanager.conductor.clones import templates
from cloudmanager.conductor.clones import volumes
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.clones import CloneItem
from cloudmanager.conductor.records.clones import Phase
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import Cancel
from cloudmanager.domain.task_states import ItemState

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class Maker:
    """Drives the items of a task.

    :param shared: what the clones are made of
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 shared: templates.Templates) -> None:
        self._run = run
        self._volumes = volumes.Volumes(run, tools, shared)
        self._servers = servers.Servers(run, tools, shared)
        self._cancel: Cancel | None = None
        self._items: list[CloneItem] = []
        self._phases = {
            Phase.VOLUMES: self._make_volumes,
            Phase.SERVER: self._make_server,
            Phase.BOOT: self._await_server, Phase.FINISH: self._finish,
            Phase.REMOVE: self._remove}

    # The loop

    def drive(self) -> None:
        """Make all clones.

        :raises TaskCancelled: a user cancelled the task, and no clone is left
            half made
        """
        self._items = self._run.items(CloneItem)
        while True:
            self._look_for_cancel()
            self._start()
            running = self._in(ItemState.RUNNING)
            if not running:
                break
            self._advance(running)
            self._run.pause(self._interval(running))
        if self._cancel:
            raise exception.TaskCancelled(task=self._run.task_id)

    def give_up(self, reason: str) -> None:
        """Remove the clones that are not finished."""
        self._items = self._run.items(CloneItem)
        for item in self._in(ItemState.RUNNING):
            self._fail(item, reason)
        while running := self._in(ItemState.RUNNING):
            self._run.guard()
            self._advance(running)
            self._run.pause(self._interval(running))

    def _in(self, state: ItemState) -> list[CloneItem]:
        return [item for item in self._items if item.state == state]

    def _look_for_cancel(self) -> None:
        cancel = self._run.guard()
        if not cancel or self._cancel:
            return
        self._cancel = cancel
        for item in self._in(ItemState.PENDING):
            self._end(item, ItemState.SKIPPED, 'The task was cancelled.')
        if cancel == Cancel.ABORT:
            for item in self._in(ItemState.RUNNING):
                self._fail(item, 'The task was cancelled.')

    def _start(self) -> None:
        """Begin clones until as many as allowed are in progress."""
        free = CONF.server_tasks.max_clones - len(self._in(ItemState.RUNNING))
        for item in self._in(ItemState.PENDING)[:max(0, free)]:
            item.state = ItemState.RUNNING
            item.attempts += 1
            self._enter(item, Phase.VOLUMES)

    @staticmethod
    def _interval(running: list[CloneItem]) -> float:
        """Return the seconds until the next round."""
        options = CONF.host_tasks
        age = min(item.age for item in running)
        return float(min(max(options.poll_interval,
                             age / mover.POLLS_PER_AGE),
                         options.poll_interval_max))

    def _advance(self, running: list[CloneItem]) -> None:
        for item in running:
            phase = item.phase
            try:
                self._phases[phase](item)
                self._check_time(item, phase)
            except (exception.Conflict, exception.NotFound) as exc:
                if phase == Phase.REMOVE:
                    # The service cannot do it yet, for example while it
                    # still makes a volume.
                    LOG.info('%s', exc)
                    self._check_time(item, phase)
                else:
                    self._fail(item, str(exc))

    def _check_time(self, item: CloneItem, phase: Phase) -> None:
        if item.state != ItemState.RUNNING or item.phase != phase:
            return
        limit = (CONF.server_tasks.clear_timeout if phase == Phase.REMOVE
                 else CONF.server_tasks.clone_timeout)
        if item.age <= limit:
            return
        if phase == Phase.REMOVE:
            self._end_removal(item)
        else:
            self._fail(item, f'the step "{phase}" was not over after '
                             f'{limit} s')

    def _enter(self, item: CloneItem, phase: Phase) -> None:
        items.enter(self._run, item, phase)

    def _fail(self, item: CloneItem, reason: str) -> None:
        items.fail(self._run, item, reason)

    def _end(self, item: CloneItem, state: ItemState,
             error: str | None) -> None:
        item.state, item.error = state, error
        self._run.save(item)

    # The phases

    def _make_volumes(self, item: CloneItem) -> None:
        if self._volumes.make(item):
            self._enter(item, Phase.SERVER)

    def _make_server(self, item: CloneItem) -> None:
        made = self._servers.make(item)
        if made is not None:
            item.object_id = made
            self._enter(item, Phase.BOOT)

    def _await_server(self, item: CloneItem) -> None:
        server = self._servers.look(item)
        if not verdicts.exists(server):
            self._fail(item, 'it was deleted while it was made')
        elif server.task_state is None and server.status == 'ERROR':
            self._fail(item, server.fault or 'Nova could not build it')
        elif server.task_state is None and server.status == 'ACTIVE':
            item.destination = server.host
            self._enter(item, Phase.FINISH)

    def _finish(self, item: CloneItem) -> None:
        """Copy from the source what cannot be given when Nova creates it.

        The marks go last: while they are there, they say that the clone is not
        finished.
        """
        self._servers.secure(item)
        self._run.guard()
        self._volumes.describe(item)
        self._servers.describe(item)
        self._end(item, ItemState.DONE, None)

    def _remove(self, item: CloneItem) -> None:
        """Remove the server, then the volumes."""
        if not self._servers.remove(item):
            return
        self._volumes.remove(item)
        journal = items.journal(self._run, item)
        if not any(journal.is_open(key) for key in journal.entries):
            self._end_removal(item)

    def _end_removal(self, item: CloneItem) -> None:
        journal = items.journal(self._run, item)
        left = ', '.join(f'{key.partition(" ")[0]} {line.id}'
                         for key, line in journal.entries.items()
                         if journal.is_open(key) and line.id)
        self._end(item, ItemState.SKIPPED if self._cancel == Cancel.ABORT
                  else ItemState.FAILED,
                  f'{item.error}; left behind: {left}' if left
                  else item.error)
