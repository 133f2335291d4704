# SPDX-License-Identifier: Apache-2.0
"""The end of a move that Nova has carried out.

A cold migration has to be confirmed. The server must be on another host and
not in error, and our lock is taken off it.
"""

from cloudmanager.clients import nova_records
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import endings
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import server_reads
from cloudmanager.conductor.moves import slow
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.conductor.tools import Tools
from cloudmanager.planning import order


class Arrivals:
    """Completes moves.

    :param source: the host that the servers leave
    :param calls: where Nova is asked in threads
    :param slots: of the moves under way; freed when one is over
    :param record: what Nova says of the moves
    :param ends: what becomes of moves that are over
    """

    def __init__(self, run: engine_run.Run, tools: Tools, source: str,
                 calls: nova_calls.Calls, slots: order.Slots,
                 record: migrations.MoveRecord,
                 ends: endings.Endings) -> None:
        self._run = run
        self._nova = tools.nova
        self._source = source
        self._calls = calls
        self._slots = slots
        self._record = record
        self._ends = ends
        self._reader = server_reads.ServerReader(tools.nova, calls, ends)
        self._locked_reader = server_reads.LockedReader(
            tools.nova, calls, record.begun_at, self._judge_locked)
        # When the move of a server was seen to be over.
        self._over_at: dict[str, float] = {}

    def forget(self, item: MoveItem) -> None:
        """Forget the last move of a server: another one begins."""
        self._over_at.pop(item.object_id, None)

    # Confirmation

    def confirm(self, item: MoveItem,
                migration: nova_records.Migration) -> None:
        """Confirm a cold migration. Nova's record shows when that is done."""
        if slow.decide(item, migration) is slow.Intervention.OVERDUE:
            self._ends.overdue(item, 'its move was not confirmed in time',
                               migration)
            return
        if item.attempt.phase != Phase.CONFIRM:
            item.attempt.phase = Phase.CONFIRM
            self._run.save(item)
        self._reader.look(item, self._confirm_resize)

    def _confirm_resize(self, item: MoveItem,
                        server: nova_records.Server) -> None:
        if server.status == 'VERIFY_RESIZE' and server.task_state is None:
            self._calls.ask(server.id, self._nova.confirm_resize, server.id)
        elif server.status == 'ERROR' and verdicts.left(server, self._source):
            self._ends.arrived(item, server)

    # On another host

    def release(self, item: MoveItem) -> None:
        """Note that Nova is done with a server, and free its slot."""
        self._slots.finish(item.object_id)
        self._over_at.setdefault(item.object_id, self._record.answered_at)

    def over(self, item: MoveItem, destination: str | None) -> None:
        """Check that a server is on another host, now that Nova is done."""
        self.release(item)
        # The last moves look at once, others wait for one another.
        soon = not len(self._slots)
        if item.attempt.lock_taken is False:
            self._check_unlocked(item, destination, soon)
        else:
            self._locked_reader.look(item, soon)

    def _judge_locked(self, item: MoveItem,
                      server: nova_records.Server | None) -> None:
        if server is not None and verdicts.arrived(server, self._source):
            self._ends.arrived(item, server)
        else:
            # The list does not tell whether it is gone or was unlocked, and
            # is too old for one that is still there.
            self._reader.look(item, self._arrive)

    def _check_unlocked(self, item: MoveItem, destination: str | None,
                        soon: bool) -> None:
        over_at = self._over_at[item.object_id]
        left = self._record.has_left(item.object_id, over_at, soon)
        if left and not self._record.is_in_error(item.object_id, over_at):
            self._ends.count(item)
            self._ends.done(item, destination)
        elif left is not None:
            # A list does not tell why the server is still there, or why it
            # is in error.
            self._reader.look(item, self._arrive)

    def _arrive(self, item: MoveItem, server: nova_records.Server) -> None:
        if verdicts.arrived(server, self._source):
            self._ends.arrived(item, server)
        elif item.attempt.age > slow.limit(item):
            self._ends.failed(
                item, 'Nova says that the migration is over, but the server '
                      f'is still on {server.host}')

    # Our lock

    def unlock(self, item: MoveItem) -> None:
        """Take our lock off a server that has arrived, if it is there."""
        self._reader.look(item, self._unlock)

    def _unlock(self, item: MoveItem, server: nova_records.Server) -> None:
        if self._ends.is_locked(server):
            self._ends.unlock(item)
        else:
            self._ends.done(item, server.host)
