# SPDX-License-Identifier: Apache-2.0
"""The steps of one move: from the intent to the outcome.

What comes next for a move that is under way is decided here, by its item and
Nova's records. ``starts`` asks Nova for moves, ``supervision`` intervenes in
slow ones, ``arrivals`` completes them, ``endings`` decides what an end means
for the item, and ``mover`` has the loop over all moves.
"""

from collections.abc import Callable

from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import arrivals
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import endings
from cloudmanager.conductor.moves import items
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import server_reads
from cloudmanager.conductor.moves import starts
from cloudmanager.conductor.moves import supervision
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import Cancel
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action

LOG = logging.getLogger(__name__)

# After this many seconds without a migration record the server is read, and
# again each time that the wait has doubled, but at least every
# NO_RECORD_PAUSE seconds. Nova lists a record only once it was updated; a
# busy Nova needs a while for that, and readings keep it busy.
NO_RECORD_SECONDS = 4
NO_RECORD_PAUSE = 30


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
                 record: migrations.MoveRecord,
                 ends: endings.Endings) -> None:
        self._source = source
        self._record = record
        self._ends = ends
        self._starter = starts.MoveStarter(run, tools, source, calls,
                                           record, ends)
        self._supervisor = supervision.Supervisor(run, tools, calls, ends)
        self._arrivals = arrivals.Arrivals(run, tools, source, calls, slots,
                                           record, ends)
        self._reader = server_reads.ServerReader(tools.nova, calls, ends)
        # How old a move without a record is when it is looked at again.
        self._next_look: dict[str, float] = {}

    def begin(self, item: MoveItem) -> None:
        """Begin the next attempt to move a server."""
        self._next_look.pop(item.object_id, None)
        self._arrivals.forget(item)
        self._starter.begin(item)

    def collect(self, item: MoveItem, take: Callable[[], None]) -> None:
        """Take the result of a call that has ended.

        :param take: takes it
        """
        try:
            take()
        except exception.NotFound as exc:
            # Deleted between two requests; the next reading tells.
            LOG.info('%s', exc)
        except exception.CloudUnreachable as exc:
            # If the loop ended here, nobody would know which requests may
            # still be on their way.
            LOG.warning('Server %(server)s cannot be read: %(why)s',
                        {'server': item.object_id, 'why': exc})
            self._next_look.pop(item.object_id, None)

    def release(self, item: MoveItem) -> None:
        """Let another move begin if this one is over by Nova's records."""
        migration = self._record.latest(item)
        if migration is None or item.attempt.phase == Phase.ASK:
            return
        found = verdicts.by_migration(item.under_way, migration)
        if found.verdict is verdicts.Verdict.FINISHED:
            self._arrivals.release(item)

    def step(self, item: MoveItem) -> None:
        """Take a move one step further, as Nova's records say."""
        try:
            self._step(item)
        except exception.NotFound as exc:
            # Deleted between two requests; the next reading tells.
            LOG.info('%s', exc)

    def _step(self, item: MoveItem) -> None:
        if item.attempt.phase == Phase.ASK:
            self._starter.adopt(item)
        elif item.attempt.phase == Phase.UNLOCK:
            self._arrivals.unlock(item)
        elif item.under_way == Action.OFFLOAD:
            self._reader.look(item, self._watch_offload)
        else:
            self._follow(item)

    def _follow(self, item: MoveItem) -> None:
        migration = self._record.latest(item)
        if migration is None:
            self._without_record(item)
            return
        found = verdicts.by_migration(item.under_way, migration)
        if found.verdict is verdicts.Verdict.FINISHED:
            self._arrivals.over(item, found.destination)
        elif found.verdict is verdicts.Verdict.FAILED:
            self._ends.failed(item, found.reason, migration)
        elif found.verdict is verdicts.Verdict.CONFIRM:
            self._arrivals.confirm(item, migration)
        elif (self._ends.cancel == Cancel.ABORT
              and items.is_abortable(item, migration)):
            self._supervisor.abort(item, migration)
        else:
            self._supervisor.look_after(item, migration)

    def _without_record(self, item: MoveItem) -> None:
        age, server_id = item.attempt.age, item.object_id
        if age >= self._next_look.get(server_id, NO_RECORD_SECONDS):
            self._next_look[server_id] = age + min(age, NO_RECORD_PAUSE)
            self._reader.look(item, self._judge_without_record)

    def _judge_without_record(self, item: MoveItem,
                              server: nova_records.Server) -> None:
        if verdicts.moved_away(server, self._source):
            # Somebody else moved it before our request arrived.
            self._ends.arrived(item, server)
            return
        if server.task_state is not None or not verdicts.action_failed(
                self._ends.actions(item), item.under_way,
                items.asked_since(item)):
            self._supervisor.look_after(item, None)
            return
        self._record.migrations()
        if self._record.latest(item) is None:
            self._ends.failed(item, 'Nova found no host that takes it')
        # Else the next round judges the move by its record.

    def _watch_offload(self, item: MoveItem,
                       server: nova_records.Server) -> None:
        if server.status == 'SHELVED_OFFLOADED':
            self._ends.done(item, None)
        else:
            self._supervisor.look_after(item, None)
