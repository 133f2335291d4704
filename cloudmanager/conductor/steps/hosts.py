# SPDX-License-Identifier: Apache-2.0
"""Steps on a compute host: disable, plan, move, fence, power, verify."""

from collections.abc import Collection
import dataclasses

from oslo_config import cfg
from oslo_log import log as logging
from taskflow.types import failure

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.hosts import allocations
from cloudmanager.conductor.hosts import compute_services
from cloudmanager.conductor.hosts import fencing
from cloudmanager.conductor.hosts import liveness
from cloudmanager.conductor.hosts import occupancy
from cloudmanager.conductor.moves import budgets
from cloudmanager.conductor.moves import early_plan
from cloudmanager.conductor.moves import items as task_items
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import nova_requests
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.steps.base import HostStep
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import checks as volume_checks
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import plan as planning_plan
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

DRAIN_ACTIONS = frozenset((Action.LIVE, Action.COLD, Action.OFFLOAD))
#: Failures that come before anything has been done to a host that is alive.
BEFORE_IT_BEGAN: tuple[type[Exception], ...] = (exception.TaskCancelled,
                                                exception.NoPlace)
#: For actions that leave a host as they found it when they fail.
ANY_FAILURE: tuple[type[Exception], ...] = (Exception,)


class DisableHost(HostStep):
    """Keep new servers off the host, and remember whether it was enabled.

    :param enabled_after: failures of the task after which the host is enabled
        again if it was enabled before; after any other, an operator decides
    :param early: the plan for the servers of the host, which is made in the
        meantime if the host is to be emptied
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 enabled_after: tuple[type[Exception], ...],
                 early: early_plan.EarlyPlan | None = None) -> None:
        super().__init__(run, tools)
        self._enabled_after = enabled_after
        self._early = early

    def do(self) -> None:
        self.run.checkpoint()
        if self._early is not None:
            self._early.begin(self.tools, 'drain', self.run.host,
                              self.run.params, self.run.task_id)
        service = compute_services.of_host(self.tools.nova, self.run.host)
        if self.memory.was_enabled is None:
            self._check_volumes()
            self.memory.was_enabled = service.status == 'enabled'
            self.memory.reason_before = service.disabled_reason
            # The time of the last heartbeat is lost when it is disabled.
            self.memory.silent_for = liveness.silent_for(service)
            self.run.keep(self.memory)
        if (service.status == 'enabled'
                or compute_services.is_left(service.disabled_reason)):
            compute_services.disable(self.tools.nova, service,
                                     self._reason(), self.run.guard)
            compute_services.note(self.run.context, dataclasses.replace(
                service, status='disabled'))

    def _check_volumes(self) -> None:
        """Check that no task works on volumes of a host that is alive.

        A task of a volume may begin at the same moment. Both write their row
        first and look for the other then, so one of them sees the other.

        :raises TaskConflict: a task works on a volume of the host
        """
        if self.run.name in db_tasks.DRAINS:
            volume_checks.check_no_volume_work(self.run.context,
                                               self.run.host)

    def _reason(self) -> str:
        return f'cloudmanager: {self.run.name}, task {self.run.task_id}'

    def undo(self, causes: list[failure.Failure]) -> None:
        """Enable the host again if it is as it was before the task."""
        memory = self.memory
        service = self.tools.nova.service(self.run.host)
        if service is None or service.disabled_reason != self._reason():
            return
        if (memory.fenced or memory.no_return or not memory.was_enabled
                or not self._is_harmless(causes)):
            why = compute_services.failure_reason(
                self._reason(), causes, bool(memory.fenced))
            compute_services.disable(self.tools.nova, service, why)
        else:
            compute_services.enable(self.tools.nova, service)

    def _is_harmless(self, causes: list[failure.Failure]) -> bool:
        """Tell whether the failures leave the host as it was."""
        if self._enabled_after is ANY_FAILURE:
            return True
        return bool(causes) and all(cause.check(*self._enabled_after)
                                    for cause in causes)


class _PlanStep(HostStep):
    """Knows of the plan that an earlier step may have begun to make.

    :param early: that plan
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 early: early_plan.EarlyPlan | None = None) -> None:
        super().__init__(run, tools)
        self._early = early or early_plan.EarlyPlan()

    def _remember(self, plan: planning_plan.Plan) -> None:
        """Remember which resource providers the host is."""
        if self.memory.providers is None and plan.providers:
            self.memory.providers = list(plan.providers)
            self.run.keep(self.memory)


class PlanMoves(_PlanStep):
    """Write an item for each server on the host, as planned early or now."""

    def do(self) -> None:
        self.run.checkpoint()
        plan = self._early.wait() or make_plan(self)
        self._remember(plan)
        if not self.run.items(MoveItem):
            # Other servers may have taken the room since the request.
            plans.check_places(plan, self.run.host, self.run.params)
        add_planned(self, plan)


class PlanEvacuation(_PlanStep):
    """Write an item for each server on a host that is dead."""

    def do(self) -> None:
        self.run.checkpoint()
        host = self.run.host
        plan = self._early.take(self.tools, host) or plans.make_plan(
            self.tools, 'evacuate', host, self.run.params)
        self._remember(plan)
        add_planned(self, plan)


