# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions on hosts."""

from typing import Any

from taskflow.patterns import linear_flow

from cloudmanager.conductor.tasks import host


def shutdown(run: Any, tools: Any) -> linear_flow.Flow:
    """Empty a living host and switch it off."""
    return linear_flow.Flow('host.shutdown').add(
        host.DisableHost(run, tools),
        host.PlanMoves(run, tools),
        host.MoveServers(run, tools),
        host.EvacuateLeftovers(run, tools),
        host.VerifyItems(run, tools),
        host.PowerOffHost(run, tools))


def evacuate(run: Any, tools: Any) -> linear_flow.Flow:
    """Bring the servers of a dead host back elsewhere."""
    return linear_flow.Flow('host.evacuate').add(
        host.DisableHost(run, tools),
        host.Fence(run, tools),
        host.ForceDown(run, tools),
        host.PlanEvacuation(run, tools),
        host.EvacuateServers(run, tools),
        host.VerifyItems(run, tools))
