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
import time
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import retry
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.tasks import items
from cloudmanager.conductor.tasks import observe
from cloudmanager.conductor.tasks import plans
from cloudmanager.conductor.tasks import requests
from cloudmanager.conductor.tasks.base import Tools
from cloudmanager.db import tasks as db_tasks
from cloudmanager.planning import order

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# How far Nova's clock and ours may be apart.
CLOCK_SKEW = datetime.timedelta(seconds=10)
# After this many seconds without a migration record look at the server.
NO_RECORD_SECONDS = 3
# A move is looked at this many times as often as it is old.
POLLS_PER_AGE = 10
# A move that Nova still works on is waited for this many times its limit.
HARD_LIMIT = 4
# Seconds between looks at the progress of a slow migration.
PROGRESS_SECONDS = 10

# Phases of an item under way.
ASK, FOLLOW, CONFIRM, UNLOCK = 'ask', 'follow', 'confirm', 'unlock'


def lock_reason(run: engine_run.Run) -> str:
    """Return the reason by which our own locks are known again."""
    return f'cloudmanager task {run.task_id}'


class Mover:
    """Drives the items of a task whose next action is in ``actions``.

    :param actions: what this mover does; items whose next step is another
        one are left alone (evacuation waits for the fence)
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 actions: frozenset[str]) -> None:
        self.run = run
        self.nova = tools.nova
        self._tools = tools
        self.actions = actions
        self.source = run.host
        self._since = run.created_at - CLOCK_SKEW
        self._calls: dict[str, futures.Future[Any]] = {}
        self._items: list[dict[str, Any]] = []
        self._cancel: str | None = None
        self._look_at = 0.0
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
            self.run.remember(migration_baseline=(
                self.nova.latest_migration_id(self.source)))
        self._items = [item for item in self.run.items()
                       if self._is_mine(item)]
        for item in self._running():
            if item['memory']['phase'] != UNLOCK:
                self._slots.start(items.as_move(item, self.source))
        with futures.ThreadPoolExecutor(
                CONF.host_tasks.max_moves,
                thread_name_prefix='move') as self._pool:
            try:
                while self._round():
                    self._pause()
            finally:
                self._pool.shutdown(wait=False, cancel_futures=True)
        if self._cancel:
            raise exception.TaskCancelled(task=self.run.task_id)

    def _is_mine(self, item: dict[str, Any]) -> bool:
        if item['state'] == db_tasks.ITEM_RUNNING:
            return True
        return (item['state'] == db_tasks.ITEM_PENDING
                and (item['memory']['wait']
                     or items.next_action(item) in self.actions))

    def _round(self) -> bool:
        """Take everything one step further; false when all is over."""
        cancel = self.run.guard()
        if cancel and not self._cancel:
            self._cancel = cancel
            self._skip_waiting()
        self._collect()
        if self._until_look() <= 0:
            self._look_at = time.monotonic() + self._interval()
            self._settle()
            self._advance()
        self._fill()
        return bool(self._running() or self._waiting())

    def _pause(self) -> None:
        """Wait for the next answer of Nova or the next look at it."""
        left = self._until_look()
        if left <= 0:
            return
        if self._calls:
            futures.wait(list(self._calls.values()), left,
                         futures.FIRST_COMPLETED)
        else:
            self.run.pause(left)

    def _until_look(self) -> float:
        # A millisecond early is no harm, and no float is exact.
        return self._look_at - time.monotonic() - 0.001

    def _interval(self) -> float:
        """Return the seconds between two looks at Nova.

        Moves that take long are looked at less often.
        """
        ages = [items.seconds_since(item['memory']['asked_at'])
                for item in self._running()]
        return min(max(CONF.host_tasks.poll_interval,
                       min(ages, default=0) / POLLS_PER_AGE),
                   CONF.host_tasks.poll_interval_max)

    def _waiting(self) -> list[dict[str, Any]]:
        return [item for item in self._items
                if item['state'] == db_tasks.ITEM_PENDING
                and (item['memory']['wait']
                     or items.next_action(item) in self.actions)]

    def _running(self) -> list[dict[str, Any]]:
        return [item for item in self._items
                if item['state'] == db_tasks.ITEM_RUNNING]

    def _fill(self) -> None:
        """Start what may start now, in the order of the plan."""
        if self._cancel or self._slots.full:
            return
        waiting = {item['object_id']: item for item in self._waiting()
                   if not item['memory']['wait']}
        for chosen in self._slots.next_items(
                items.as_move(item, self.source)
                for item in waiting.values()):
            self._begin(waiting[chosen.id])

    # Servers in the middle of something else

    def _settle(self) -> None:
        """Decide on servers whose own operation has ended meanwhile."""
        for item in self._waiting():
            if not item['memory']['wait']:
                continue
            server = self.nova.server(item['object_id'])
            if self._is_gone(server):
                self._gone(item)
            elif server.task_state is None or items.waited_enough(item):
                self._settled(item, server)

    def _settled(self, item: dict[str, Any], server: Any) -> None:
        if observe.left(server, self.source):
            # What it was doing took it off the host.
            self._done(item, server.host)
        elif observe.EVACUATE in self.actions:
            self._write(item, memory={**item['memory'], 'wait': False})
        else:
            self._replan(item, server)

    def _replan(self, item: dict[str, Any], server: Any) -> None:
        """Decide anew on a server that is not as it was planned."""
        found = plans.ladder_of(server, self.run.params)
        memory = {**item['memory'], **found, 'tries': {},
                  'replans': item['memory'].get('replans', 0) + 1}
        error = memory.pop('error')
        if found['wait'] and items.waited_enough(item):
            error = (f'its task {server.task_state} did not end within '
                     f'{CONF.host_tasks.settle_timeout} s')
        self._write(item, memory=memory, error=error, state=(
            db_tasks.ITEM_FAILED if error else db_tasks.ITEM_PENDING))

    # Steps of one move

    def _begin(self, item: dict[str, Any]) -> None:
        """Write the intent, then ask Nova in a thread."""
        action = item['memory']['ladder'][0]
        memory = {**item['memory'], 'phase': ASK,
                  'asked_at': clock.utcnow().isoformat()}
        self._write(item, state=db_tasks.ITEM_RUNNING, action=action,
                    attempts=item['attempts'] + 1, memory=memory)
        self._ask(item, action)

    def _write(self, item: dict[str, Any], **values: Any) -> None:
        self.run.update_item(item, **values)

    def _note(self, item: dict[str, Any], **values: Any) -> None:
        self._write(item, memory={**item['memory'], **values})

    def _call(self, item: dict[str, Any], function: Any,
              *args: Any) -> None:
        """Call Nova in a thread, which gives up when the lease is lost."""
        self._calls[item['object_id']] = self._pool.submit(
            retry.only_while, self.run.is_owned, function, *args)

    def _ask(self, item: dict[str, Any], action: str) -> None:
        self._call(item, requests.send, self.nova, item, action,
                   self.source, lock_reason(self.run))

    def _collect(self) -> None:
        """Take the results of calls that have ended."""
        for item in self._items:
            call = self._calls.get(item['object_id'])
            if call is None or not call.done():
                continue
            del self._calls[item['object_id']]
            try:
                call.result()
            except (exception.CloudRequestRefused,
                    exception.NotFound) as exc:
                self._refused(item, str(exc))
            except exception.CloudUnreachable:
                # Nova may have got it: the phase stays, the records tell.
                LOG.warning('Nova did not answer for server %s.',
                            item['object_id'])
            else:
                self._accepted(item)

    def _accepted(self, item: dict[str, Any]) -> None:
        memory = item['memory']
        if memory['phase'] == ASK:
            accepted = dict(memory.get('accepted', {}))
            accepted[item['action']] = accepted.get(item['action'], 0) + 1
            self._note(item, phase=FOLLOW, accepted=accepted)
        elif memory['phase'] == UNLOCK:
            self._done(item, item['destination'])

    def _refused(self, item: dict[str, Any], reason: str) -> None:
        if item['memory']['phase'] == ASK:
            self._failed(item, reason)
        # A refused confirmation, unlock or abort: somebody else did it, or
        # the next look at the server tells what is wrong.

    def _advance(self) -> None:
        """Take every move under way one step further."""
        idle = [item for item in self._running()
                if item['object_id'] not in self._calls]
        if not idle:
            return
        try:
            migrations = self.nova.migrations(
                source=self.source, since=self._since)
            for item in idle:
                self._step_or_skip(item, migrations)
        except exception.CloudUnreachable as exc:
            LOG.warning('Nova is out of reach, moves go on unwatched: %s',
                        exc)

    def _step_or_skip(self, item: dict[str, Any],
                      migrations: list[Any]) -> None:
        try:
            self._step(item, migrations)
        except exception.NotFound as exc:
            # Deleted between two requests; the next look at it tells.
            LOG.info('%s', exc)

    def _step(self, item: dict[str, Any], migrations: list[Any]) -> None:
        phase = item['memory']['phase']
        if phase == ASK:
            self._adopt(item, migrations)
        elif phase == UNLOCK:
            self._unlock(item)
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
        """Find out whether a request of unknown fate reached Nova."""
        action = item['action']
        if self._migration(item, migrations):
            self._accepted(item)
            return
        asked_at = item['memory']['asked_at']
        if items.seconds_since(asked_at) < CONF.host_tasks.adopt_grace:
            return
        since = datetime.datetime.fromisoformat(asked_at) - CLOCK_SKEW
        if observe.asked(self._actions(item), action, since):
            self._accepted(item)
            return
        if self._is_gone(self.nova.server(item['object_id'])):
            self._gone(item)
            return
        LOG.info('Nova never got the request for server %s; asking again.',
                 item['object_id'])
        self._note(item, asked_at=clock.utcnow().isoformat())
        self._ask(item, action)

    def _actions(self, item: dict[str, Any]) -> list[Any]:
        """Return what was asked of a server since its last try failed."""
        try:
            found = self.nova.actions(item['object_id'])
        except exception.NotFound:
            # Deleted a moment ago; the next look at it tells.
            return []
        return observe.newer(found, item['memory'].get('known_request'))

    def _follow(self, item: dict[str, Any], migrations: list[Any]) -> None:
        migration = self._migration(item, migrations)
        if migration is None:
            self._without_record(item)
            return
        found = observe.by_migration(item['action'], migration)
        if found.verdict is observe.Verdict.FINISHED:
            self._arrive(item)
        elif found.verdict is observe.Verdict.FAILED:
            self._failed(item, found.reason, migration)
        elif found.verdict is observe.Verdict.CONFIRM:
            self._confirm(item)
        elif self._cancel == 'abort' and items.is_abortable(item, migration):
            self._abort(item, migration)
        else:
            self._check_deadline(item, migration)

    def _without_record(self, item: dict[str, Any]) -> None:
        asked_at = item['memory']['asked_at']
        if items.seconds_since(asked_at) < NO_RECORD_SECONDS:
            return
        server = self.nova.server(item['object_id'])
        if self._is_gone(server):
            self._gone(item)
        elif observe.came_through(server, self.source):
            # Somebody else moved it before our request came.
            self._came(item, server)
        else:
            since = datetime.datetime.fromisoformat(asked_at) - CLOCK_SKEW
            if server.task_state is None and observe.action_failed(
                    self._actions(item), item['action'], since):
                self._failed(item, 'Nova found no host that takes it')
            else:
                self._check_deadline(item, None)

    def _confirm(self, item: dict[str, Any]) -> None:
        """Confirm a cold migration; Nova's record shows when it is."""
        if item['memory']['phase'] != CONFIRM:
            self._note(item, phase=CONFIRM)
        server = self.nova.server(item['object_id'])
        if self._is_gone(server):
            self._gone(item)
        elif server.status == 'VERIFY_RESIZE' and server.task_state is None:
            self._call(item, self.nova.confirm_resize, server.id)

    def _arrive(self, item: dict[str, Any]) -> None:
        server = self.nova.server(item['object_id'])
        if self._is_gone(server):
            self._gone(item)
        elif observe.arrived(server, self.source):
            self._came(item, server)
        elif (items.seconds_since(item['memory']['asked_at'])
              > items.limit(item)):
            self._failed(item, 'Nova says that the migration is over, but '
                               f'the server is still on {server.host}')

    def _came(self, item: dict[str, Any], server: Any) -> None:
        """Take our lock off a server that is elsewhere; the end of it."""
        self._slots.finish(item['object_id'])
        if server.locked_reason == lock_reason(self.run):
            self._write(item, destination=server.host, memory={
                **item['memory'], 'phase': UNLOCK})
            self._call(item, self.nova.unlock, server.id)
        else:
            self._done(item, server.host)

    def _unlock(self, item: dict[str, Any]) -> None:
        server = self.nova.server(item['object_id'])
        if self._is_gone(server):
            self._gone(item)
        elif server.locked_reason == lock_reason(self.run):
            self._call(item, self.nova.unlock, server.id)
        else:
            self._done(item, server.host)

    def _watch_offload(self, item: dict[str, Any]) -> None:
        server = self.nova.server(item['object_id'])
        if self._is_gone(server):
            self._gone(item)
        elif server.status == 'SHELVED_OFFLOADED':
            self._done(item, None)
        else:
            self._check_deadline(item, None)

    # Ends

    @staticmethod
    def _is_gone(server: Any) -> bool:
        return server is None or server.status in observe.GONE

    def _done(self, item: dict[str, Any], destination: str | None) -> None:
        self._write(item, state=db_tasks.ITEM_DONE, destination=destination,
                    error=None)
        self._slots.finish(item['object_id'])

    def _gone(self, item: dict[str, Any]) -> None:
        """A server that was deleted meanwhile needs no move."""
        self._write(item, state=db_tasks.ITEM_SKIPPED,
                    error='The server was deleted.')
        self._slots.finish(item['object_id'])

    def _failed(self, item: dict[str, Any], reason: str,
                migration: Any = None) -> None:
        """Decide anew, try again, climb the ladder, or give up."""
        self._slots.finish(item['object_id'])
        server = self.nova.server(item['object_id'])
        if self._is_gone(server):
            self._gone(item)
            return
        if observe.came_through(server, self.source):
            # Late, or by somebody else; it must not be moved once more.
            self._came(item, server)
            return
        if server.fault:
            reason = f'{reason}: {server.fault}'
        LOG.warning('Server %(server)s: %(action)s failed: %(reason)s',
                    {'server': server.id, 'action': item['action'],
                     'reason': reason})
        refused = migration.destination if migration else None
        items.forget_destination(item, refused or item['destination'])
        if migration is not None:
            item['memory']['after_migration'] = migration.id
        if self._cancel:
            self._write(item, state=db_tasks.ITEM_SKIPPED, destination=None,
                        error=f'The task was cancelled; {reason}')
        elif items.has_changed(item, server):
            self._replan(item, server)
        else:
            self._climb(item, reason)

    def _climb(self, item: dict[str, Any], reason: str) -> None:
        memory = item['memory']
        tries = dict(memory.get('tries', {}))
        tries[item['action']] = tries.get(item['action'], 0) + 1
        ladder = memory['ladder']
        if tries[item['action']] > items.retries(item['action']):
            ladder = ladder[1:]
        target = None
        if ladder:
            # The next request is not to be mistaken for an earlier one.
            for newest in self._actions(item)[:1]:
                memory['known_request'] = newest.request_id
        if ladder and ladder[0] in plans.TARGETED:
            # Nova's scheduler would choose the host that failed again.
            target = plans.other_destination(
                self._tools, self.run, item['object_id'],
                memory.get('refused', ()))
        elif not ladder and memory.get('blockers'):
            reason = f'{reason} ({memory["blockers"]})'
        self._write(
            item, destination=target, error=reason,
            memory={**memory, 'tries': tries, 'ladder': ladder},
            state=db_tasks.ITEM_PENDING if ladder else db_tasks.ITEM_FAILED)

    # Deadlines

    def _check_deadline(self, item: dict[str, Any],
                        migration: Any | None) -> None:
        taken = items.seconds_since(item['memory']['asked_at'])
        limit = items.limit(item)
        if taken < limit:
            return
        if taken > HARD_LIMIT * limit:
            self._overdue(item, f'it was not over after {taken:.0f} s',
                          migration)
        elif migration is None and item['action'] != observe.OFFLOAD:
            self._failed(item, 'Nova has no record of the move')
        elif items.is_abortable(item, migration):
            self._check_progress(item, migration)

    def _overdue(self, item: dict[str, Any], reason: str,
                 migration: Any | None) -> None:
        """Give up; what Nova still works on is never asked for again."""
        if migration is None:
            self._failed(item, reason)
            return
        self._slots.finish(item['object_id'])
        self._write(item, state=db_tasks.ITEM_FAILED, error=reason)

    def _check_progress(self, item: dict[str, Any], migration: Any) -> None:
        """Let a slow migration go on while what remains shrinks."""
        checked = item['memory'].get('checked_at')
        if checked and items.seconds_since(checked) < PROGRESS_SECONDS:
            return
        remaining = next(
            (entry.memory_remaining_bytes for entry in
             self.nova.server_migrations(item['object_id'])
             if entry.id == migration.id), None)
        last = item['memory'].get('remaining')
        if last is not None and (remaining is None or remaining >= last):
            self._abort(item, migration)
        else:
            self._note(item, remaining=remaining,
                       checked_at=clock.utcnow().isoformat())

    def _abort(self, item: dict[str, Any], migration: Any) -> None:
        self._note(item, aborted=True)
        self._call(item, self.nova.abort_migration, item['object_id'],
                   migration.id)

    def _skip_waiting(self) -> None:
        """Start nothing more once a user has cancelled."""
        for item in self._items:
            if item['state'] == db_tasks.ITEM_PENDING:
                self._write(item, state=db_tasks.ITEM_SKIPPED,
                            error='The task was cancelled.')
