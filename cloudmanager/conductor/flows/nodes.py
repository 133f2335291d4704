# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions that the agents of nodes carry out."""

from taskflow.patterns import linear_flow

from cloudmanager.conductor.agents import checks
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.flows.action import Action
from cloudmanager.conductor.steps import locks
from cloudmanager.conductor.steps import nodes
from cloudmanager.conductor.steps import targets
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import checks as volume_checks


def set_mode(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Set modes of a node to their desired values."""
    return linear_flow.Flow('node.set_mode').add(nodes.SetModes(run, tools))


def update_system(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Upgrade the packages of a node."""
    return linear_flow.Flow('node.update_system').add(
        nodes.UpdateSystem(run, tools))


def attach_targets(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Attach targets of storages to a node."""
    return linear_flow.Flow('node.attach_targets').add(
        targets.AttachTargets(run, tools))


def repair_locks(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Free the locks of dead hosts that keep a node from volumes."""
    return linear_flow.Flow('node.repair_locks').add(
        locks.RepairLocks(run, tools))


#: By the names of tasks.
ACTIONS = {
    'node.set_mode': Action(set_mode, checks.set_mode, needs_cloud=False),
    'node.attach_targets': Action(attach_targets, checks.attach_targets,
                                  needs_cloud=False),
    'node.repair_locks': Action(repair_locks, volume_checks.repair_locks,
                                needs_cloud=False),
    # Nova is only needed if the node is a compute host.
    'node.update_system': Action(update_system, checks.update_system,
                                 needs_cloud=False),
}
