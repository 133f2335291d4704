# SPDX-License-Identifier: Apache-2.0
"""Moves servers off a host: many at a time, each exactly once.

One loop drives all moves of a task. Each round reads Nova's migrations of
the source host in one request and takes every move one step further; free
slots are filled at once. A row of ``task_items`` holds what a successor
needs: the intent is written before Nova is asked, the outcome is found in
Nova's own records. A successor that finds an intent looks for the request
in Nova before it asks again.
"""

from concurrent import futures
import datetime
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.tasks import observe
from cloudmanager.conductor.tasks.base import Tools
from cloudmanager.db import tasks as db_tasks
from cloudmanager.planning import order

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# How far Nova's clock and ours may be apart, in seconds.
CLOCK_SKEW = datetime.timedelta(seconds=60)
# After this long without a migration record, look at the server itself.
NO_RECORD_SECONDS = 3
# A move that Nova still works on is waited for this many times its limit.
HARD_LIMIT = 4

# Phases of an item under way.
ASK, FOLLOW, CONFIRM, RESTORE = 'ask', 'follow', 'confirm', 'restore'


def _seconds_since(text: str) -> float:
    then = datetime.datetime.fromisoformat(text)
    return (clock.utcnow() - then).total_seconds()


class Mover:
    """Drives the items of a task whose next action is in ``actions``.

    :param actions: what this mover does; items whose next step is another
        one are left alone (evacuation waits for the fence)
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 actions: frozenset[str]) -> None:
        self.run = run
        self.nova = tools.nova
        self.actions = actions
        self.source = run.host
        self.since = run.created_at - CLOCK_SKEW
        self._calls: dict[str, futures.Future[Any]] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self._cancel: str | None = None
        self._slots = order.Slots(order.Limits(
            total=CONF.host_tasks.max_moves,
            per_destination=CONF.host_tasks.max_moves_per_destination))

    # The loop

    def drive(self) -> None:
        """Move until nothing is left to do.

        :raises TaskCancelled: a user cancelled, and nothing runs any more
        :raises HandOver: this conductor must stop
        """
        if 'migration_baseline' not in self.run.memory:
            self.run.remember(
                migration_baseline=self.nova.latest_migration_id())
        self._items = {item['object_id']: item
                       for item in self.run.items()
                       if self._is_mine(item)}
        for item in self._items.values():
            if item['state'] == db_tasks.ITEM_RUNNING:
                self._slots.start(self._order(item))
        with futures.ThreadPoolExecutor(
                CONF.host_tasks.max_moves,
                thread_name_prefix='move') as self._pool:
            try:
                self._loop()
            except engine_run.HandOver:
                self._pool.shutdown(wait=False, cancel_futures=True)
                raise
        if self._cancel:
            raise exception.TaskCancelled(task=self.run.task_id)

    def _is_mine(self, item: dict[str, Any]) -> bool:
        if item['state'] == db_tasks.ITEM_RUNNING:
            return True
        return (item['state'] == db_tasks.ITEM_PENDING
                and self._next_action(item) in self.actions)

    @staticmethod
    def _next_action(item: dict[str, Any]) -> str | None:
        ladder = item['memory']['ladder']
        return ladder[0] if ladder else None

    def _order(self, item: dict[str, Any]) -> order.Item:
        return order.Item(
            id=item['object_id'], source=self.source,
            destination=item['destination'],
            group_id=item['memory'].get('group_id'),
            priority=item['priority'],
            size_mb=item['memory'].get('size_mb', 0))

    def _loop(self) -> None:
        while True:
            cancel = self.run.guard()
            if cancel and not self._cancel:
                self._cancel = cancel
                self._stop_moves()
            self._collect()
            self._advance()
            if not self._cancel:
                self._fill()
            if not len(self._slots) and not self._waiting():
                return
            if self._calls:
                futures.wait(list(self._calls.values()),
                             CONF.host_tasks.poll_interval,
                             futures.FIRST_COMPLETED)
            else:
                self.run.pause(CONF.host_tasks.poll_interval)

    def _waiting(self) -> list[dict[str, Any]]:
        if self._cancel:
            return []
        return [item for item in self._items.values()
                if item['state'] == db_tasks.ITEM_PENDING
                and self._next_action(item) in self.actions]

    def _running(self) -> list[dict[str, Any]]:
        return [item for item in self._items.values()
                if item['state'] == db_tasks.ITEM_RUNNING]

    def _fill(self) -> None:
        waiting = self._waiting()
        if not waiting or self._slots.full:
            return
        ordered = order.sort(self._order(item) for item in waiting)
        for chosen in self._slots.next_items(ordered):
            self._begin(self._items[chosen.id])

    # Steps of one move

    def _begin(self, item: dict[str, Any]) -> None:
        """Write the intent, then ask Nova in a thread."""
        action = self._next_action(item)
        memory = {**item['memory'], 'phase': ASK,
                  'asked_at': clock.utcnow().isoformat()}
        self._write(item, state=db_tasks.ITEM_RUNNING, action=action,
                    attempts=item['attempts'] + 1, memory=memory)
        self._call(item, self._ask, item, action)

    def _write(self, item: dict[str, Any], **values: Any) -> None:
        self.run.update_item(item, **values)

    def _call(self, item: dict[str, Any], function: Any,
              *args: Any) -> None:
        self._calls[item['object_id']] = self._pool.submit(function, *args)

    def _ask(self, item: dict[str, Any], action: str) -> None:
        """Send the request; runs in a thread, touches no database."""
        server_id, target = item['object_id'], item['destination']
        if action == observe.LIVE:
            self.nova.live_migrate(server_id, target)
        elif action == observe.COLD:
            self.nova.cold_migrate(server_id, target)
        elif action == observe.OFFLOAD:
            self.nova.shelve_offload(server_id)
        elif action == observe.EVACUATE:
            self._prepare_evacuation(item)
            self.nova.evacuate(server_id, target)

    def _prepare_evacuation(self, item: dict[str, Any]) -> None:
        server = self.nova.server(item['object_id'])
        if server is None:
            raise exception.NotFound('The server is gone.')
        if item['memory'].get('lock') and not server.locked:
            self.nova.lock(server.id, f'cloudmanager {self.run.task_id}')
        if server.vm_state not in observe.EVACUATED_STATES:
            # Nova rebuilds no others; the state that counts is in the item.
            self.nova.reset_state(server.id, 'error')

    def _collect(self) -> None:
        """Take the results of calls that have ended."""
        for server_id, call in list(self._calls.items()):
            if not call.done():
                continue
            del self._calls[server_id]
            item = self._items[server_id]
            try:
                call.result()
            except exception.NotFound:
                self._gone(item)
            except exception.CloudOutcomeUnknown:
                # Nova may have got it: the phase stays, the records tell.
                LOG.warning('Nova did not answer for server %s.', server_id)
            except exception.CloudRequestRefused as exc:
                self._refused(item, str(exc))
            except exception.CloudManagerException as exc:
                self._failed(item, str(exc))
            else:
                self._accepted(item)

    def _accepted(self, item: dict[str, Any]) -> None:
        memory = item['memory']
        if memory['phase'] != ASK:
            return
        accepted = dict(memory.get('accepted', {}))
        accepted[item['action']] = accepted.get(item['action'], 0) + 1
        self._write(item, memory={**memory, 'phase': FOLLOW,
                                  'accepted': accepted})

    def _refused(self, item: dict[str, Any], reason: str) -> None:
        if item['memory']['phase'] == ASK:
            self._failed(item, reason)
        # A refused confirmation or start: somebody else did it, or the
        # next look at the server tells what is wrong.

    def _advance(self) -> None:
        """Take every move under way one step further."""
        idle = [item for item in self._running()
                if item['object_id'] not in self._calls]
        if not idle:
            return
        try:
            migrations = self.nova.migrations(source=self.source,
                                              since=self.since)
        except exception.CloudUnreachable as exc:
            LOG.warning('Nova is out of reach, moves go on unwatched: %s',
                        exc)
            return
        for item in idle:
            try:
                self._step(item, migrations)
            except exception.CloudUnreachable as exc:
                LOG.warning('Server %(server)s is looked at later: %(why)s',
                            {'server': item['object_id'], 'why': exc})

    def _step(self, item: dict[str, Any], migrations: list[Any]) -> None:
        phase = item['memory']['phase']
        if phase == ASK:
            self._adopt(item, migrations)
        elif phase == RESTORE:
            self._restore(item)
        elif item['action'] == observe.OFFLOAD:
            self._watch_offload(item)
        else:
            self._follow(item, migrations)

    def _migration(self, item: dict[str, Any],
                   migrations: list[Any]) -> Any | None:
        after = item['memory'].get('after_migration',
                                   self.run.memory['migration_baseline'])
        return observe.latest(migrations, item['object_id'],
                              item['action'], after)

    def _adopt(self, item: dict[str, Any], migrations: list[Any]) -> None:
        """Find out whether Nova got a request whose answer was lost."""
        action = item['action']
        if action in observe.NOVA_TYPE and self._migration(item, migrations):
            self._accepted(item)
            return
        actions = self.nova.actions(item['object_id'])
        accepted = item['memory'].get('accepted', {}).get(action, 0)
        if observe.asked(actions, action, accepted, self.since):
            self._accepted(item)
        elif (_seconds_since(item['memory']['asked_at'])
              > CONF.host_tasks.adopt_grace):
            server = self.nova.server(item['object_id'])
            if server is None or server.status in observe.GONE:
                self._gone(item)
                return
            LOG.info('Nova never got the request for server %s; asking '
                     'again.', item['object_id'])
            self._write(item, memory={
                **item['memory'], 'asked_at': clock.utcnow().isoformat()})
            self._call(item, self._ask, item, action)

    def _follow(self, item: dict[str, Any], migrations: list[Any]) -> None:
        migration = self._migration(item, migrations)
        if migration is None:
            self._without_record(item)
            return
        found = observe.by_migration(item['action'], migration)
        if found.verdict is observe.Verdict.FINISHED:
            self._arrive(item, found)
        elif found.verdict is observe.Verdict.FAILED:
            self._failed(item, found.reason, migration)
        elif found.verdict is observe.Verdict.CONFIRM:
            self._confirm(item)
        else:
            self._check_deadline(item, migration)

    def _without_record(self, item: dict[str, Any]) -> None:
        if _seconds_since(item['memory']['asked_at']) < NO_RECORD_SECONDS:
            return
        server = self.nova.server(item['object_id'])
        if server is None or server.status in observe.GONE:
            self._gone(item)
        elif server.task_state is None:
            actions = self.nova.actions(item['object_id'])
            if observe.action_failed(actions, item['action'], self.since):
                self._failed(item, 'Nova found no host that takes it')
            else:
                self._check_deadline(item, None)

    def _confirm(self, item: dict[str, Any]) -> None:
        """Confirm a cold migration; asking twice does no harm."""
        if item['memory']['phase'] != CONFIRM:
            self._write(item, memory={**item['memory'], 'phase': CONFIRM})
        server = self.nova.server(item['object_id'])
        if server is None:
            self._gone(item)
        elif server.status == 'VERIFY_RESIZE' and server.task_state is None:
            self._call(item, self.nova.confirm_resize, server.id)

    def _arrive(self, item: dict[str, Any], found: observe.Finding) -> None:
        server = self.nova.server(item['object_id'])
        if server is None or server.status in observe.GONE:
            self._gone(item)
        elif observe.arrived(server, self.source):
            if self._needs_restore(item, server):
                self._write(item, destination=server.host, memory={
                    **item['memory'], 'phase': RESTORE})
                self._restore(item)
            else:
                self._done(item, server.host)
        elif (_seconds_since(item['memory']['asked_at'])
              > self._limit(item)):
            self._failed(item, 'Nova says that the migration is over, but '
                               f'the server is still on {server.host}')

    def _needs_restore(self, item: dict[str, Any], server: Any) -> bool:
        if item['action'] != observe.EVACUATE:
            return False
        return bool(item['memory'].get('lock')
                    or (item['memory']['status'] == 'ACTIVE'
                        and server.status == 'SHUTOFF'))

    def _restore(self, item: dict[str, Any]) -> None:
        """Bring an evacuated server into the state that it had."""
        server = self.nova.server(item['object_id'])
        if server is None:
            self._gone(item)
            return
        if item['memory'].get('lock') and server.locked:
            self._call(item, self.nova.unlock, server.id)
            return
        if (item['memory']['status'] == 'ACTIVE'
                and server.status == 'SHUTOFF'
                and not item['memory'].get('started')):
            if server.task_state is None:
                self._write(item, memory={**item['memory'],
                                          'started': True})
                self._call(item, self.nova.start, server.id)
            return
        if server.task_state is None:
            self._done(item, server.host)

    def _watch_offload(self, item: dict[str, Any]) -> None:
        server = self.nova.server(item['object_id'])
        if server is None:
            self._gone(item)
        elif server.status == 'SHELVED_OFFLOADED':
            self._done(item, None)
        else:
            self._check_deadline(item, None)

    # Ends

    def _done(self, item: dict[str, Any], destination: str | None) -> None:
        self._write(item, state=db_tasks.ITEM_DONE, destination=destination,
                    error=None)
        self._slots.finish(item['object_id'])

    def _gone(self, item: dict[str, Any]) -> None:
        """A server that was deleted meanwhile needs no move."""
        self._write(item, state=db_tasks.ITEM_SKIPPED,
                    error='The server was deleted.')
        self._slots.finish(item['object_id'])

    def _retries(self, action: str) -> int:
        if action == observe.EVACUATE:
            return CONF.host_tasks.evacuation_retries
        return CONF.host_tasks.migration_retries

    def _failed(self, item: dict[str, Any], reason: str,
                migration: Any = None) -> None:
        """Try again, or the next step of the ladder, or give up."""
        server = self.nova.server(item['object_id'])
        if server is None or server.status in observe.GONE:
            self._gone(item)
            return
        if server.fault:
            reason = f'{reason}: {server.fault}'
        memory = dict(item['memory'])
        if migration is not None:
            memory['after_migration'] = migration.id
        tries = dict(memory.get('tries', {}))
        tries[item['action']] = tries.get(item['action'], 0) + 1
        memory['tries'] = tries
        # The planned destination did not take it: Nova chooses from now on.
        ladder = memory['ladder']
        if tries[item['action']] > self._retries(item['action']):
            ladder = ladder[1:]
        memory['ladder'] = ladder
        self._slots.finish(item['object_id'])
        if ladder and not self._cancel:
            state = db_tasks.ITEM_PENDING
        else:
            state = db_tasks.ITEM_FAILED
            self._unlock(item, server)
        LOG.warning('Server %(server)s: %(action)s failed: %(reason)s',
                    {'server': item['object_id'], 'action': item['action'],
                     'reason': reason})
        self._write(item, state=state, destination=None, error=reason,
                    memory=memory)

    def _unlock(self, item: dict[str, Any], server: Any) -> None:
        if item['memory'].get('lock') and server.locked:
            try:
                self.nova.unlock(server.id)
            except exception.CloudManagerException:
                LOG.exception('Server %s stays locked.', server.id)

    # Deadlines

    def _limit(self, item: dict[str, Any]) -> float:
        gib = item['memory'].get('size_mb', 0) / 1024
        return (CONF.host_tasks.move_timeout
                + CONF.host_tasks.move_timeout_per_gib * gib)

    def _check_deadline(self, item: dict[str, Any],
                        migration: Any | None) -> None:
        taken = _seconds_since(item['memory']['asked_at'])
        if taken < self._limit(item):
            return
        if taken > HARD_LIMIT * self._limit(item):
            self._failed(item, f'it was not over after {taken:.0f} s',
                         migration)
        elif item['action'] == observe.LIVE and migration is not None:
            self._check_progress(item, migration)
        elif migration is None and item['action'] != observe.OFFLOAD:
            self._failed(item, 'Nova has no record of the move')

    def _check_progress(self, item: dict[str, Any], migration: Any) -> None:
        """Let a slow migration go on while what remains shrinks."""
        found = [entry for entry in
                 self.nova.server_migrations(item['object_id'])
                 if entry.id == migration.id]
        remaining = found[0].memory_remaining_bytes if found else None
        last = item['memory'].get('remaining')
        checked = item['memory'].get('checked_at')
        if checked and _seconds_since(checked) < 10:
            return
        if (last is None or remaining is None or remaining < last
                or item['memory'].get('aborted')):
            self._write(item, memory={
                **item['memory'], 'remaining': remaining,
                'checked_at': clock.utcnow().isoformat()})
        else:
            self._write(item, memory={**item['memory'], 'aborted': True})
            self._call(item, self.nova.abort_migration, item['object_id'],
                       migration.id)

    def _stop_moves(self) -> None:
        """Carry out what was asked about moves under way."""
        for item in self._items.values():
            if item['state'] == db_tasks.ITEM_PENDING:
                self._write(item, state=db_tasks.ITEM_SKIPPED,
                            error='The task was cancelled.')
        if self._cancel != 'abort':
            return
        migrations = self.nova.migrations(source=self.source,
                                          since=self.since)
        for item in self._running():
            migration = self._migration(item, migrations)
            if (item['action'] == observe.LIVE and migration is not None
                    and item['object_id'] not in self._calls):
                self._call(item, self.nova.abort_migration,
                           item['object_id'], migration.id)
