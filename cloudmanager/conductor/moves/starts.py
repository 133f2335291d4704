# SPDX-License-Identifier: Apache-2.0
"""The start of a move: store the intent, ask Nova, and take its answer."""

from concurrent import futures
import functools

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import endings
from cloudmanager.conductor.moves import items
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import nova_requests
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import Attempt
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
# What Nova answers when it has not heard from a nova-compute lately.
UNAVAILABLE = 'is unavailable at this time'


class MoveStarter:
    """Asks Nova for the moves of a task, for each exactly once.

    :param source: the host that the servers leave
    :param calls: where Nova is asked in threads
    :param record: what Nova says of the moves
    :param ends: what becomes of moves that it refuses
    """

    def __init__(self, run: engine_run.Run, tools: Tools, source: str,
                 calls: nova_calls.Calls, record: migrations.MoveRecord,
                 ends: endings.Endings) -> None:
        self._run = run
        self._nova = tools.nova
        self._source = source
        self._calls = calls
        self._record = record
        self._ends = ends

    def begin(self, item: MoveItem) -> None:
        """Store the intent, then ask Nova in a thread."""
        known = self._is_known(item)
        item.state, item.action = ItemState.RUNNING, item.ladder[0]
        item.attempts += 1
        item.again_at = None
        item.attempt = Attempt(phase=Phase.ASK, asked_at=clock.utcnow())
        self._run.save(item)
        self._ask(item, known)

    def _is_known(self, item: MoveItem) -> bool:
        """Tell whether a server need not be read before its move.

        Before its evacuation a server gets our lock, unless its owner has
        locked it: that lock must stay. So whether it is locked must be known.
        """
        if item.attempts:
            return False
        try:
            if not self._record.is_present(item.object_id):
                return False
            return (item.next_action != Action.EVACUATE or not item.lock
                    or self._record.is_locked(item.object_id) == item.locked)
        except exception.CloudUnreachable:
            return False

    def _ask(self, item: MoveItem, known: bool = False) -> None:
        self._calls.start(
            item.object_id, functools.partial(self._take, item),
            nova_requests.send, self._nova, item, self._source,
            nova_requests.lock_reason(self._run), known)

    def _take(self, item: MoveItem, call: futures.Future[bool]) -> None:
        """Take Nova's answer to the request of a move."""
        try:
            lock_taken = call.result()
        except (exception.CloudRequestRefused, exception.NotFound) as exc:
            if self._is_passing(item, str(exc)):
                # Nova has no trace of it, so it is asked again in a while.
                LOG.info('Server %(server)s: %(why)s', {
                    'server': item.object_id, 'why': exc})
            else:
                self._ends.failed(item, str(exc))
        except exception.CloudUnreachable:
            # Nova may have got it. The phase stays; Nova's records will tell.
            LOG.warning('Nova did not answer for server %s.', item.object_id)
        else:
            self._accepted(item, lock_taken)

    def _is_passing(self, item: MoveItem, reason: str) -> bool:
        """Tell whether Nova's refusal will pass.

        Nova refuses for a moment when a heartbeat of a nova-compute is late.
        """
        if UNAVAILABLE not in reason:
            return False
        since = item.attempt.refused_since
        if since is None:
            item.attempt.refused_since = clock.utcnow()
            self._run.save(item)
            return True
        return (clock.seconds_since(since)
                < float(CONF.host_tasks.settle_timeout))

    def _accepted(self, item: MoveItem,
                  lock_taken: bool | None = None) -> None:
        """Note that Nova has accepted the request.

        :param lock_taken: whether our lock is on the server now; ``None`` if
            only a reading of the server can tell
        """
        item.attempt.phase = Phase.FOLLOW
        item.attempt.lock_taken = lock_taken
        self._run.save(item)

    def adopt(self, item: MoveItem) -> None:
        """Find out whether a request of unknown fate reached Nova."""
        if self._record.latest(item):
            self._accepted(item)
            return
        if item.attempt.age < CONF.host_tasks.adopt_grace:
            return
        if verdicts.asked(self._ends.actions(item), item.under_way,
                          items.asked_since(item)):
            self._accepted(item)
            return
        server = self._nova.server(item.object_id)
        if not verdicts.exists(server):
            self._ends.gone(item)
            return
        if server.host != self._source:
            self._ends.elsewhere(item, server)
            return
        LOG.info('Nova never got the request for server %s; asking again.',
                 item.object_id)
        item.attempt.asked_at = clock.utcnow()
        self._run.save(item)
        self._ask(item)
