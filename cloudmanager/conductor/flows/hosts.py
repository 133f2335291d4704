# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions on hosts."""


from taskflow.patterns import linear_flow

from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import early_plan
from cloudmanager.conductor.steps import decommission as away
from cloudmanager.conductor.steps import hosts
from cloudmanager.conductor.steps import leftovers
from cloudmanager.conductor.steps import restart as again
from cloudmanager.conductor.steps import roll_hosts
from cloudmanager.conductor.tools import Tools


def shutdown(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Empty a living host and switch it off."""
    return linear_flow.Flow('host.shutdown').add(
        hosts.DisableHost(run, tools, hosts.BEFORE_IT_BEGAN),
        hosts.PlanMoves(run, tools),
        hosts.MoveServers(run, tools),
        leftovers.EvacuateLeftovers(run, tools),
        hosts.VerifyItems(run, tools),
        hosts.PowerOffHost(run, tools))


def evacuate(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Bring the servers of a dead host back elsewhere."""
    early = early_plan.EarlyPlan()
    return linear_flow.Flow('host.evacuate').add(
        hosts.DisableHost(run, tools, (
            *hosts.BEFORE_IT_BEGAN, exception.HostNotFenced,
            exception.HostIsUp)),
        hosts.Fence(run, tools, early),
        hosts.ForceDown(run, tools),
        hosts.PlanEvacuation(run, tools, early),
        hosts.EvacuateServers(run, tools),
        hosts.VerifyItems(run, tools))


def restart(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Empty a living host, restart it, and take it into use again."""
    return linear_flow.Flow('host.restart').add(
        hosts.DisableHost(run, tools, hosts.ANY_FAILURE),
        hosts.PlanMoves(run, tools),
        hosts.MoveServers(run, tools),
        leftovers.EvacuateLeftovers(run, tools),
        hosts.VerifyItems(run, tools),
        again.ResetHost(run, tools),
        again.AwaitHost(run, tools),
        again.EnableHost(run, tools),
        again.ReturnServers(run, tools))


def restart_many(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Restart hosts, one or some at a time."""
    return linear_flow.Flow('hosts.restart').add(
        roll_hosts.RollHosts(run, tools))


def decommission(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Empty a living host and take it out of the cloud.

    Of one that Nova has forgotten already, by an earlier attempt, only the
    remains are removed.
    """
    flow = linear_flow.Flow('host.decommission').add(
        away.FindHost(run, tools))
    if not run.params.get('service_gone'):
        flow.add(
            hosts.DisableHost(run, tools, hosts.ANY_FAILURE),
            away.AwaitMigrations(run, tools),
            hosts.PlanMoves(run, tools),
            hosts.MoveServers(run, tools),
            leftovers.EvacuateLeftovers(run, tools),
            hosts.VerifyItems(run, tools),
            away.SwitchOff(run, tools),
            away.RemoveService(run, tools))
    return flow.add(away.CleanUp(run, tools))