def plan_moves(step: HostStep) -> None:
    """Add items for servers on a host that is alive, if they have none."""
    add_planned(step, make_plan(step))


def make_plan(step: HostStep) -> planning_plan.Plan:
    """Plan how to empty the host of a task, which is alive."""
    return plans.make_plan(step.tools, 'drain', step.run.host,
                           step.run.params, step.run.task_id)


def add_planned(step: HostStep, plan: planning_plan.Plan) -> None:
    """Add items for the servers of a plan that have none yet."""
    step.run.add_items([plans.item_of(entry, step.run.params)
                        for entry in plan.servers])
    _wait_for_others(step)


def _wait_for_others(step: HostStep) -> None:
    """Let servers wait that other tasks act on.

    Such a task writes its row first and looks for others then, as this one
    does. So one of the two sees the other.
    """
    waiting = {f'server:{item.object_id}': item
               for item in step.run.items(MoveItem)
               if item.state == ItemState.PENDING}
    holders = db_tasks.find_holders(step.run.context, waiting)
    for target, task_id in holders.items():
        item = waiting[target]
        item.wait, item.task = True, task_id
        step.run.save(item)


class MoveServers(_PlanStep):
    """Move servers off the host until nobody is there or on the way to it.

    Placement tells whether a server is on its way. What else has allocations
    there does not tell of itself what it is; then the host has to be found
    empty twice.
    """

    def do(self) -> None:
        allocated = allocations.Allocations(
            self.tools, self.run.host, self.memory.providers)
        begun, told = clock.monotonic(), ''
        while True:
            found = allocated.read(self._empty())
            if (not found.coming or clock.monotonic() - begun
                    > CONF.host_tasks.settle_timeout):
                break
            names = ', '.join(server.id for server in found.coming)
            if names != told:
                LOG.info('Server(s) %(servers)s are on their way to host '
                         '%(host)s.', {'servers': names,
                                       'host': self.run.host})
                told = names
            self.run.pause(CONF.host_tasks.poll_interval)
        if found.others:
            self.run.pause(CONF.host_tasks.poll_interval)
            self._empty()

    def _empty(self) -> Collection[str]:
        """Move the servers on the host, and those that arrive meanwhile.

        :returns: ids of the servers that stay
        """
        while True:
            mover.Mover(self.run, self.tools, DRAIN_ACTIONS,
                        source=self.run.host,
                        seen_at=self._early.seen_at).drive()
            known = {item.object_id: item
                     for item in self.run.items(MoveItem)}
            present = {server.id: server for server in
                       self.tools.nova.servers_on(self.run.host)}
            changed = [known[key] for key, server in present.items()
                       if key in known
                       and _has_changed(known[key], server)]
            for item in changed:
                self._decide_again(item)
            new = not present.keys() <= known.keys()
            if new:
                plan_moves(self)
            if not (new or changed):
                return present.keys()

    def _decide_again(self, item: MoveItem) -> None:
        """Let a server be looked at again that has changed since it failed."""
        item.state, item.wait = ItemState.PENDING, True
        item.waiting_since = clock.utcnow()
        self.run.save(item)


def _has_changed(item: MoveItem, server: nova_records.Server) -> bool:
    """Tell whether a failed server is no longer as it was when it failed.

    For example, its resize was reverted, or it was suspended and has been
    resumed.
    """
    in_error = item.in_error and server.status == 'ERROR'
    return (item.state == ItemState.FAILED and not in_error
            and server.task_state is None
            and task_items.has_changed(item, server))


class EvacuateServers(_PlanStep):
    """Rebuild the servers on other hosts, by priority."""

    def do(self) -> None:
        mover.Mover(self.run, self.tools,
                    frozenset((Action.EVACUATE,)), source=self.run.host,
                    seen_at=self._early.seen_at).drive()

    def undo(self, causes: list[failure.Failure]) -> None:
        """Remove our locks that are left, whatever the failure."""
        for item in self.run.items(MoveItem):
            if not item.lock or not item.attempts:
                continue
            try:
                nova_requests.unlock(self.run, self.tools.nova,
                                     self.tools.nova.server(item.object_id))
            except exception.CloudManagerException as exc:
                LOG.error('Server %(server)s may still be locked by task '
                          '%(task)s: %(why)s', {
                              'server': item.object_id,
                              'task': self.run.task_id, 'why': exc})


