# SPDX-License-Identifier: Apache-2.0
"""Steps on a compute host: disable, plan, move, fence, power, verify."""

import dataclasses
import re
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.tasks import ahead
from cloudmanager.conductor.tasks import alive
from cloudmanager.conductor.tasks import items as task_items
from cloudmanager.conductor.tasks import moves
from cloudmanager.conductor.tasks import observe
from cloudmanager.conductor.tasks import plans
from cloudmanager.conductor.tasks import requests
from cloudmanager.conductor.tasks import services
from cloudmanager.conductor.tasks.base import Step
from cloudmanager.conductor.tasks.base import Tools
from cloudmanager.db import tasks as db_tasks
from cloudmanager.planning import plan as planning_plan

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

DRAIN_ACTIONS = frozenset((observe.LIVE, observe.COLD, observe.OFFLOAD))
EMPTY_READINGS = 2
# Characters of Nova's disabled_reason.
MAX_REASON = 255
# How reasons begin that tasks leave which have failed.
_LEFT = re.compile(r'cloudmanager: \S+, task \S+ failed: ')
# Tasks that enable a host again whatever made them fail.
LEFT_AS_FOUND = ('host.restart', 'host.decommission')


def service_of(step: Step) -> Any:
    """Return the Nova service of the task's host.

    :raises HostNotFound: there is none
    """
    service = step.tools.nova.service(step.run.host)
    if service is None:
        raise exception.HostNotFound(host=step.run.host)
    return service


class DisableHost(Step):
    """Keep new servers off the host, and remember how it was."""

    def do(self) -> None:
        self.run.checkpoint()
        service = service_of(self)
        if 'was_enabled' not in self.run.memory:
            # The time of the last heartbeat is lost when it is disabled.
            self.run.remember(was_enabled=service.status == 'enabled',
                              reason_before=service.disabled_reason,
                              silent_for=alive.silent_for(service))
        if service.status == 'enabled' or is_left(service.disabled_reason):
            services.disable(self.tools.nova, service, self._reason(),
                             self.run.guard)
            services.note(self.run.context, dataclasses.replace(
                service, status='disabled'))

    def _reason(self) -> str:
        return f'cloudmanager: {self.run.name}, task {self.run.task_id}'

    def undo(self, causes: list[Any]) -> None:
        """Enable the host again where nothing bad can come of it."""
        memory = self.run.memory
        service = self.tools.nova.service(self.run.host)
        if service is None or service.disabled_reason != self._reason():
            return
        if (memory.get('fenced') or memory.get('no_return')
                or not memory.get('was_enabled')
                or not self._is_harmless(causes)):
            services.disable(self.tools.nova, service, failure_reason(
                self._reason(), causes, bool(memory.get('fenced'))))
        else:
            self.tools.nova.enable_service(service.id)

    def _is_harmless(self, causes: list[Any]) -> bool:
        """Tell whether the host is as good as before the task.

        A restart or decommission that does not come about leaves the host
        as it was. A shutdown that left servers behind keeps it disabled:
        the operator decides.
        """
        if self.run.name in LEFT_AS_FOUND:
            return True
        harmless: list[type[Exception]] = [exception.TaskCancelled,
                                           exception.NoPlace]
        if self.run.name == 'host.evacuate':
            harmless += [exception.HostNotFenced, exception.HostIsUp]
        return bool(causes) and all(cause.check(*harmless)
                                    for cause in causes)


def is_left(reason: str | None) -> bool:
    """Tell whether a reason is what a task that failed has left."""
    return bool(_LEFT.match(reason or ''))


def failure_reason(reason: str, causes: list[Any], fenced: bool) -> str:
    """Return why a host stays disabled when its task has failed.

    It says what failed and what to do, in as many characters as Nova takes.

    :param reason: by which the task had disabled it
    :param fenced: whether the host was cut off
    """
    what = '; '.join(' '.join(cause.exception_str.split())
                     for cause in causes).rstrip('.') or 'it failed'
    advice = ('. Repeat it, or take the host back.' if fenced
              else '. Repeat it, or enable the host.')
    room = MAX_REASON - len(reason) - len(' failed: ') - len(advice)
    if len(what) > room:
        what = what[:room - 3].rstrip() + '...'
    return f'{reason} failed: {what}{advice}'


