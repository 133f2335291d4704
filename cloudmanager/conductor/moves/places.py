# SPDX-License-Identifier: Apache-2.0
"""Whether there is any host for servers to go to, and how long they wait.

While no other host is up and enabled, asking Nova would use up attempts and
leave servers in error. So servers wait for a host, for a limited time.
"""

from collections.abc import Iterable

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import nodes as db_nodes
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
# A list of the hosts in use is valid for this many seconds; the second number
# counts when a move has just failed.
LOOK_SECONDS = 2
FRESH_SECONDS = 0.2

#: The error in the item of a server that waits for a host.
WAITS = 'waits for a place: no other host is up and enabled'


class Places:
    """The hosts that the servers of a task can go to.

    :param source: the host that the servers leave
    :param destination: the only host they may go to, if that is fixed
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 source: str, destination: str | None) -> None:
        self._run = run
        self._tools = tools
        self._source = source
        self._destination = destination
        self._read_at: float | None = None
        self._hosts: frozenset[str] = frozenset()

    def needed_by(self, item: MoveItem) -> bool:
        """Tell whether a host has to be chosen for the next move of a server.

        Servers on their way back, and a single server that is balanced, have
        a fixed destination.
        """
        return (item.next_action in plans.TARGETED
                and self._destination is None
                and not item.fixed)

    def hosts(self, seconds: float = LOOK_SECONDS) -> frozenset[str]:
        """Return the hosts that are in use now, or were a moment ago.

        :param seconds: how old the answer may be
        :raises CloudUnreachable: Nova did not answer
        """
        now = clock.monotonic()
        if self._read_at is None or now - self._read_at > seconds:
            reserved = set(db_nodes.reserved_hosts(self._run.context))
            self._hosts = frozenset(
                service.host for service in self._tools.nova.services()
                if service.state == 'up' and service.status == 'enabled'
                and not service.forced_down and service.host not in reserved
                and service.host != self._source)
            self._read_at = now
        return self._hosts

    def lacking(self, item: MoveItem,
                seconds: float = LOOK_SECONDS) -> bool:
        """Tell whether the next move of a server has nowhere to go.

        :param seconds: how old the answer may be
        """
        try:
            return self.needed_by(item) and not self.hosts(seconds)
        except exception.CloudUnreachable:
            # Nobody knows. The move itself will tell.
            return False

    def assign(self, waiting: Iterable[MoveItem],
               evacuating: bool) -> list[MoveItem]:
        """Return the items that have a destination, or need none.

        An item gets another destination if its own is out of use, or was
        chosen for a migration and the server is now to be evacuated. An item
        without any host waits, and fails after ``[host_tasks] place_timeout``
        seconds.
        """
        free, stale = [], []
        for item in waiting:
            if self.lacking(item):
                self.hold(item)
                continue
            free.append(item)
            if self._is_stale(item):
                stale.append(item)
        if stale:
            found = plans.destinations(self._tools, self._run, self._source,
                                       stale, evacuating=evacuating)
            for item in stale:
                self._end_wait(item)
                item.destination = found.get(item.object_id)
                item.chosen_for = item.next_action
        return free

    @staticmethod
    def _end_wait(item: MoveItem) -> None:
        """End the wait of a server. The change is stored with its move."""
        if item.place_since:
            item.place_since = item.error = None

    def _is_stale(self, item: MoveItem) -> bool:
        return self.needed_by(item) and bool(
            item.place_since
            or self._is_for_another_action(item)
            or (item.destination and self._read_at is not None
                and item.destination not in self._hosts))

    @staticmethod
    def _is_for_another_action(item: MoveItem) -> bool:
        """Tell whether the host was chosen for a migration.

        A migration takes the disks along. For an evacuation, the host must
        reach them.
        """
        return (item.next_action == Action.EVACUATE
                and item.chosen_for not in (None, Action.EVACUATE))

    def hold(self, item: MoveItem, reason: str = '') -> None:
        """Let a server wait for a host, or give it up after the timeout.

        :param reason: why its last try failed
        """
        limit = CONF.host_tasks.place_timeout
        if item.place_since is None:
            LOG.warning('Server %s waits for a host that can take it.',
                        item.object_id)
            item.state, item.destination = ItemState.PENDING, None
            item.error = f'{WAITS}; {reason}' if reason else WAITS
            item.place_since = clock.utcnow()
            self._run.save(item)
        elif clock.seconds_since(item.place_since) > limit:
            item.state = ItemState.FAILED
            item.error = (f'no other host was up and enabled within {limit} '
                          's: bring one up and ask again')
            self._run.save(item)