class Fence(HostStep):
    """Make sure that the host is off.

    :param early: the plan, which is made in the meantime
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 early: early_plan.EarlyPlan | None = None) -> None:
        super().__init__(run, tools)
        self._early = early or early_plan.EarlyPlan()

    def do(self) -> None:
        self.run.checkpoint()
        params, memory = self.run.params, self.memory
        if not memory.fenced:
            # If the fence was begun already, the checks are over: Nova takes
            # a host for up for some time after its power was cut. They are
            # left out for tasks of older versions, too, whose requests had
            # no field ``force``.
            new = 'force' in params and not memory.fence_begun
            if new:
                self._check_down()
            self._early.begin(self.tools, 'evacuate', self.run.host,
                              params)
            if new:
                self._check_rebuilds()
                memory.fence_begun = True
                self.run.keep(memory)
        fencing.fence(self.run, self.tools)

    def _check_down(self) -> None:
        """Check once more, right before the fence, that the host is down.

        :raises HostIsUp: it is not
        """
        params = self.run.params
        if not (params['force'] or params.get('fenced')):
            service = compute_services.of_host(self.tools.nova,
                                               self.run.host)
            if liveness.is_up(self.tools.nova, service,
                              self.memory.silent_for,
                              pause=self.run.pause):
                raise liveness.refusal(self.run.host, [])

    def _check_rebuilds(self) -> None:
        """Check that something can be rebuilt before guests lose their power.

        The guests may still run: perhaps Nova only has lost sight of the
        host.

        :raises TaskFailed: no server can be rebuilt without losing data
        """
        host, params = self.run.host, self.run.params
        # If the power is off already, going on does no harm. The whole plan
        # is waited for only if a quick look does not settle the question.
        if params.get('fenced') or not plans.stay_at_a_glance(
                self.tools, host, params):
            return
        plan = self._early.wait() or plans.make_plan(
            self.tools, 'evacuate', host, params)
        if not plans.stay_for_data(plan.servers):
            return
        add_planned(self, plan)
        raise exception.TaskFailed(
            reason=f'Host {host} is not fenced, since no server on it can '
                   'be rebuilt; ' + _names(host, [
                       item for item in self.run.items(MoveItem)
                       if item.state == ItemState.FAILED]))


class ForceDown(HostStep):
    """Tell Nova that the host is dead."""

    def do(self) -> None:
        fencing.force_down(self.run, self.tools)


class VerifyItems(HostStep):
    """End the task as failed, and name them, if any server failed."""

    def do(self) -> None:
        items = self.run.items(MoveItem)
        for item in items:
            if item.state in (ItemState.PENDING, ItemState.FAILED):
                self._judge(item)
        failed = [item for item in items if item.state == ItemState.FAILED]
        moved = sum(item.state == ItemState.DONE for item in items)
        self.run.result = (f'{moved} of {len(items)} server(s) moved from '
                           f'{self.run.host}{_deleting(items)}'
                           f'{budgets.told(items)}{self._unbuilt(items)}')
        if failed:
            raise exception.TaskFailed(reason=_names(self.run.host, failed))

    def _unbuilt(self, items: list[MoveItem]) -> str:
        """Name servers that a host which is off was to build.

        Nova does not evacuate what has never been on a host.

        :returns: the end of a sentence
        """
        if not self.memory.fenced:
            return ''
        try:
            found = allocations.Allocations(
                self.tools, self.run.host, self.memory.providers).read(
                    {item.object_id for item in items})
        except exception.CloudUnreachable as exc:
            LOG.warning('Whether servers were to be built on host %(host)s '
                        'is not known: %(why)s', {'host': self.run.host,
                                                  'why': exc})
            return ''
        names = [f'{server.name} ({server.id})' for server in found.coming
                 if server.host is None]
        if not names:
            return ''
        return (f'; {len(names)} server(s) that it was about to build stay '
                'in BUILD, delete them and create them anew: '
                + ', '.join(names))

    def _judge(self, item: MoveItem) -> None:
        """Look once more: a move that failed may have ended well since."""
        server = self.tools.nova.server(item.object_id)
        if server is None or (server.status in verdicts.GONE
                              and server.status != item.status):
            item.state, item.error = (
                ItemState.SKIPPED, 'The server was deleted.')
        elif verdicts.moved_away(server, self.run.host):
            nova_requests.unlock(self.run, self.tools.nova, server)
            item.state, item.error = ItemState.DONE, None
            item.destination = server.host
        elif item.state == ItemState.PENDING:
            # No allowed action was left to try.
            item.state = ItemState.FAILED
            item.error = item.error or 'no allowed action is left'
        else:
            return
        self.run.save(item)


def _deleting(found: list[MoveItem]) -> str:
    """Name the servers whose deletion hangs, as the end of a sentence."""
    names = [f'{item.name} ({item.object_id})' for item in found
             if item.deleting]
    if not names:
        return ''
    return (f'; the deletion of {len(names)} does not end, which does not '
            f'count as a failure: {", ".join(names)}')


def _names(host: str, failed: list[MoveItem]) -> str:
    listed = '; '.join(f'{item.name} ({item.object_id}): {item.error}'
                       for item in failed)
    return f'{len(failed)} server(s) of {host} failed: {listed}'


class PowerOffHost(HostStep):
    """Switch the empty host off, soft first."""

    def do(self) -> None:
        if self.memory.fenced:
            return
        self.run.checkpoint()
        node = self.tools.power.node_of_host(self.run.context,
                                             self.run.host)
        if node is None:
            raise exception.TaskFailed(
                reason=f'Host {self.run.host} is empty and disabled, but no '
                       'power control is assigned to switch it off.')
        occupancy.check_out_of_use(self.run, self.tools)
        self.tools.power.switch_off(node, self.run)