class PlanMoves(Step):
    """Write an item for each server on the host."""

    def do(self) -> None:
        self.run.checkpoint()
        plan = make_plan(self)
        if not self.run.items():
            # Others may have taken the places since the request.
            plans.check_places(plan, self.run.host, self.run.params)
        add_planned(self, plan)


class PlanEvacuation(Step):
    """Write an item for each server on the host, as planned early or now.

    :param early: may have been begun by an earlier step
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 early: ahead.EarlyPlan | None = None) -> None:
        super().__init__(run, tools)
        self._early = early or ahead.EarlyPlan()

    def do(self) -> None:
        self.run.checkpoint()
        host = self.run.host
        add_planned(self, self._early.take(self.tools, host)
                    or plans.make_plan(self.tools, 'evacuate', host,
                                       self.run.params))


def plan_moves(step: Step) -> None:
    """Add items for the servers on a living host that have none yet."""
    add_planned(step, make_plan(step))


def make_plan(step: Step) -> planning_plan.Plan:
    """Plan to empty the living host of a task."""
    return plans.make_plan(step.tools, 'drain', step.run.host,
                           step.run.params, step.run.task_id)


def add_planned(step: Step, plan: planning_plan.Plan) -> None:
    """Add items for the servers of a plan that have none yet."""
    step.run.add_items([plans.item_of(entry, step.run.params)
                        for entry in plan.servers])
    _wait_for_others(step)


def _wait_for_others(step: Step) -> None:
    """Let those servers wait that a task of their own acts on.

    Such a task writes first and looks then, as this one does: one of the
    two sees the other, whichever comes first.
    """
    waiting = {f'server:{item["object_id"]}': item
               for item in step.run.items()
               if item['state'] == db_tasks.ITEM_PENDING
               and item['kind'] == 'server'}
    holders = db_tasks.find_holders(step.run.context, waiting)
    for target, task_id in holders.items():
        item = waiting[target]
        step.run.update_item(item, memory={
            **item['memory'], 'wait': True, 'task': task_id})


class MoveServers(Step):
    """Empty the host, again and again until it is seen empty twice."""

    def do(self) -> None:
        for reading in range(EMPTY_READINGS):
            if reading:
                self.run.pause(CONF.host_tasks.poll_interval)
            self._empty()

    def _empty(self) -> None:
        """Move what is there, and what was built there meanwhile."""
        while True:
            moves.Mover(self.run, self.tools, DRAIN_ACTIONS).drive()
            known = {item['object_id']: item for item in self.run.items()}
            present = {server.id: server for server in
                       self.tools.nova.servers_on(self.run.host)}
            changed = [known[key] for key, server in present.items()
                       if key in known
                       and _failed_otherwise(known[key], server)]
            for item in changed:
                self._decide_anew(item)
            new = not present.keys() <= known.keys()
            if new:
                plan_moves(self)
            if not (new or changed):
                return

    def _decide_anew(self, item: dict[str, Any]) -> None:
        """Have a server looked at again that failed as something else."""
        self.run.update_item(item, state=db_tasks.ITEM_PENDING, memory={
            **item['memory'], 'wait': True,
            'waiting_since': clock.utcnow().isoformat()})


def _failed_otherwise(item: dict[str, Any], server: Any) -> bool:
    """Tell whether what a server failed by is no longer true of it.

    An old half came back, a suspended server was resumed.
    """
    in_error = item['memory'].get('in_error') and server.status == 'ERROR'
    return (item['state'] == db_tasks.ITEM_FAILED and not in_error
            and server.task_state is None
            and task_items.has_changed(item, server))


class EvacuateServers(Step):
    """Rebuild the servers elsewhere, by priority."""

    def do(self) -> None:
        moves.Mover(self.run, self.tools,
                    frozenset((observe.EVACUATE,))).drive()

    def undo(self, causes: list[Any]) -> None:
        """Remove locks of ours that are left, whatever went wrong."""
        for item in self.run.items():
            if not item['memory'].get('lock') or not item['attempts']:
                continue
            try:
                unlock(self, self.tools.nova.server(item['object_id']))
            except exception.CloudManagerException as exc:
                LOG.error('Server %(server)s may still be locked by task '
                          '%(task)s: %(why)s', {
                              'server': item['object_id'],
                              'task': self.run.task_id, 'why': exc})


def unlock(step: Step, server: Any) -> None:
    """Take our own lock off a server, never another one."""
    if (server is not None
            and server.locked_reason == requests.lock_reason(step.run)):
        step.run.guard()
        step.tools.nova.unlock(server.id)


def check_allowed(host: str) -> None:
    """Check that the configuration lets a host be evacuated.

    :raises Conflict: it does not
    """
    why = plans.forbidden(host)
    if why:
        raise exception.Conflict(reason=f'{why}.')


class Fence(Step):
    """Prove that the host is off.

    :param early: is begun meanwhile
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 early: ahead.EarlyPlan | None = None) -> None:
        super().__init__(run, tools)
        self._early = early or ahead.EarlyPlan()

    def do(self) -> None:
        self.run.checkpoint()
        params, memory = self.run.params, self.run.memory
        if not memory.get('fenced'):
            # A fence that was begun goes on: Nova takes a host for up for
            # some time after its power was cut. So do tasks of older
            # versions, whose requests could not say ``force``.
            new = 'force' in params and not memory.get('fence_begun')
            if new:
                self._check_down()
            self._early.begin(self.tools, self.run.host, params)
            if new:
                self._check_rebuilds()
                self.run.remember(fence_begun=True)
        fence(self)

    def _check_down(self) -> None:
        """Check once more, right before the fence, that the host is down.

        :raises HostIsUp: it is not
        """
        params = self.run.params
        if not (params['force'] or params.get('fenced')):
            if alive.is_up(self.tools.nova, service_of(self),
                           self.run.memory.get('silent_for'),
                           pause=self.run.pause):
                raise alive.refusal(self.run.host, [])

    def _check_rebuilds(self) -> None:
        """Check that something can be rebuilt before guests lose their power.

        They may still run on a host that is only out of Nova's sight.

        :raises TaskFailed: all servers have to stay for their data's sake
        """
        host, params = self.run.host, self.run.params
        # Where the power is off already nothing is lost by going on. All of
        # the plan is waited for only if a quick look does not settle it.
        if params.get('fenced') or not plans.stay_at_a_glance(
                self.tools, host, params):
            return
        plan = self._early.wait() or plans.make_plan(
            self.tools, 'evacuate', host, params)
        if not plans.stay_for_data(plan.servers):
            return
        add_planned(self, plan)
        raise exception.TaskFailed(
            reason=f'Host {host} is not fenced, as nothing on it can be '
                   'rebuilt; ' + _names(host, [
                       item for item in self.run.items()
                       if item['state'] == db_tasks.ITEM_FAILED]))


