# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions on single servers."""

from taskflow.patterns import linear_flow

from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.flows.action import Action
from cloudmanager.conductor.servers import checks
from cloudmanager.conductor.steps import balance_server as balance
from cloudmanager.conductor.steps import clones
from cloudmanager.conductor.steps import fix_server as fix
from cloudmanager.conductor.tools import Tools


def balance_server(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Move a server to a host with less load."""
    return linear_flow.Flow('server.balance').add(
        balance.BalanceServer(run, tools))


def fix_server(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Recover, repair, reset or wake up a server."""
    return linear_flow.Flow(run.name).add(fix.FixServer(run, tools))


def clone_server(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Make copies of a server with its volumes."""
    return linear_flow.Flow('server.clone').add(
        clones.PlanClones(run, tools),
        clones.TakeSnapshots(run, tools),
        clones.MakeClones(run, tools),
        clones.ClearUp(run, tools),
        clones.VerifyClones(run, tools))


#: By the names of tasks.
ACTIONS = {
    'server.balance': Action(balance_server, checks.balance),
    'server.clone': Action(clone_server, checks.clone),
    **{name: Action(fix_server, checks.fix(name)) for name in (
        'server.recover', 'server.repair', 'server.reset-reboot',
        'server.wakeup')},
}
