# SPDX-License-Identifier: Apache-2.0
"""The steps of one move: from the intent to the outcome.

What to do with a move that is under way is decided here, from its item and
Nova's records. How it ends is in ``endings``, the loop over all moves in
``moves``.
"""

from collections.abc import Callable
from concurrent import futures
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import endings
from cloudmanager.conductor.moves import items
from cloudmanager.conductor.moves import migrations as records
from cloudmanager.conductor.moves import requests
from cloudmanager.conductor.moves import slow
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import Cancel
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# Decides on an item from its server as Nova shows it.
Judge = Callable[[dict[str, Any], Any], None]
# After this many seconds without a migration record look at the server, then
# whenever it has waited twice as long, up to this much longer. Nova lists a
# record by its changes, so only once it was updated; a busy Nova needs a while
# for that, and looks keep it busy.
NO_RECORD_SECONDS = 4
NO_RECORD_PAUSE = 30

# What Nova says of a service that it has not heard of lately.
UNAVAILABLE = 'is unavailable at this time'


class Follower:
    """Takes single moves of a task further.

    :param source: the host that the servers leave
    :param calls: where Nova is asked in threads
    :param slots: of the moves under way
    :param record: what Nova says of the moves
    :param ends: what becomes of moves that are over
    """

    def __init__(self, run: engine_run.Run, tools: Tools, source: str,
                 calls: nova_calls.Calls, slots: order.Slots,
                 record: records.MoveRecord,
                 ends: endings.Endings) -> None:
        self.run = run
        self.nova = tools.nova
        self.source = source
        self._record = record
        self._calls = calls
        self._slots = slots
        self._ends = ends
        # What to do with the answer of a look at a server, by its id.
        self._looks: dict[str, Judge] = {}
        # How old a move without a record is when it is looked at again.
        self._next_look: dict[str, float] = {}
        # When the move of a server was seen to be over.
        self._over_at: dict[str, float] = {}

    def begin(self, item: dict[str, Any]) -> None:
        """Write the intent, then ask Nova in a thread."""
        action = item['memory']['ladder'][0]
        memory = items.with_attempt(item, {
            'phase': items.Phase.ASK, 'asked_at': clock.utcnow().isoformat()})
        memory.pop('again_at', None)
        known = self._is_known(item, action)
        self._write(item, state=ItemState.RUNNING, action=action,
                    destination=item['destination'], error=item['error'],
                    attempts=item['attempts'] + 1, memory=memory)
        self._ask(item, action, known)

    def _is_known(self, item: dict[str, Any], action: str) -> bool:
        """Tell whether a server need not be looked at before its move.

        Of one that is locked for its evacuation, a lock that its owner put
        on it meanwhile is to stay.
        """
        server_id, memory = item['object_id'], item['memory']
        if item['attempts']:
            return False
        try:
            if not self._record.is_present(server_id):
                return False
            return (action != Action.EVACUATE or not memory.get('lock')
                    or self._record.is_locked(server_id)
                    == memory['locked'])
        except exception.CloudUnreachable:
            return False

    def _write(self, item: dict[str, Any], **values: Any) -> None:
        self.run.update_item(item, **values)

    def _note(self, item: dict[str, Any], values: items.Attempt) -> None:
        """Add to the record of the attempt under way."""
        self._write(item, memory=items.with_attempt(
            item, {**items.attempt(item), **values}))

    def _call(self, item: dict[str, Any], function: Any,
              *args: Any) -> None:
        self._calls.start(item['object_id'], function, *args)

    def _ask(self, item: dict[str, Any], action: str,
             known: bool = False) -> None:
        for times in (self._next_look, self._over_at):
            times.pop(item['object_id'], None)
        self._call(item, requests.send, self.nova, item, action,
                   self.source, requests.lock_reason(self.run), known)

    def _look(self, item: dict[str, Any], judge: Judge) -> None:
        """Read a server in a thread, then decide on it.

        One that is gone needs no decision.
        """
        self._looks[item['object_id']] = judge
        self._call(item, self.nova.server, item['object_id'])

    def collect(self, item: dict[str, Any],
                call: futures.Future[Any]) -> None:
        """Take the result of a call that has ended."""
        judge = self._looks.pop(item['object_id'], None)
        try:
            if judge is None:
                self._collect_request(item, call)
            else:
                self._collect_look(item, call, judge)
        except exception.NotFound as exc:
            # Deleted between two requests; the next look at it tells.
            LOG.info('%s', exc)
        except exception.CloudUnreachable as exc:
            # To leave the loop would be to forget which requests may still
            # be on their way.
            LOG.warning('Server %(server)s is not seen: %(why)s',
                        {'server': item['object_id'], 'why': exc})
            self._next_look.pop(item['object_id'], None)

    def _collect_look(self, item: dict[str, Any],
                      call: futures.Future[Any], judge: Judge) -> None:
        server = call.result()
        if not verdicts.exists(server):
            self._ends.gone(item)
        else:
            judge(item, server)

    def _collect_request(self, item: dict[str, Any],
                         call: futures.Future[Any]) -> None:
        try:
            answer = call.result()
        except (exception.CloudRequestRefused,
                exception.NotFound) as exc:
            if self._is_passing(item, str(exc)):
                # Nova has no trace of it, so it is asked again in a while.
                LOG.info('Server %(server)s: %(why)s', {
                    'server': item['object_id'], 'why': exc})
            else:
                self._refused(item, str(exc))
        except exception.CloudUnreachable:
            # Nova may have got it: the phase stays, the records tell.
            LOG.warning('Nova did not answer for server %s.',
                        item['object_id'])
            if items.attempt(item).get('intervened'):
                # To abort or force once more does no harm.
                self._note(item, {'intervened': None})
        else:
            self._accepted(item, answer)

    def _is_passing(self, item: dict[str, Any], reason: str) -> bool:
        """Tell whether Nova refused a move for a moment only.

        So it does when a heartbeat of a nova-compute is late.
        """
        attempt = items.attempt(item)
        if attempt['phase'] != items.Phase.ASK or UNAVAILABLE not in reason:
            return False
        since = attempt.get('refused_since')
        if since is None:
            self._note(item, {'refused_since': clock.utcnow().isoformat()})
            return True
        return items.seconds_since(since) < CONF.host_tasks.settle_timeout

    def _accepted(self, item: dict[str, Any],
                  lock_taken: bool | None = None) -> None:
        """Nova has taken a request.

        :param lock_taken: whether a lock of ours is on the server since;
            ``None`` when only a look at it can tell
        """
        phase = items.attempt(item)['phase']
        if phase == items.Phase.ASK:
            self._note(item, {'phase': items.Phase.FOLLOW,
                              'lock_taken': lock_taken})
        elif phase == items.Phase.UNLOCK:
            self._ends.done(item, item['destination'])

    def _refused(self, item: dict[str, Any], reason: str) -> None:
        if items.attempt(item)['phase'] == items.Phase.ASK:
            self._ends.failed(item, reason)
        # A refused confirmation, unlock or abort: somebody else did it, or
        # the next look at the server tells what is wrong.

    def step(self, item: dict[str, Any],
             migrations: list[nova_records.Migration]) -> None:
        """Take a move further by what Nova says of the moves off the host.

        :param migrations: all since the task began, as records of
            ``cloudmanager.clients.nova_records``
        """
        try:
            self._step(item, migrations)
        except exception.NotFound as exc:
            # Deleted between two requests; the next look at it tells.
            LOG.info('%s', exc)

    def _step(self, item: dict[str, Any],
              migrations: list[nova_records.Migration]) -> None:
        phase = items.attempt(item)['phase']
        if phase == items.Phase.ASK:
            self._adopt(item, migrations)
        elif phase == items.Phase.UNLOCK:
            self._look(item, self._unlock)
        elif item['action'] == Action.OFFLOAD:
            self._look(item, self._watch_offload)
        else:
            self._follow(item, migrations)

    def _migration(self, item: dict[str, Any],
                   migrations: list[nova_records.Migration]) -> Any | None:
        after = item['memory'].get('after_migration',
                                   self.run.memory['baselines'][self.source])
        return verdicts.latest(migrations, item['object_id'],
                              item['action'], after)

    def _adopt(self, item: dict[str, Any],
               migrations: list[nova_records.Migration]) -> None:
        """Find out whether a request of unknown fate reached Nova."""
        action = item['action']
        if self._migration(item, migrations):
            self._accepted(item)
            return
        asked_at = items.attempt(item)['asked_at']
        if items.seconds_since(asked_at) < CONF.host_tasks.adopt_grace:
            return
        since = items.when(asked_at) - records.CLOCK_SKEW
        if verdicts.asked(self._ends.actions(item), action, since):
            self._accepted(item)
            return
        server = self.nova.server(item['object_id'])
        if not verdicts.exists(server):
            self._ends.gone(item)
            return
        if server.host != self.source:
            self._ends.elsewhere(item, server)
            return
        LOG.info('Nova never got the request for server %s; asking again.',
                 item['object_id'])
        self._note(item, {'asked_at': clock.utcnow().isoformat()})
        self._ask(item, action)

    def _follow(self, item: dict[str, Any],
                migrations: list[nova_records.Migration]) -> None:
        migration = self._migration(item, migrations)
        if migration is None:
            self._without_record(item)
            return
        found = verdicts.by_migration(item['action'], migration)
        if found.verdict is verdicts.Verdict.FINISHED:
            self._over(item, found.destination)
        elif found.verdict is verdicts.Verdict.FAILED:
            self._ends.failed(item, found.reason, migration)
        elif found.verdict is verdicts.Verdict.CONFIRM:
            self._confirm(item, migration)
        elif (self._ends.cancel == Cancel.ABORT
              and items.is_abortable(item, migration)):
            self._abort(item, migration)
        else:
            self._watch(item, migration)

    def _without_record(self, item: dict[str, Any]) -> None:
        age = items.seconds_since(items.attempt(item)['asked_at'])
        server_id = item['object_id']
        if age >= self._next_look.get(server_id, NO_RECORD_SECONDS):
            self._next_look[server_id] = age + min(age, NO_RECORD_PAUSE)
            self._look(item, self._judge_without_record)

    def _judge_without_record(self, item: dict[str, Any],
                              server: nova_records.Server) -> None:
        if verdicts.came_through(server, self.source):
            # Somebody else moved it before our request came.
            self._ends.came(item, server)
            return
        since = (items.when(items.attempt(item)['asked_at'])
                 - records.CLOCK_SKEW)
        if server.task_state is not None or not verdicts.action_failed(
                self._ends.actions(item), item['action'], since):
            self._watch(item, None)
        elif self._migration(item, self._record.migrations()) is None:
            self._ends.failed(item, 'Nova found no host that takes it')
        # Else the next round judges by the record, and remembers it.

    def _confirm(self, item: dict[str, Any],
                 migration: nova_records.Migration) -> None:
        """Confirm a cold migration; Nova's record shows when it is."""
        if slow.decide(item, migration) is slow.Decision.OVERDUE:
            self._ends.overdue(item, 'its move was not confirmed in time',
                               migration)
            return
        if items.attempt(item)['phase'] != items.Phase.CONFIRM:
            self._note(item, {'phase': items.Phase.CONFIRM})
        self._look(item, self._confirm_resize)

    def _confirm_resize(self, item: dict[str, Any],
                        server: nova_records.Server) -> None:
        if server.status == 'VERIFY_RESIZE' and server.task_state is None:
            self._call(item, self.nova.confirm_resize, server.id)
        elif server.status == 'ERROR' and verdicts.left(server, self.source):
            self._ends.came(item, server)

    def _over(self, item: dict[str, Any], destination: str | None) -> None:
        """See that a server is elsewhere, now that Nova is done with it."""
        server_id = item['object_id']
        # Another one may begin meanwhile.
        self._slots.finish(server_id)
        left: bool | None = False
        over_at = self._over_at.setdefault(server_id,
                                           self._record.answered_at)
        if items.attempt(item).get('lock_taken') is False:
            left = self._record.has_left(server_id, over_at,
                                         soon=not len(self._slots))
        if left and not self._record.is_in_error(server_id, over_at):
            self._ends.count(item)
            self._ends.done(item, destination)
        elif left is not None:
            # What a list does not tell: whose lock is on it, why it stays,
            # what is wrong with it.
            self._look(item, self._arrive)

    def _arrive(self, item: dict[str, Any],
                server: nova_records.Server) -> None:
        if verdicts.arrived(server, self.source):
            self._ends.came(item, server)
        elif (items.seconds_since(items.attempt(item)['asked_at'])
              > slow.limit(item)):
            self._ends.failed(
                item, 'Nova says that the migration is over, but the server '
                      f'is still on {server.host}')

    def _unlock(self, item: dict[str, Any],
                server: nova_records.Server) -> None:
        if server.locked_reason == requests.lock_reason(self.run):
            self._call(item, self.nova.unlock, server.id)
        else:
            self._ends.done(item, server.host)

    def _watch_offload(self, item: dict[str, Any],
                       server: nova_records.Server) -> None:
        if server.status == 'SHELVED_OFFLOADED':
            self._ends.done(item, None)
        else:
            self._watch(item, None)

    def _watch(self, item: dict[str, Any],
               migration: nova_records.Migration | None) -> None:
        """Look after a move that has not ended."""
        decision = slow.decide(item, migration)
        taken = items.seconds_since(items.attempt(item)['asked_at'])
        if decision is slow.Decision.LOST:
            self._ends.failed(item, 'Nova has no record of the move')
        elif decision is slow.Decision.OVERDUE:
            self._ends.overdue(item, f'it was not over after {taken:.0f} s',
                          migration)
        elif (decision is slow.Decision.READ_PROGRESS
                and migration is not None):
            self._judge(item, migration)

    def _judge(self, item: dict[str, Any],
               migration: nova_records.Migration) -> None:
        """Let a live migration go on while what remains shrinks."""
        remaining = next(
            (entry.memory_remaining_bytes for entry in
             self.nova.server_migrations(item['object_id'])
             if entry.id == migration.id), None)
        decision, learnt = slow.by_progress(item, remaining)
        self._note(item, learnt)
        if decision is slow.Decision.ABORT:
            LOG.warning('The migration of server %s does not get on and is '
                        'aborted.', item['object_id'])
            self._abort(item, migration)
        elif decision is slow.Decision.FORCE:
            LOG.warning('The migration of server %s does not get on and is '
                        'forced to complete.', item['object_id'])
            self._intervene(item, items.Policy.FORCE, self.nova.force_complete,
                            migration)

    def _abort(self, item: dict[str, Any],
               migration: nova_records.Migration) -> None:
        self._intervene(item, items.Policy.ABORT, self.nova.abort_migration,
                        migration)

    def _intervene(self, item: dict[str, Any], what: items.Policy,
                   request: Callable[[str, int], None],
                   migration: nova_records.Migration) -> None:
        """Ask Nova to end a migration, and remember that it was asked."""
        self._note(item, {'intervened': what,
                          'intervened_at': clock.utcnow().isoformat()})
        self._call(item, request, item['object_id'], migration.id)
