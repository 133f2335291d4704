# SPDX-License-Identifier: Apache-2.0
"""Moves servers off a host: many at a time, each exactly once.

One loop drives all moves off a host; ``fleet`` has one for several hosts.
Each round reads Nova's migrations of the source host in one request and takes
every move one step further; free slots are filled at once. A row of
``task_items`` holds what a successor needs: the intent is written before Nova
is asked, the outcome is found in Nova's own records. A successor that finds
an intent looks for the request in Nova before it asks again. The steps of one
move are in ``follower``, its end is in ``endings``.
"""

from collections.abc import Callable
from collections.abc import Container
import contextlib

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import parallel
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import budgets
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import endings
from cloudmanager.conductor.moves import follower
from cloudmanager.conductor.moves import items
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import places
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import MoveMemory
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
# How often a move is read: so many times within its present age, or within
# the time that earlier moves took.
POLLS_PER_AGE = 10
POLLS_PER_MOVE = 20


class Flight:
    """What all movers of a task share.

    :ivar slots: counts the moves under way
    :ivar calls: the threads that ask Nova
    """

    def __init__(self, run: engine_run.Run) -> None:
        most = run.params.get('max_moves') or CONF.host_tasks.max_moves
        self.slots = order.Slots(order.Limits(
            total=most,
            per_destination=CONF.host_tasks.max_moves_per_destination))
        self.calls = nova_calls.Calls(run, most)


