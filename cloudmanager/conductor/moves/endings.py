# SPDX-License-Identifier: Apache-2.0
"""How a move ends: well, not at all, or in another try.

``follower`` finds out what Nova made of a move. What that means for the item
is decided here.
"""

import datetime

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.clients import retry
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import diagnosis
from cloudmanager.conductor.moves import items
from cloudmanager.conductor.moves import nova_requests
from cloudmanager.conductor.moves import places
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import Cancel
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class Endings:
    """Ends the moves of a task, or prepares their next attempt.

    :param source: the host that the servers leave
    :param calls: where Nova is asked in threads
    :param slots: of the moves under way; freed when one ends
    :param places: where servers can go
    """

    def __init__(self, run: engine_run.Run, tools: Tools, source: str,
                 destination: str | None, calls: nova_calls.Calls,
                 slots: order.Slots,
                 places: places.Places) -> None:
        self.run = run
        self.nova = tools.nova
        self.source = source
        self._destination = destination
        #: How a user wants the task to be cancelled, if so.
        self.cancel: Cancel | None = None
        #: How long successful moves have taken on average, in seconds.
        self.usual_seconds = 0.0
        self._successes = 0
        self._tools = tools
        self._calls = calls
        self._slots = slots
        self._places = places
        # Servers that this conductor has asked Nova to delete again.
        self._deleted_again: set[str] = set()

    def actions(self, item: MoveItem) -> list[nova_records.Action]:
        """Return the actions of a server since its last attempt failed."""
        try:
            found = self.nova.actions(item.object_id)
        except exception.NotFound:
            # Deleted a moment ago; the next reading tells.
            return []
        return verdicts.newer(found, item.known_request)

    def _end(self, item: MoveItem, state: ItemState,
             error: str | None) -> None:
        item.state, item.error = state, error
        self.run.save(item)
        self._slots.finish(item.object_id)

    # Success

    def arrived(self, item: MoveItem, server: nova_records.Server) -> None:
        """End the move of a server that is on another host, and unlock it.

        If it is in error there, the move has failed.
        """
        self._slots.finish(item.object_id)
        if server.status == 'ERROR':
            self._broke(item, server)
            return
        self.count(item)
        if self.is_locked(server):
            item.destination = server.host
            item.attempt.phase = Phase.UNLOCK
            self.run.save(item)
            self.unlock(item)
        else:
            self.done(item, server.host)

    def is_locked(self, server: nova_records.Server) -> bool:
        """Tell whether a lock of ours is on a server."""
        return server.locked_reason == nova_requests.lock_reason(self.run)

    def unlock(self, item: MoveItem) -> None:
        """Take our lock off a server; then its move is done."""
        self._calls.ask(
            item.object_id, self.nova.unlock, item.object_id,
            accepted=lambda: self.done(item, item.destination))

    def count(self, item: MoveItem) -> None:
        """Count a successful move, and how long it took."""
        total = self.usual_seconds * self._successes + item.attempt.age
        self._successes += 1
        self.usual_seconds = total / self._successes

    def done(self, item: MoveItem, destination: str | None) -> None:
        """End a move that has succeeded."""
        item.destination = destination
        self._end(item, ItemState.DONE, None)

    # Failure

    def _broke(self, item: MoveItem, server: nova_records.Server) -> None:
        """Give up a server that left the host and is in error.

        Another move would not help it.
        """
        where = f'on {server.host}' if server.host else 'on no host'
        fault = f': {server.fault}' if server.fault else ''
        item.destination = server.host
        self._end(item, ItemState.FAILED,
                  f'it is {where} now, but in error{fault}; repair it')

    def gone(self, item: MoveItem) -> None:
        """End the move of a server that was deleted meanwhile."""
        self._end(item, ItemState.SKIPPED, 'The server was deleted.')

    def overdue(self, item: MoveItem, reason: str,
                migration: nova_records.Migration | None) -> None:
        """Give up a move that took too long.

        While Nova still works on it, it is not asked for again.
        """
        if migration is None:
            self.failed(item, reason)
        else:
            self._end(item, ItemState.FAILED, reason)

    def deleting(self, item: MoveItem, server: nova_records.Server) -> None:
        """Decide on a server whose deletion has not ended in time.

        Its owner does not want it any more, so it does not prevent the host
        from being emptied. A deletion that hangs is asked for again, once.
        """
        asked = next((action for action in self.actions(item)
                      if action.action == verdicts.DELETE), None)
        again = item.deleted_again
        if (asked is not None and again is None
                and clock.seconds_since(asked.start_time)
                > CONF.server_tasks.stale_after):
            now = clock.utcnow().replace(microsecond=0)
            item.deleted_again = item.waiting_since = now
            self.run.save(item)
            self._delete_again(item)
            return
        since = f', asked for at {asked.start_time}Z,' if asked else ''
        repeated = (f' It was asked for again at {again.isoformat()}Z.'
                    if again else '')
        item.destination, item.deleting = None, True
        self._end(item, ItemState.SKIPPED,
                  f'Its deletion{since} does not end.{repeated}')

    def _delete_again(self, item: MoveItem) -> None:
        """Ask for a deletion again, which then has time to end."""
        LOG.warning('The deletion of server %s hangs and is asked for '
                    'again.', item.object_id)
        self._deleted_again.add(item.object_id)
        self.run.guard()
        try:
            retry.only_while(self.run.is_owned, nova_requests.delete_again,
                             self.nova, item.object_id)
        except exception.CloudRequestRefused as exc:
            # The error state comes from our own reset, and must not make the
            # server look as if somebody had changed it.
            item.status = 'ERROR'
            self._end(item, ItemState.FAILED,
                      'its deletion hung, and was refused when it was asked '
                      f'for again: {exc}')
        except (exception.NotFound, exception.CloudUnreachable) as exc:
            # The next reading of the server shows the outcome.
            LOG.info('Server %(server)s: %(why)s', {
                'server': item.object_id, 'why': exc})

    def _is_undeleted(self, item: MoveItem) -> bool:
        """Tell whether a predecessor died before it asked for a deletion."""
        return (item.deleted_again is not None
                and item.object_id not in self._deleted_again)

    # Another attempt

    def settled(self, item: MoveItem, server: nova_records.Server,
                evacuating: bool) -> None:
        """Decide on a server whose other operation has ended.

        :param evacuating: the moves are evacuations
        """
        half = verdicts.half_left(server, self.source) and not evacuating
        if half and item.half and not items.waited_enough(item):
            # Its owner may still decide.
            return
        if verdicts.left(server, self.source) and not half:
            # That operation took it off the host.
            if server.status == 'ERROR' != item.status:
                self._broke(item, server)
            else:
                self.done(item, server.host)
        elif self._is_undeleted(item):
            self._delete_again(item)
        elif evacuating:
            item.wait = False
            self.run.save(item)
        else:
            self._replan(item, server)

    def elsewhere(self, item: MoveItem, server: nova_records.Server) -> None:
        """Decide on a server that somebody else took off the host."""
        self._slots.finish(item.object_id)
        if verdicts.moved_away(server, self.source):
            self.arrived(item, server)
        else:
            self._replan(item, server)

    def _replan(self, item: MoveItem, server: nova_records.Server,
                reason: str = '') -> None:
        """Plan a server again that is not as it was when it was planned.

        :param reason: why its move failed
        """
        found = plans.ladder_of(server, self.run.params, self.source,
                                item.storage)
        ladder, looked_into = self._ladder(item, server, found.ladder)
        error = found.error
        if found.wait:
            if not item.wait or found.half != item.half:
                # This wait is a new one, whatever the age of the item.
                item.waiting_since = clock.utcnow()
            elif items.waited_enough(item):
                error = found.waits_for
        if not (ladder or found.wait or error):
            error = looked_into
        failed = error is not None
        item.state = ItemState.FAILED if failed else ItemState.PENDING
        item.error = '; '.join(filter(None, (reason, error))) or (
            found.waits_for if found.half else None)
        item.ladder, item.status = ladder, found.status
        item.wait, item.half = found.wait and not failed, found.half
        item.blockers, item.tries = found.blockers, {}
        item.replans += 1
        self.run.save(item)

    def _ladder(self, item: MoveItem, server: nova_records.Server,
                ladder: list[Action]) -> tuple[list[Action], str]:
        """Return a ladder that does not cut off a guest that runs.

        If the server came into error after it was planned, its guest may
        still run; then it is not evacuated.

        :returns: the ladder, and what was found out about the server
        """
        text = item.in_error
        if (Action.EVACUATE in ladder and not text
                and server.status == 'ERROR' != item.status):
            found = diagnosis.diagnose(self.nova, server)
            text = found.text if found.runs else ''
        if text:
            ladder = [step for step in ladder if step != Action.EVACUATE]
        return ladder, f'{text}: repair it'

    def failed(self, item: MoveItem, reason: str,
               migration: nova_records.Migration | None = None) -> None:
        """Decide what follows the failure of a move.

        The server is planned again, the action is tried again, the next
        action of the ladder is tried, or the server is given up.
        """
        self._slots.finish(item.object_id)
        server = self.nova.server(item.object_id)
        if not verdicts.exists(server):
            self.gone(item)
            return
        if verdicts.moved_away(server, self.source):
            # The move succeeded late, or somebody else has moved the server.
            self.arrived(item, server)
            return
        if verdicts.left(server, self.source) and server.status == 'ERROR':
            self._broke(item, server)
            return
        if server.fault:
            reason = f'{reason}: {server.fault}'
        LOG.warning('Server %(server)s: %(action)s failed: %(reason)s',
                    {'server': server.id, 'action': item.action,
                     'reason': reason})
        refused = migration.destination if migration else None
        items.forget_destination(item, refused or item.destination)
        if migration is not None:
            item.after_migration = migration.id
        if self.cancel:
            self._end(item, ItemState.SKIPPED,
                      f'The task was cancelled; {reason}')
        elif server.host != self.source and item.action != Action.EVACUATE:
            self._replan(item, server, reason)
        elif (server.status == 'ERROR' != item.status
                and item.action != Action.EVACUATE):
            self._look_into(item, server, reason)
        elif items.has_changed(item, server):
            self._replan(item, server)
        else:
            self._climb(item, reason)

    def _look_into(self, item: MoveItem, server: nova_records.Server,
                   reason: str) -> None:
        """Decide on a server that a move has left in error.

        If its guest still runs, only Nova's state is wrong. It is reset, and
        the move is tried again. The host is not fenced for this server.
        """
        found = diagnosis.diagnose(self.nova, server)
        reason = f'{reason}; {found.text}'
        LOG.warning('Server %(server)s: %(found)s', {
            'server': server.id, 'found': found.text})
        if not found.runs:
            self._replan(item, server, reason)
            return
        item.in_error = found.text
        item.ladder = [step for step in item.ladder
                       if step != Action.EVACUATE]
        self.run.save(item)
        self.run.guard()
        try:
            self.nova.reset_state(server.id, 'active')
        except (exception.CloudRequestRefused, exception.NotFound) as exc:
            reason = f'{reason}; its state was not reset: {exc}'
        self._climb(item, reason)

    def _climb(self, item: MoveItem, reason: str) -> None:
        """Try the same action again later, or the next one at once."""
        if self._places.lacking(item, places.FRESH_SECONDS):
            # No host is there. The attempt does not count.
            self._mark_request(item)
            self._places.hold(item, reason)
            return
        action = item.under_way
        failed = item.tries.get(action, 0) + 1
        ladder, again_at = item.ladder, None
        if failed > items.retries(action) or item.fixed:
            ladder = ladder[1:]
        else:
            again_at = clock.utcnow() + datetime.timedelta(
                seconds=items.pause(failed))
        if ladder:
            self._mark_request(item)
        elif item.blockers:
            reason = f'{reason} ({item.blockers})'
        item.destination = self._next_target(item, ladder)
        item.chosen_for = ladder[0] if ladder else None
        item.tries = {**item.tries, action: failed}
        item.ladder, item.again_at = ladder, again_at
        item.state = ItemState.PENDING if ladder else ItemState.FAILED
        item.error = reason
        self.run.save(item)

    def _mark_request(self, item: MoveItem) -> None:
        """Remember the last request, to tell it from the next one."""
        for newest in self.actions(item)[:1]:
            item.known_request = newest.request_id

    def _next_target(self, item: MoveItem,
                     ladder: list[Action]) -> str | None:
        """Return the destination of the next attempt.

        :returns: ``None`` if Nova chooses it
        """
        if not ladder:
            return None
        if self._destination is not None:
            return self._destination
        if ladder[0] not in plans.TARGETED:
            return None
        # Left to itself, Nova's scheduler would choose the same host again.
        return plans.destinations(
            self._tools, self.run, self.source, [item],
            evacuating=ladder[0] == Action.EVACUATE).get(item.object_id)
