# SPDX-License-Identifier: Apache-2.0
"""Makes the clones of a task, some at a time, each whole or not at all.

One loop takes all clones under way one step further, as with moves::

    volumes --> server --> boot --> finish --> DONE
       |           |         |         |
       +-----------+---------+---------+--> remove --> FAILED

The item of a clone has its phase, and a line for each thing that is created
for it (``created``).
"""

from collections.abc import Callable
import datetime
import functools
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.clones import creations
from cloudmanager.conductor.clones import source
from cloudmanager.conductor.clones import templates
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import Cancel
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import copies

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

VOLUMES, SERVER, BOOT, FINISH, REMOVE = (
    'volumes', 'server', 'boot', 'finish', 'remove')
_SERVER = 'server'
#: Statuses of new volumes that nothing comes of any more.
_BROKEN = frozenset(('error', 'error_deleting', 'deleting', 'error_restoring'))


def _volume_key(volume: dict[str, Any]) -> str:
    return f'volume {volume["id"]}'


class Maker:
    """Drives the items of a task.

    :param shared: what the clones are made of
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 shared: templates.Templates) -> None:
        self._run = run
        self._tools = tools
        self._shared = shared
        self._source: source.Source | None = None
        self._cancel: Cancel | None = None
        self._items: list[dict[str, Any]] = []
        self._phases: dict[str, Callable[[dict[str, Any]], None]] = {
            VOLUMES: self._copy_volumes, SERVER: self._create_server,
            BOOT: self._await_server, FINISH: self._finish,
            REMOVE: self._remove}

    # The loop

    def drive(self) -> None:
        """Make all clones.

        :raises TaskCancelled: a user cancelled, and nothing is half done
        """
        self._items = self._run.items()
        while True:
            self._look_for_cancel()
            self._start()
            running = self._running()
            if not running:
                break
            self._advance(running)
            self._run.pause(self._interval(running))
        if self._cancel:
            raise exception.TaskCancelled(task=self._run.task_id)

    def give_up(self, reason: str) -> None:
        """Take away what is not whole yet."""
        self._items = self._run.items()
        for item in self._running():
            self._fail(item, reason)
        while running := self._running():
            self._run.guard()
            self._advance(running)
            self._run.pause(self._interval(running))

    def _running(self) -> list[dict[str, Any]]:
        return [item for item in self._items
                if item['state'] == ItemState.RUNNING]

    def _look_for_cancel(self) -> None:
        cancel = self._run.guard()
        if not cancel or self._cancel:
            return
        self._cancel = cancel
        for item in self._items:
            if item['state'] == ItemState.PENDING:
                self._run.update_item(item, state=ItemState.SKIPPED,
                                      error='The task was cancelled.')
        if cancel == Cancel.ABORT:
            for item in self._running():
                self._fail(item, 'The task was cancelled.')

    def _start(self) -> None:
        """Begin as many clones as may be under way."""
        free = CONF.server_tasks.max_clones - len(self._running())
        waiting = [item for item in self._items
                   if item['state'] == ItemState.PENDING]
        for item in waiting[:max(0, free)]:
            self._enter(item, VOLUMES, state=ItemState.RUNNING,
                        attempts=item['attempts'] + 1)

    def _interval(self, running: list[dict[str, Any]]) -> float:
        age = min(clock.seconds_since(datetime.datetime.fromisoformat(
            item['memory']['since'])) for item in running)
        return min(max(CONF.host_tasks.poll_interval,
                       age / mover.POLLS_PER_AGE),
                   CONF.host_tasks.poll_interval_max)

    def _advance(self, running: list[dict[str, Any]]) -> None:
        for item in running:
            phase = item['memory']['phase']
            try:
                self._phases[phase](item)
                self._check_time(item, phase)
            except (exception.Conflict, exception.NotFound) as exc:
                if phase == REMOVE:
                    # Not yet, as while a volume is still being made.
                    LOG.info('%s', exc)
                    self._check_time(item, phase)
                else:
                    self._fail(item, str(exc))

    def _check_time(self, item: dict[str, Any], phase: str) -> None:
        memory = item['memory']
        if (item['state'] != ItemState.RUNNING
                or memory['phase'] != phase):
            return
        limit = (CONF.server_tasks.clear_timeout if phase == REMOVE
                 else CONF.server_tasks.clone_timeout)
        if clock.seconds_since(datetime.datetime.fromisoformat(
                memory['since'])) <= limit:
            return
        if phase == REMOVE:
            self._end_removal(item)
        else:
            self._fail(item, f'the step "{phase}" was not over after '
                             f'{limit} s')

    # What items remember

    def _enter(self, item: dict[str, Any], phase: str,
               **values: Any) -> None:
        self._run.update_item(item, **values, memory={
            **item['memory'], 'phase': phase,
            'since': clock.utcnow().isoformat()})

    def _fail(self, item: dict[str, Any], reason: str) -> None:
        if item['memory'].get('phase') == REMOVE:
            return
        LOG.warning('Clone %(name)s of server %(server)s failed: %(why)s', {
            'name': item['name'], 'server': self._run.server_id,
            'why': reason})
        self._enter(item, REMOVE, error=reason)

    def _book(self, item: dict[str, Any]) -> creations.Book:
        def store(lines: creations.Lines) -> None:
            self._run.update_item(item, memory={**item['memory'],
                                                'lines': lines})

        return creations.Book(self._run, item['memory'].get('lines', {}),
                            store)

    def _mark(self, item: dict[str, Any], key: str) -> str:
        return creations.mark(self._run,
                            f'clone {item["memory"]["number"]}, {key}')

    @property
    def _inside(self) -> Any:
        """Clients in the project that the clones belong to."""
        return self._tools.in_project(self._shared.project)

    @property
    def _volumes(self) -> list[dict[str, Any]]:
        return self._shared.facts['volumes']

    # Volumes

    def _volume_name(self, item: dict[str, Any],
                     volume: dict[str, Any]) -> str:
        return f'{item["name"][:240]}-{volume["device"]}'[:255]

    def _find_volume(self, item: dict[str, Any],
                     volume: dict[str, Any]) -> str | None:
        mark = self._mark(item, _volume_key(volume))
        return next((
            piece.id for piece in self._tools.cinder.volumes_named(
                self._shared.project, self._volume_name(item, volume))
            if piece.description == mark), None)

    def _create_volume(self, item: dict[str, Any],
                       volume: dict[str, Any]) -> str:
        return self._inside.cinder.create_volume(
            self._shared.book.lines[volume['id']]['id'], volume['size_gb'],
            self._volume_name(item, volume),
            self._mark(item, _volume_key(volume)))

    def _copy_volumes(self, item: dict[str, Any]) -> None:
        book = self._book(item)
        made = [book.ensure(
            _volume_key(volume),
            functools.partial(self._find_volume, item, volume),
            functools.partial(self._create_volume, item, volume))
            for volume in self._volumes]
        pieces = [self._tools.cinder.piece(key) for key in made if key]
        for piece in pieces:
            if piece is None or piece.status in _BROKEN:
                status = piece.status if piece else 'gone'
                raise exception.ServerState(
                    server=self._run.server_id,
                    reason=f'a copy of a volume has the status {status}')
        if (len(pieces) == len(made)
                and all(piece and piece.status == 'available'
                        for piece in pieces)):
            self._enter(item, SERVER)

    # The server

    def _find_server(self, item: dict[str, Any]) -> str | None:
        mark = self._mark(item, _SERVER)
        found = self._tools.nova.servers_of(self._shared.project)
        return next((key for key, description in found.items()
                     if description == mark), None)

    def _request(self, item: dict[str, Any]) -> str:
        """Ask for the server; what it is made of is read anew."""
        if self._source is None:
            self._source = source.read(self._tools,
                                             self._run.server_id)
        lines, shared = self._book(item).lines, self._shared.book.lines
        image = shared.get('image')
        key = self._shared.facts['key']
        return self._inside.nova.create_server(copies.body(
            self._source.plan, self._source.ports, name=item['name'],
            description=self._mark(item, _SERVER),
            image_id=image['id'] if image else None,
            key_name=key['name'] if key else None,
            volumes=[{**volume, 'id': lines[_volume_key(volume)]['id']}
                     for volume in self._volumes]))

    def _create_server(self, item: dict[str, Any]) -> None:
        made = self._book(item).ensure(
            _SERVER, lambda: self._find_server(item),
            lambda: self._request(item))
        if made is not None:
            self._enter(item, BOOT, object_id=made)

    def _await_server(self, item: dict[str, Any]) -> None:
        server = self._tools.nova.server(item['object_id'])
        if not verdicts.exists(server):
            self._fail(item, 'it was deleted while it was made')
        elif server.task_state is None and server.status == 'ERROR':
            self._fail(item, server.fault or 'Nova could not build it')
        elif server.task_state is None and server.status == 'ACTIVE':
            self._enter(item, FINISH, destination=server.host)

    def _finish(self, item: dict[str, Any]) -> None:
        """Make the clone like the server in what Nova does not take.

        The marks go last: as long as they are there, so is the claim that
        the clone is not finished.
        """
        made = self._tools.neutron.ports_of(item['object_id'])
        facts = self._shared.facts
        ports = [source.port(values) for values in facts['ports']]
        for port, other in copies.pairs(ports, made):
            if (port.security, port.security_groups) != (
                    other.security, other.security_groups):
                self._run.guard()
                self._tools.neutron.set_security(
                    other.id, port.security, port.security_groups)
        self._run.guard()
        lines = self._book(item).lines
        for volume in self._volumes:
            self._tools.cinder.describe(lines[_volume_key(volume)]['id'],
                                        volume['description'])
        self._tools.nova.describe(item['object_id'], facts['description'])
        self._run.update_item(item, state=ItemState.DONE, error=None)

    # Away with it

    def _remove(self, item: dict[str, Any]) -> None:
        """Take the server away, then the volumes."""
        book = self._book(item)
        if book.is_open(_SERVER):
            self._run.guard()
            self._remove_server(item, book)
            return
        for volume in self._volumes:
            if book.is_open(_volume_key(volume)):
                self._run.guard()
                self._remove_volume(item, book, volume)
        if not any(book.is_open(key) for key in book.lines):
            self._end_removal(item)

    def _remove_server(self, item: dict[str, Any],
                       book: creations.Book) -> None:
        found = book.identify(_SERVER, lambda: self._find_server(item))
        if found is None:
            if book.is_settled(_SERVER):
                book.close(_SERVER)
            return
        server = self._tools.nova.server(found)
        if server is None or server.status == 'DELETED':
            book.close(_SERVER)
        elif server.task_state != 'deleting':
            self._tools.nova.delete_server(found)

    def _remove_volume(self, item: dict[str, Any], book: creations.Book,
                       volume: dict[str, Any]) -> None:
        key = _volume_key(volume)
        found = book.identify(key, lambda: self._find_volume(item, volume))
        if found is None:
            if book.is_settled(key):
                book.close(key)
            return
        piece = self._tools.cinder.piece(found)
        if piece is None:
            book.close(key)
        elif piece.status != 'deleting':
            self._tools.cinder.delete_volume(found)

    def _end_removal(self, item: dict[str, Any]) -> None:
        book = self._book(item)
        left = ', '.join(f'{key.partition(" ")[0]} {line["id"]}'
                         for key, line in book.lines.items()
                         if book.is_open(key) and line.get('id'))
        error = item['error']
        if left:
            error = f'{error}; left behind: {left}'
        self._run.update_item(
            item, error=error, state=ItemState.SKIPPED
            if self._cancel == Cancel.ABORT else ItemState.FAILED)