class Mover:
    """Drives the items of a task whose next action is in ``actions``.

    :param actions: what this mover does; items whose next step is another
        one are left alone (evacuation waits for the fence)
    :param source: the host that the servers are on
    :param destination: the only host they may go to; each gets its own
        when it is not given
    :param only: ids of the servers that it moves; all when not given
    :param flight: what it shares with other movers of the task, if there
        are others
    :param seen_at: ``clock.monotonic()`` when the servers were on the host as
        they were planned, if that is known
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 actions: frozenset[Action], *, source: str,
                 destination: str | None = None,
                 only: Container[str] | None = None,
                 flight: 'Flight | None' = None,
                 seen_at: float | None = None) -> None:
        self.run = run
        self.nova = tools.nova
        self.actions = actions
        self.source = source
        self._only = only
        self._record = migrations.MoveRecord(
            tools.nova, self.source, run.created_at)
        self._items: list[MoveItem] = []
        self._look_at = 0.0
        self._seen_at = seen_at
        flight = flight or Flight(run)
        self._slots, self._calls = flight.slots, flight.calls
        self._budgets = budgets.Budgets(
            run, tools, Action.EVACUATE in actions
            or run.params.get('force') is True)
        self._places = places.Places(run, tools, self.source, destination)
        self._ends = endings.Endings(run, tools, self.source, destination,
                                     self._calls, self._slots, self._places)
        self._follower = follower.Follower(
            run, tools, self.source, self._calls, self._slots, self._record,
            self._ends)

    # The loop

    def drive(self) -> None:
        """Move until nothing is left to do.

        :raises TaskCancelled: a user cancelled, and nothing runs any more
        :raises HandOver: this conductor must stop
        """
        self.begin()
        with self._calls:
            while self._round():
                self._calls.pause(self.until_look())
        if self.cancelled:
            raise exception.TaskCancelled(task=self.run.task_id)

    def begin(self) -> None:
        """Read what there is to do, and what is under way already."""
        self._items = [item for item in self.run.items(MoveItem)
                       if item.source == self.source
                       and self._is_mine(item)]
        if self._waiting():
            self._look_ahead()
        self._record.baseline = self._baseline()
        for item in self._running():
            if item.attempt.phase != Phase.UNLOCK:
                self._slots.start(items.as_move(item, self.source))

    def _look_ahead(self) -> None:
        """Read at once all that the first moves need.

        What cannot be read now is read again when it is needed.
        """
        if self._seen_at is not None:
            self._record.note(
                [item.object_id for item in self._items],
                [item.object_id for item in self._items if item.locked],
                self._seen_at)

        def read(look: Callable[[], object]) -> None:
            with contextlib.suppress(exception.CloudUnreachable):
                look()

        looks: list[Callable[[], object]] = [
            self._record.look, self._budgets.look, self._places.hosts]
        parallel.run(read, looks, len(looks))

    @property
    def cancelled(self) -> bool:
        """Whether a user has asked the task to stop."""
        return bool(self._ends.cancel)

    def _baseline(self) -> int:
        """Return the newest migration off the host before the task's own."""
        memory = self.run.recall(MoveMemory)
        if self.source not in memory.baselines:
            memory.baselines[self.source] = self.nova.latest_migration_id(
                self.source)
            self.run.keep(memory)
        return memory.baselines[self.source]

    def _is_mine(self, item: MoveItem) -> bool:
        if self._only is not None and item.object_id not in self._only:
            return False
        return item.state == ItemState.RUNNING or self._is_waiting(item)

    def _is_waiting(self, item: MoveItem) -> bool:
        return (item.state == ItemState.PENDING
                and (item.wait or item.next_action in self.actions))

    def _round(self) -> bool:
        """Take everything one step further; false when all is over."""
        self.heed()
        for server_id, take in self._calls.ended():
            self.collect(server_id, take)
        return self.step()

    def heed(self) -> None:
        """Start nothing more if a user has asked for that.

        :raises HandOver: this conductor must stop
        """
        cancel = self.run.guard()
        if cancel and cancel != self._ends.cancel:
            # Who wants moves to be finished may want them aborted later.
            self._ends.cancel = cancel
            self._skip_waiting()

    def step(self) -> bool:
        """Look at Nova if it is time, and start what may start.

        :returns: whether something is left to do
        """
        if self.until_look() <= 0:
            self._look_at = clock.monotonic() + self._interval()
            self._settle()
            self._advance()
        self._fill()
        return bool(self._running() or self._waiting())

    def until_look(self) -> float:
        """Return the seconds until the next look at Nova."""
        # Floats are not exact, and a millisecond too early does no harm.
        return self._look_at - clock.monotonic() - 0.001

    def _interval(self) -> float:
        """Return the seconds between two looks at Nova.

        Moves that take long are read less often, since a reading costs Nova
        about as much as a step of a move.
        """
        ages = [item.attempt.age for item in self._running()]
        return min(max(float(CONF.host_tasks.poll_interval),
                       min(ages, default=0) / POLLS_PER_AGE,
                       self._ends.usual_seconds / POLLS_PER_MOVE),
                   float(CONF.host_tasks.poll_interval_max))

    def _waiting(self) -> list[MoveItem]:
        return [item for item in self._items if self._is_waiting(item)]

    def _running(self) -> list[MoveItem]:
        return [item for item in self._items
                if item.state == ItemState.RUNNING]

    def _fill(self) -> None:
        """Start what may start now, in the order of the plan."""
        if self._ends.cancel or self._slots.full:
            return
        due = [item for item in self._waiting()
               if not item.wait and items.is_due(item)]
        waiting = {item.object_id: item for item in self._places.assign(
            self._budgets.admit(due), Action.EVACUATE in self.actions)}
        for chosen in self._slots.next_items(
                items.as_move(item, self.source)
                for item in waiting.values()):
            self._follower.begin(waiting[chosen.id])

    def has(self, server_id: str) -> bool:
        """Tell whether it moves a server."""
        return any(item.object_id == server_id for item in self._items)

    def collect(self, server_id: str, take: Callable[[], None]) -> None:
        """Take the result of a call that has ended."""
        item = next(item for item in self._items
                    if item.object_id == server_id)
        self._follower.collect(item, take)

    # Servers with an operation of their own

    def _settle(self) -> None:
        """Decide on servers that wait for another operation to end."""
        for item in self._waiting():
            if not item.wait:
                continue
            try:
                server = self.nova.server(item.object_id)
            except exception.CloudUnreachable as exc:
                LOG.warning('Server %(server)s cannot be read: %(why)s',
                            {'server': item.object_id, 'why': exc})
                return
            self._judge_waiting(item, server)

    def _judge_waiting(self, item: MoveItem,
                       server: nova_records.Server | None) -> None:
        evacuating = Action.EVACUATE in self.actions
        overdue = items.waited_enough(item)
        holder = self._holder(item)
        if not verdicts.exists(server):
            self._ends.gone(item)
        elif overdue and server.task_state in verdicts.DELETING:
            self._ends.deleting(item, server)
        elif holder and overdue and not evacuating:
            item.state = ItemState.FAILED
            item.error = f'task {holder} acts on it'
            self.run.save(item)
        elif overdue or (server.task_state is None and not holder):
            self._ends.settled(item, server, evacuating)

    def _holder(self, item: MoveItem) -> str | None:
        """Return the id of the task that acts on the server, if any."""
        if not item.task:
            return None
        found = db_tasks.find_running(self.run.context,
                                      f'server:{item.object_id}')
        return found['id'] if found else None

    def _advance(self) -> None:
        """Take every move under way one step further."""
        idle = [item for item in self._running()
                if item.object_id not in self._calls]
        if not idle:
            return
        try:
            self._record.migrations()
            # The next moves need not wait until arrivals were checked.
            for item in idle:
                self._follower.release(item)
            self._fill()
            for item in idle:
                self._follower.step(item)
        except exception.CloudUnreachable as exc:
            LOG.warning('Nova cannot be reached, so moves go on unattended: '
                        '%s', exc)

    def _skip_waiting(self) -> None:
        """Start nothing more once a user has cancelled."""
        for item in self._items:
            if item.state == ItemState.PENDING:
                item.state = ItemState.SKIPPED
                item.error = 'The task was cancelled.'
                self.run.save(item)
