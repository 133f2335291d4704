# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions on hosts."""

from taskflow.patterns import linear_flow

from cloudmanager.common import exception
from cloudmanager.conductor.agents import binding
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.flows.action import Action
from cloudmanager.conductor.hosts import checks
from cloudmanager.conductor.moves import early_plan
from cloudmanager.conductor.steps import binding as binding_steps
from cloudmanager.conductor.steps import decommission as decommission_steps
from cloudmanager.conductor.steps import hosts
from cloudmanager.conductor.steps import leftovers
from cloudmanager.conductor.steps import restart as restart_steps
from cloudmanager.conductor.steps import rolling_restart
from cloudmanager.conductor.steps.base import Step
from cloudmanager.conductor.tools import Tools


def _empty(run: engine_run.Run, tools: Tools,
           early: early_plan.EarlyPlan | None = None) -> tuple[Step, ...]:
    """Return the steps that bring all servers off a disabled host."""
    return (hosts.PlanMoves(run, tools, early),
            hosts.MoveServers(run, tools, early),
            leftovers.EvacuateLeftovers(run, tools),
            hosts.VerifyItems(run, tools))


def shutdown(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Empty a host that is up and switch it off."""
    early = early_plan.EarlyPlan()
    return linear_flow.Flow('host.shutdown').add(
        hosts.DisableHost(run, tools, hosts.BEFORE_IT_BEGAN, early),
        *_empty(run, tools, early),
        hosts.PowerOffHost(run, tools))


def evacuate(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Rebuild the servers of a dead host on other hosts."""
    early = early_plan.EarlyPlan()
    return linear_flow.Flow('host.evacuate').add(
        hosts.DisableHost(run, tools, (
            *hosts.BEFORE_IT_BEGAN, exception.HostNotFenced,
            exception.HostIsUp)),
        hosts.Fence(run, tools, early),
        hosts.ForceDown(run, tools),
        hosts.PlanEvacuation(run, tools, early),
        hosts.EvacuateServers(run, tools, early),
        hosts.VerifyItems(run, tools))


def restart(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Empty a host that is up, restart it, and put it back into use."""
    early = early_plan.EarlyPlan()
    return linear_flow.Flow('host.restart').add(
        hosts.DisableHost(run, tools, hosts.ANY_FAILURE, early),
        *_empty(run, tools, early),
        restart_steps.ResetHost(run, tools),
        restart_steps.AwaitHost(run, tools),
        restart_steps.EnableHost(run, tools),
        restart_steps.ReturnServers(run, tools))


def restart_many(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Restart hosts, one or a few at a time."""
    return linear_flow.Flow('hosts.restart').add(
        rolling_restart.RollingRestart(run, tools))


def decommission(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Empty a host that is up and remove it from the cloud.

    If an earlier attempt has already removed the host from Nova, only its
    remains are removed.
    """
    flow = linear_flow.Flow('host.decommission').add(
        decommission_steps.FindHost(run, tools))
    if not run.params.get('service_gone'):
        flow.add(
            hosts.DisableHost(run, tools, hosts.ANY_FAILURE),
            decommission_steps.AwaitMigrations(run, tools),
            *_empty(run, tools),
            decommission_steps.SwitchOff(run, tools),
            decommission_steps.RemoveService(run, tools))
    return flow.add(decommission_steps.CleanUp(run, tools))


def attach(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Bind nodes to a virtual controller."""
    return linear_flow.Flow('hosts.attach').add(
        binding_steps.BindNodes(run, tools))


def detach(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Release nodes from a virtual controller."""
    return linear_flow.Flow('hosts.detach').add(
        binding_steps.ReleaseNodes(run, tools))


#: By the names of tasks.
ACTIONS = {
    'host.shutdown': Action(shutdown, checks.shutdown),
    'host.evacuate': Action(evacuate, checks.evacuate),
    'host.decommission': Action(decommission, checks.decommission),
    # A part of a task on several hosts, which has its own check.
    'host.restart': Action(restart),
    'hosts.restart': Action(restart_many, checks.restart),
    'hosts.attach': Action(attach, binding.attach),
    'hosts.detach': Action(detach, binding.detach),
}
