# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions on single servers."""

from typing import Any

from taskflow.patterns import linear_flow

from cloudmanager.conductor.tasks import balance
from cloudmanager.conductor.tasks import clone
from cloudmanager.conductor.tasks import treat


def balance_server(run: Any, tools: Any) -> linear_flow.Flow:
    """Move a server to a host with less load."""
    return linear_flow.Flow('server.balance').add(
        balance.BalanceServer(run, tools))


def treat_server(run: Any, tools: Any) -> linear_flow.Flow:
    """Recover, repair, reset or wake up a server."""
    return linear_flow.Flow(run.name).add(treat.TreatServer(run, tools))


def clone_server(run: Any, tools: Any) -> linear_flow.Flow:
    """Make copies of a server with its volumes."""
    return linear_flow.Flow('server.clone').add(
        clone.PlanClones(run, tools),
        clone.TakeSnapshots(run, tools),
        clone.MakeClones(run, tools),
        clone.ClearUp(run, tools),
        clone.VerifyClones(run, tools))
