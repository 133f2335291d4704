# SPDX-License-Identifier: Apache-2.0
"""How a move ends: well, not at all, or in another try.

``follow`` finds out what Nova made of a move. What that means for the item
is decided here.
"""

from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.tasks import calls as nova_calls
from cloudmanager.conductor.tasks import items
from cloudmanager.conductor.tasks import observe
from cloudmanager.conductor.tasks import plans
from cloudmanager.conductor.tasks import requests
from cloudmanager.conductor.tasks.base import Tools
from cloudmanager.db import tasks as db_tasks
from cloudmanager.planning import drain
from cloudmanager.planning import order

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class Endings:
    """Ends the moves of a task, or prepares their next try.

    :param source: the host that the servers leave
    :param calls: where Nova is asked in threads
    :param slots: of the moves under way; freed when one ends
    """

    def __init__(self, run: engine_run.Run, tools: Tools, source: str,
                 calls: nova_calls.Calls, slots: order.Slots) -> None:
        self.run = run
        self.nova = tools.nova
        self.source = source
        #: What a user asked for about cancelling.
        self.cancel: str | None = None
        #: How long the moves that came through have taken on average.
        self.usual_seconds = 0.0
        self._came_through = 0
        self._tools = tools
        self._calls = calls
        self._slots = slots

    def _write(self, item: dict[str, Any], **values: Any) -> None:
        self.run.update_item(item, **values)

    def actions(self, item: dict[str, Any]) -> list[Any]:
        """Return what was asked of a server since its last try failed."""
        try:
            found = self.nova.actions(item['object_id'])
        except exception.NotFound:
            # Deleted a moment ago; the next look at it tells.
            return []
        return observe.newer(found, item['memory'].get('known_request'))

    # Well

    def came(self, item: dict[str, Any], server: Any) -> None:
        """Take our lock off a server that is elsewhere; the end of it."""
        self._slots.finish(item['object_id'])
        self.count(item)
        if server.locked_reason == requests.lock_reason(self.run):
            self._write(item, destination=server.host,
                        memory=items.with_attempt(item, {
                            **items.attempt(item), 'phase': items.UNLOCK}))
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
        self._write(item, state=db_tasks.ITEM_DONE, destination=destination,
                    error=None)
        self._slots.finish(item['object_id'])

    # Not at all

    def gone(self, item: dict[str, Any]) -> None:
        """A server that was deleted meanwhile needs no move."""
        self._write(item, state=db_tasks.ITEM_SKIPPED,
                    error='The server was deleted.')
        self._slots.finish(item['object_id'])

    def overdue(self, item: dict[str, Any], reason: str,
                migration: Any | None) -> None:
        """Give up; what Nova still works on is never asked for again."""
        if migration is None:
            self.failed(item, reason)
            return
        self._slots.finish(item['object_id'])
        self._write(item, state=db_tasks.ITEM_FAILED, error=reason)

    # Another try

    def settled(self, item: dict[str, Any], server: Any,
                evacuating: bool) -> None:
        """Decide on a server whose own operation has ended meanwhile.

        :param evacuating: the moves are evacuations
        """
        if observe.half_left(server, self.source) and not evacuating:
            self._write(item, state=db_tasks.ITEM_FAILED, error=drain.HALF)
        elif observe.left(server, self.source):
            # What it was doing took it off the host.
            self.done(item, server.host)
        elif evacuating:
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

    def failed(self, item: dict[str, Any], reason: str,
               migration: Any = None) -> None:
        """Decide anew, try again, climb the ladder, or give up."""
        self._slots.finish(item['object_id'])
        server = self.nova.server(item['object_id'])
        if observe.is_gone(server):
            self.gone(item)
            return
        if observe.came_through(server, self.source):
            # Late, or by somebody else; it must not be moved once more.
            self.came(item, server)
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
            self._write(item, state=db_tasks.ITEM_SKIPPED, destination=None,
                        error=f'The task was cancelled; {reason}')
        elif items.has_changed(item, server):
            # A wait of its own begins, however old the item is.
            item['memory']['waiting_since'] = clock.utcnow().isoformat()
            self._replan(item, server)
        else:
            self._climb(item, reason)

    def _climb(self, item: dict[str, Any], reason: str) -> None:
        memory = item['memory']
        tries = dict(memory.get('tries', {}))
        tries[item['action']] = tries.get(item['action'], 0) + 1
        ladder = memory['ladder']
        if (tries[item['action']] > items.retries(item['action'])
                or memory.get('fixed')):
            ladder = ladder[1:]
        target = None
        if ladder:
            # The next request is not to be mistaken for an earlier one.
            for newest in self.actions(item)[:1]:
                memory['known_request'] = newest.request_id
        if ladder and self.source != self.run.host:
            # On its way back there is one destination only.
            target = self.run.host
        elif ladder and ladder[0] in plans.TARGETED:
            # Nova's scheduler would choose the host that failed again.
            target = plans.other_destination(
                self._tools, self.run, item,
                evacuating=ladder[0] == observe.EVACUATE)
        elif not ladder and memory.get('blockers'):
            reason = f'{reason} ({memory["blockers"]})'
        self._write(
            item, destination=target, error=reason,
            memory={**memory, 'tries': tries, 'ladder': ladder},
            state=db_tasks.ITEM_PENDING if ladder else db_tasks.ITEM_FAILED)