def fence(step: Step) -> None:
    """Switch the host off, or take an administrator's word for it.

    :raises HostNotFenced: there is no proof
    """
    if step.run.memory.get('fenced'):
        return
    if step.run.params.get('fenced'):
        believe(step)
        step.run.remember(fenced='administrator')
        return
    node = step.tools.power.node_of_host(step.run.context,
                                         step.run.host)
    if node is None:
        raise exception.HostNotFenced(
            host=step.run.host, reason='no power control is assigned to it')
    step.run.guard()
    try:
        step.tools.power.fence(node, step.run)
    except exception.CloudManagerException as exc:
        raise exception.HostNotFenced(host=step.run.host,
                                      reason=str(exc)) from exc
    step.run.remember(fenced='power')


def believe(step: Step) -> None:
    """Believe that the host is off, unless its heartbeat says otherwise."""
    service = service_of(step)
    if service.state != 'up' and not service.forced_down:
        return
    # One that was forced down reads as down, but its heartbeats are noted.
    seen = service.updated_at
    step.run.pause(CONF.host_tasks.heartbeat_silence)
    service = service_of(step)
    if service.updated_at != seen or (seen is None
                                      and service.state == 'up'):
        raise exception.HostNotFenced(
            host=step.run.host,
            reason='its nova-compute still sends heartbeats')


