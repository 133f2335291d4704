# SPDX-License-Identifier: Apache-2.0
"""How a move ends: well, not at all, or in another try.

``follow`` finds out what Nova made of a move. What that means for the item
is decided here.
"""

import datetime
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.clients import retry
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import inquiry
from cloudmanager.conductor.moves import items
from cloudmanager.conductor.moves import places
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.moves import requests
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.tools import Tools
from cloudmanager.domain.task_states import Cancel
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class Endings:
    """Ends the moves of a task, or prepares their next try.

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
        #: What a user asked for about cancelling.
        self.cancel: Cancel | None = None
        #: How long the moves that came through have taken on average.
        self.usual_seconds = 0.0
        self._came_through = 0
        self._tools = tools
        self._calls = calls
        self._slots = slots
        self._places = places
        # Servers whose deletion was asked for again by this conductor.
        self._deleted_again: set[str] = set()

    def _write(self, item: dict[str, Any], **values: Any) -> None:
        self.run.update_item(item, **values)

    def actions(self, item: dict[str, Any]) -> list[Any]:
        """Return what was asked of a server since its last try failed."""
        try:
            found = self.nova.actions(item['object_id'])
        except exception.NotFound:
            # Deleted a moment ago; the next look at it tells.
            return []
        return verdicts.newer(found, item['memory'].get('known_request'))

    # Well

    def came(self, item: dict[str, Any], server: nova_records.Server) -> None:
        """Take our lock off a server that is elsewhere; the end of it.

        One that is in error there has arrived, but is not moved well.
        """
        self._slots.finish(item['object_id'])
        if server.status == 'ERROR':
            self._broke(item, server)
            return
        self.count(item)
        if server.locked_reason == requests.lock_reason(self.run):
            self._write(item, destination=server.host,
                        memory=items.with_attempt(item, {
                            **items.attempt(item),
                            'phase': items.Phase.UNLOCK}))
            self._calls.start(item['object_id'], self.nova.unlock,
                              server.id)
        else:
            self.done(item, server.host)

    def count(self, item: dict[str, Any]) -> None:
        """Remember how long a move took that came through."""
        taken = items.seconds_since(items.attempt(item)['asked_at'])
        total = self.usual_seconds * self._came_through + taken
        self._came_through += 1
        self.usual_seconds = total / self._came_through

    def done(self, item: dict[str, Any], destination: str | None) -> None:
        """A server is where it should be."""
        self._write(item, state=ItemState.DONE, destination=destination,
                    error=None)
        self._slots.finish(item['object_id'])

    # Not at all

    def _broke(self, item: dict[str, Any],
               server: nova_records.Server) -> None:
        """A server that left the host is in error; no move can mend it."""
        where = f'on {server.host}' if server.host else 'on no host'
        fault = f': {server.fault}' if server.fault else ''
        self._write(item, state=ItemState.FAILED,
                    destination=server.host,
                    error=f'it is {where} now, but in error{fault}; repair '
                          'it')

    def gone(self, item: dict[str, Any]) -> None:
        """A server that was deleted meanwhile needs no move."""
        self._write(item, state=ItemState.SKIPPED,
                    error='The server was deleted.')
        self._slots.finish(item['object_id'])

    def overdue(self, item: dict[str, Any], reason: str,
                migration: nova_records.Migration | None) -> None:
        """Give up; what Nova still works on is never asked for again."""
        if migration is None:
            self.failed(item, reason)
            return
        self._slots.finish(item['object_id'])
        self._write(item, state=ItemState.FAILED, error=reason)

    def deleting(self, item: dict[str, Any],
                 server: nova_records.Server) -> None:
        """Decide on a server whose deletion has not ended in time.

        Its owner does not want it any more, so it does not keep the host
        from being emptied. A deletion that was lost is asked for again,
        once.
        """
        asked = next((action for action in self.actions(item)
                      if action.action == verdicts.DELETE), None)
        again = item['memory'].get('deleted_again')
        if (asked is not None and again is None
                and (clock.utcnow() - asked.start_time).total_seconds()
                > CONF.server_tasks.stale_after):
            now = clock.utcnow().replace(microsecond=0).isoformat()
            self._write(item, memory={**item['memory'],
                                      'deleted_again': now,
                                      'waiting_since': now})
            self._delete_again(item)
            return
        since = f', asked for at {asked.start_time}Z,' if asked else ''
        repeated = (f' It was asked for again at {again}Z.' if again else '')
        self._write(item, state=ItemState.SKIPPED, destination=None,
                    error=f'Its deletion{since} does not end.{repeated}',
                    memory={**item['memory'], 'deleting': True})

    def _delete_again(self, item: dict[str, Any]) -> None:
        """Ask for a deletion again, which then has its time to end."""
        LOG.warning('The deletion of server %s hangs and is asked for '
                    'again.', item['object_id'])
        self._deleted_again.add(item['object_id'])
        self.run.guard()
        try:
            retry.only_while(self.run.is_owned, requests.delete_again,
                             self.nova, item['object_id'])
        except exception.CloudRequestRefused as exc:
            # The reset to an error was ours: nobody has changed the server
            # since, and it is not to be looked at anew.
            self._write(item, state=ItemState.FAILED,
                        memory={**item['memory'], 'status': 'ERROR'},
                        error='its deletion hung, and was refused when it '
                              f'was asked for again: {exc}')
        except (exception.NotFound, exception.CloudUnreachable) as exc:
            # The next look at the server tells what came of it.
            LOG.info('Server %(server)s: %(why)s', {
                'server': item['object_id'], 'why': exc})

    def _is_undeleted(self, item: dict[str, Any]) -> bool:
        """Tell whether a predecessor died before it asked for a deletion."""
        return bool(item['memory'].get('deleted_again')
                    and item['object_id'] not in self._deleted_again)

    # Another try

    def settled(self, item: dict[str, Any], server: nova_records.Server,
                evacuating: bool) -> None:
        """Decide on a server whose own operation has ended meanwhile.

        :param evacuating: the moves are evacuations
        """
        half = verdicts.half_left(server, self.source) and not evacuating
        if (half and item['memory'].get('half')
                and not items.waited_enough(item)):
            # Its owner may decide yet.
            return
        if verdicts.left(server, self.source) and not half:
            # What it was doing took it off the host.
            if (server.status == 'ERROR'
                    and item['memory']['status'] != 'ERROR'):
                self._broke(item, server)
            else:
                self.done(item, server.host)
        elif self._is_undeleted(item):
            self._delete_again(item)
        elif evacuating:
            self._write(item, memory={**item['memory'], 'wait': False})
        else:
            self._replan(item, server)

    def elsewhere(self, item: dict[str, Any],
                  server: nova_records.Server) -> None:
        """Decide on a server that somebody else took off the host."""
        self._slots.finish(item['object_id'])
        if verdicts.came_through(server, self.source):
            self.came(item, server)
        else:
            self._replan(item, server)

    def _replan(self, item: dict[str, Any], server: nova_records.Server,
                reason: str = '') -> None:
        """Decide anew on a server that is not as it was planned.

        :param reason: why a move of it failed
        """
        memory = item['memory']
        found = plans.ladder_of(server, self.run.params, self.source,
                                memory.get('storage', ()))
        error, waiting_since = found['error'], memory.get('waiting_since')
        if found['wait']:
            if not memory['wait'] or found['half'] != memory.get('half'):
                # A wait of its own begins, however old the item is.
                waiting_since = clock.utcnow().isoformat()
            elif items.waited_enough(item):
                error = found['waits_for']
        ladder, looked_into = self._ladder(item, server, found['ladder'])
        if not (ladder or found['wait'] or error):
            error = looked_into
        failed = error is not None
        self._write(
            item, state=(ItemState.FAILED if failed
                         else ItemState.PENDING),
            error='; '.join(filter(None, (reason, error))) or (
                found['waits_for'] if found['half'] else None),
            memory={**memory, 'ladder': ladder, 'status': found['status'],
                    'wait': found['wait'] and not failed,
                    'half': found['half'], 'blockers': found['blockers'],
                    'waiting_since': waiting_since, 'tries': {},
                    'replans': memory.get('replans', 0) + 1})

    def _ladder(self, item: dict[str, Any], server: nova_records.Server,
                ladder: list[str]) -> tuple[list[str], str]:
        """Return a ladder without what would cut off a guest that runs.

        The plan said that a server is evacuated for its error only if it
        was in error then.

        :returns: the ladder, and what was found if that made it shorter
        """
        memory = item['memory']
        text = memory.get('in_error') or ''
        if (Action.EVACUATE in ladder and not text
                and server.status == 'ERROR' != memory['status']):
            found = inquiry.inquire(self.nova, server)
            text = found.text if found.runs else ''
        if text:
            ladder = [step for step in ladder if step != Action.EVACUATE]
        return ladder, f'{text}: repair it'

    def failed(self, item: dict[str, Any], reason: str,
               migration: nova_records.Migration | None = None) -> None:
        """Decide anew, try again, climb the ladder, or give up."""
        self._slots.finish(item['object_id'])
        server = self.nova.server(item['object_id'])
        if not verdicts.exists(server):
            self.gone(item)
            return
        if verdicts.came_through(server, self.source):
            # Late, or by somebody else; it must not be moved once more.
            self.came(item, server)
            return
        if verdicts.left(server, self.source) and server.status == 'ERROR':
            self._broke(item, server)
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
        if self.cancel:
            self._write(item, state=ItemState.SKIPPED, destination=None,
                        error=f'The task was cancelled; {reason}')
        elif (server.host != self.source
                and item['action'] != Action.EVACUATE):
            self._replan(item, server, reason)
        elif (server.status == 'ERROR' != item['memory']['status']
                and item['action'] != Action.EVACUATE):
            self._look_into(item, server, reason)
        elif items.has_changed(item, server):
            self._replan(item, server)
        else:
            self._climb(item, reason)

    def _look_into(self, item: dict[str, Any], server: nova_records.Server,
                   reason: str) -> None:
        """Find out about a server that a move put in error.

        One whose guest runs on is as good as before, but for Nova's state.
        That is reset, and the move tried again. Its host is not fenced.
        """
        found = inquiry.inquire(self.nova, server)
        reason = f'{reason}; {found.text}'
        LOG.warning('Server %(server)s: %(found)s', {
            'server': server.id, 'found': found.text})
        if not found.runs:
            self._replan(item, server, reason)
            return
        memory = item['memory']
        self._write(item, memory={
            **memory, 'in_error': found.text, 'ladder': [
                step for step in memory['ladder']
                if step != Action.EVACUATE]})
        self.run.guard()
        try:
            self.nova.reset_state(server.id, 'active')
        except (exception.CloudRequestRefused, exception.NotFound) as exc:
            reason = f'{reason}; its state was not reset: {exc}'
        self._climb(item, reason)

    def _climb(self, item: dict[str, Any], reason: str) -> None:
        """Try the same again in a while, then the next action at once."""
        if self._places.lacking(item, places.FRESH_SECONDS):
            # It is not the server's fault; the try does not count.
            self._mark_request(item)
            self._places.hold(item, reason)
            return
        memory = item['memory']
        tries = dict(memory.get('tries', {}))
        failed = tries[item['action']] = tries.get(item['action'], 0) + 1
        ladder, again_at = memory['ladder'], None
        if failed > items.retries(item['action']) or memory.get('fixed'):
            ladder = ladder[1:]
        else:
            again_at = (clock.utcnow() + datetime.timedelta(
                seconds=items.pause(failed))).isoformat()
        if ladder:
            self._mark_request(item)
        elif memory.get('blockers'):
            reason = f'{reason} ({memory["blockers"]})'
        self._write(
            item, destination=self._next_target(item, ladder), error=reason,
            memory={**memory, 'tries': tries, 'ladder': ladder,
                    'again_at': again_at,
                    'chosen_for': ladder[0] if ladder else None},
            state=ItemState.PENDING if ladder else ItemState.FAILED)

    def _mark_request(self, item: dict[str, Any]) -> None:
        """See that the next request is not mistaken for an earlier one."""
        for newest in self.actions(item)[:1]:
            item['memory']['known_request'] = newest.request_id

    def _next_target(self, item: dict[str, Any],
                     ladder: list[str]) -> str | None:
        """Return where the next try goes; ``None`` leaves it to Nova."""
        if not ladder:
            return None
        if self._destination is not None:
            return self._destination
        if ladder[0] not in plans.TARGETED:
            return None
        # Nova's scheduler would choose the host that failed again.
        return plans.destinations(
            self._tools, self.run, self.source, [item],
            evacuating=ladder[0] == Action.EVACUATE).get(item['object_id'])
