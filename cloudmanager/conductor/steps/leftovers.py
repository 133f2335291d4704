# SPDX-License-Identifier: Apache-2.0
"""The last resort of a drain: fence the host, and evacuate what is left.

A fence cuts the power of all that runs on the host. So right before it, the
servers on the host and their states are read again, and a plan is made. The
host is fenced only if that plan evacuates each server that is left, and each
has a place. If not, it stays on.
"""


from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.conductor.hosts import fencing
from cloudmanager.conductor.moves import items as task_items
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.servers import examine
from cloudmanager.conductor.steps import hosts as host_steps
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import fencing as planning_fencing
from cloudmanager.planning import plan as planning_plan
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

_OPEN = (ItemState.PENDING, ItemState.RUNNING)
_OVER = (ItemState.DONE, ItemState.SKIPPED)
# If the servers still change after this many readings, the host stays on.
READINGS = 4


class EvacuateLeftovers(host_steps.EvacuateServers):
    """Fence the host and rebuild the servers that are left on it."""

    #: Hosts that take servers, by the last reading.
    _usable: frozenset[str] = frozenset()

    def do(self) -> None:
        # Once the fence was begun, nobody can tell what the guests do.
        if not (self.memory.fenced or self.memory.fence_begun):
            if not self._may_fence():
                return
            # The last moment at which a cancel leaves the host running.
            self.run.checkpoint()
            self.memory.fence_begun = True
            self.run.keep(self.memory)
        fencing.fence(self.run, self.tools)
        fencing.force_down(self.run, self.tools)
        super().do()

    def _may_fence(self) -> bool:
        """Read the host again, and move what can be moved after all.

        :returns: whether the host may be fenced
        """
        if not self.run.params.get('allow_evacuate'):
            return False
        if any(item.over_budget for item in self.run.items(MoveItem)):
            # A fence would disturb those servers most of all.
            return False
        why = 'its servers keep changing'
        for reading in range(READINGS):
            if all(item.state in _OVER for item in self.run.items(MoveItem)):
                return False
            if reading:
                self.run.pause(CONF.host_tasks.poll_interval_max)
            before = self._picture()
            plan = plans.make_plan(
                self.tools, 'drain', self.run.host, self.run.params,
                tried=self._tried())
            if self._take_over(plan):
                host_steps.MoveServers(self.run, self.tools).do()
                continue
            waiting = self._waiting()
            stay = self._stay(plan)
            if stay or not waiting:
                self._keep(waiting, planning_fencing.not_fenced(stay))
                return False
            busy = self._busy(waiting)
            if not busy and self._picture() == before:
                return True
            why = busy or why
            LOG.info('The servers left on host %(host)s are read again: '
                     '%(why)s', {'host': self.run.host, 'why': why})
        self._keep(self._waiting(), f'the host is not fenced: {why}')
        return False

    def _picture(self) -> frozenset[tuple[object, ...]]:
        """Return the servers on the host, and their states."""
        nova, host = self.tools.nova, self.run.host
        return frozenset(
            [(server.id, server.vm_state, server.task_state,
              server.power_state) for server in nova.servers_on(host)]
            + [(server.id, 'half') for server in nova.halves_on(host)])

    def _tried(self) -> dict[str, frozenset[Action]]:
        """Return the actions that have failed, by server."""
        return {item.object_id: frozenset(
            action for action, count in item.tries.items()
            if count > task_items.retries(action))
                for item in self.run.items(MoveItem)}

    def _waiting(self) -> list[MoveItem]:
        return [item for item in self.run.items(MoveItem)
                if item.state in _OPEN]

    def _take_over(self, plan: planning_plan.Plan) -> bool:
        """Bring the items in line with a plan.

        :returns: whether there is something to move or to wait for
        """
        host_steps.add_planned(self, plan)
        entries = {entry.id: entry for entry in plan.servers}
        items = [item for item in self.run.items(MoveItem)
                 if item.state not in _OVER]
        held = db_tasks.find_holders(
            self.run.context,
            [f'server:{item.object_id}' for item in items])
        self._usable = frozenset(
            service.host for service in self.tools.nova.services()
            if service.status == 'enabled' and service.state == 'up')
        # A list, since any() would stop at the first one.
        return any([self._renew(
            item, entries.get(item.object_id),
            held=f'server:{item.object_id}' in held) for item in items])

    def _renew(self, item: MoveItem,
               entry: planning_plan.Entry | None, *, held: bool) -> bool:
        """Bring an item in line with its entry in the new plan.

        :param entry: ``None`` when nothing of the server is on the host
        :param held: another task acts on the server
        :returns: whether there is something to move or to wait for
        """
        failed = item.state == ItemState.FAILED
        if item.wait and not failed:
            return True
        if entry is None:
            return not failed and self._wait(item)
        if entry.fits and entry.action == Action.EVACUATE:
            if not (failed and (held or item.in_error)):
                self._plan(item, entry)
            return False
        return not failed and self._plan_anew(item, entry)

    def _wait(self, item: MoveItem) -> bool:
        """Find out later where a server is that has left the host."""
        item.wait, item.waiting_since = True, clock.utcnow()
        self.run.save(item)
        return True

    def _plan(self, item: MoveItem,
              entry: planning_plan.Entry) -> None:
        planned = plans.item_of(entry, self.run.params)
        item.destination = self._destination(item, entry)
        item.state = planned.state
        item.ladder, item.status = planned.ladder, planned.status
        item.wait, item.half = planned.wait, planned.half
        item.blockers, item.force = planned.blockers, planned.force
        item.reset_state = planned.reset_state
        item.locked = planned.locked
        self.run.save(item)

    def _destination(self, item: MoveItem,
                     entry: planning_plan.Entry) -> str | None:
        """Keep the planned destination of an evacuation if it is in use."""
        if (item.next_action == Action.EVACUATE
                and item.destination in self._usable):
            return item.destination
        if entry.destination in item.refused:
            # It refused the server before: let Nova choose.
            return None
        return entry.destination

    def _plan_anew(self, item: MoveItem,
                   entry: planning_plan.Entry) -> bool:
        """Plan a server that need not be evacuated after all.

        :returns: whether there is something to move or to wait for
        """
        blockers = '; '.join(found.text for found in entry.blockers)
        if entry.fits and item.replans < task_items.MAX_REPLANS:
            item.replans += 1
            item.waiting_since = clock.utcnow()
            self._plan(item, entry)
            return True
        self._keep([item], blockers or 'its state keeps changing')
        return False

    def _stay(self, plan: planning_plan.Plan) -> list[str]:
        """Return the names of the servers that forbid a fence."""
        waiting = {item.object_id for item in self._waiting()}
        unwanted = {item.object_id for item in self.run.items(MoveItem)
                    if item.deleting}
        return [entry.name or entry.id for entry in plan.servers
                if entry.action != Action.SKIP and entry.id not in unwanted
                and not (entry.fits and entry.action == Action.EVACUATE
                         and entry.id in waiting)]

    def _busy(self, waiting: list[MoveItem]) -> str:
        """Say what Nova is working on; empty if it is idle."""
        for item in waiting:
            _, seen = examine.look(self.tools, item.object_id)
            if seen.busy:
                return f'{item.name}: {seen.busy}'
        return ''

    def _keep(self, waiting: list[MoveItem], why: str) -> None:
        """Give up servers for which the host is not fenced."""
        for item in waiting:
            item.state = ItemState.FAILED
            item.error = f'{item.error}; {why}' if item.error else why
            self.run.save(item)
