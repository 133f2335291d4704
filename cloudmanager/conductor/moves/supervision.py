# SPDX-License-Identifier: Apache-2.0
"""Intervenes in moves that take long. ``slow`` decides what to do."""

from collections.abc import Callable
import functools

from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import endings
from cloudmanager.conductor.moves import slow
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Policy
from cloudmanager.conductor.tools import Tools

LOG = logging.getLogger(__name__)


class Supervisor:
    """Supervises the moves of a task.

    :param calls: where Nova is asked in threads
    :param ends: what becomes of moves that are given up
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 calls: nova_calls.Calls, ends: endings.Endings) -> None:
        self._run = run
        self._nova = tools.nova
        self._calls = calls
        self._ends = ends

    def look_after(self, item: MoveItem,
                   migration: nova_records.Migration | None) -> None:
        """Let a move go on, or intervene.

        :param migration: Nova's record of the move; ``None`` without one
        """
        decision = slow.decide(item, migration)
        if decision is slow.Intervention.LOST:
            self._ends.failed(item, 'Nova has no record of the move')
        elif decision is slow.Intervention.OVERDUE:
            self._ends.overdue(
                item, f'it was not over after {item.attempt.age:.0f} s',
                migration)
        elif (decision is slow.Intervention.READ_PROGRESS
                and migration is not None):
            self._judge(item, migration)

    def _judge(self, item: MoveItem,
               migration: nova_records.Migration) -> None:
        """Let a live migration go on while it makes progress."""
        remaining = next(
            (entry.memory_remaining_bytes for entry in
             self._nova.server_migrations(item.object_id)
             if entry.id == migration.id), None)
        decision, item.attempt = slow.by_progress(item, remaining)
        self._run.save(item)
        if decision is slow.Intervention.ABORT:
            LOG.warning('The migration of server %s has stalled and is '
                        'aborted.', item.object_id)
            self.abort(item, migration)
        elif decision is slow.Intervention.FORCE:
            LOG.warning('The migration of server %s has stalled and is '
                        'forced to complete.', item.object_id)
            self._intervene(item, Policy.FORCE, self._nova.force_complete,
                            migration)

    def abort(self, item: MoveItem,
              migration: nova_records.Migration) -> None:
        """Have a live migration aborted."""
        self._intervene(item, Policy.ABORT, self._nova.abort_migration,
                        migration)

    def _intervene(self, item: MoveItem, what: Policy,
                   request: Callable[[str, int], None],
                   migration: nova_records.Migration) -> None:
        """Ask Nova to end a migration, and remember that it was asked."""
        item.attempt.intervened = what
        item.attempt.intervened_at = clock.utcnow()
        self._run.save(item)
        self._calls.ask(item.object_id, request, item.object_id,
                        migration.id, unanswered=functools.partial(
                            self._unanswered, item))

    def _unanswered(self, item: MoveItem) -> None:
        """Forget the request, so that it is sent again: that does no harm."""
        item.attempt.intervened = None
        self._run.save(item)