class ForceDown(Step):
    """Tell Nova that the host is dead."""

    def do(self) -> None:
        force_down(self)


def force_down(step: Step) -> None:
    """Force the Nova service down, once the host is fenced."""
    if not step.run.memory.get('fenced'):
        raise exception.HostNotFenced(host=step.run.host,
                                      reason='it was not fenced')
    service = service_of(step)
    if not service.forced_down:
        step.run.guard()
        step.run.remember(forced_down=True)
        step.tools.nova.force_down(service.id, True)


class VerifyItems(Step):
    """End the task as failed, and name them, if any server failed."""

    def do(self) -> None:
        items = self.run.items()
        for item in items:
            if item['state'] in (db_tasks.ITEM_PENDING,
                                 db_tasks.ITEM_FAILED):
                self._judge(item)
        failed = [item for item in items
                  if item['state'] == db_tasks.ITEM_FAILED]
        moved = sum(item['state'] == db_tasks.ITEM_DONE for item in items)
        self.run.result = (f'{moved} of {len(items)} server(s) moved from '
                           f'{self.run.host}{_deleting(items)}')
        if failed:
            raise exception.TaskFailed(reason=_names(self.run.host, failed))

    def _judge(self, item: dict[str, Any]) -> None:
        """Look once more: some failures turn out well, but late."""
        server = self.tools.nova.server(item['object_id'])
        if server is None or (server.status in observe.GONE
                              and server.status != item['memory']['status']):
            self.run.update_item(item, state=db_tasks.ITEM_SKIPPED,
                                 error='The server was deleted.')
        elif observe.came_through(server, self.run.host):
            unlock(self, server)
            self.run.update_item(item, state=db_tasks.ITEM_DONE, error=None,
                                 destination=server.host)
        elif item['state'] == db_tasks.ITEM_PENDING:
            # Nothing on its ladder was left that may be done.
            self.run.update_item(
                item, state=db_tasks.ITEM_FAILED,
                error=item['error'] or 'no allowed action is left')


def _deleting(found: list[dict[str, Any]]) -> str:
    """Return which servers are being deleted, as the end of a sentence."""
    names = [f'{item["name"]} ({item["object_id"]})' for item in found
             if item['memory'].get('deleting')]
    if not names:
        return ''
    return (f'; the deletion of {len(names)} does not end, which is no '
            f'failure of the move: {", ".join(names)}')


def _names(host: str, failed: list[dict[str, Any]]) -> str:
    listed = '; '.join(f'{item["name"]} ({item["object_id"]}): '
                       f'{item["error"]}' for item in failed)
    return f'{len(failed)} server(s) of {host} failed: {listed}'


class PowerOffHost(Step):
    """Switch the empty host off, soft first."""

    def do(self) -> None:
        if self.run.memory.get('fenced'):
            return
        self.run.checkpoint()
        node = self.tools.power.node_of_host(self.run.context,
                                             self.run.host)
        if node is None:
            self.run.remember(power='none')
            raise exception.TaskFailed(
                reason=f'Host {self.run.host} is empty and disabled, but no '
                       'power control is assigned to switch it off.')
        check_out_of_use(self)
        self.tools.power.switch_off(node, self.run)


def check_out_of_use(step: Step, *, deleting: bool = False) -> None:
    """Check right before its power is touched that nobody uses the host.

    :param deleting: servers whose deletion has not ended count as well; to
        lose their power does not harm them, but Nova keeps a host for them
    :raises TaskFailed: it is enabled, or not empty
    """
    host = step.run.host
    if service_of(step).status == 'enabled':
        raise exception.TaskFailed(
            reason=f'Host {host} was enabled by somebody meanwhile; it '
                   'stays on.')
    servers = [server for server in step.tools.nova.servers_on(host)
               if deleting or server.task_state not in observe.DELETING]
    for found, what in (
            (servers, 'is not empty'),
            (step.tools.nova.halves_on(host), 'has the old half of resizes '
             'that are not confirmed')):
        if found:
            raise exception.TaskFailed(
                reason=f'Host {host} {what}, it stays on: '
                       + ', '.join(server.id for server in found))
