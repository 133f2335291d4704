# SPDX-License-Identifier: Apache-2.0
"""Flows of the power actions on nodes and outputs."""

from taskflow.patterns import linear_flow

from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.flows.action import Action
from cloudmanager.conductor.steps import power
from cloudmanager.conductor.tools import Tools


def node_power(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Switch a node on, off, or reset it, and confirm it."""
    return linear_flow.Flow('node.power').add(
        power.SwitchNode(run, tools))


def switch_nodes(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Switch or reset several nodes at the same time."""
    return linear_flow.Flow(run.name).add(power.SwitchNodes(run, tools))


def output_power(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Switch an output of a device, and confirm it."""
    return linear_flow.Flow('output.power').add(
        power.SwitchOutput(run, tools))


#: By the names of tasks.
ACTIONS = {
    'node.power': Action(node_power, needs_cloud=False),
    'nodes.power': Action(switch_nodes, needs_cloud=False),
    'nodes.reset': Action(switch_nodes, needs_cloud=False),
    'output.power': Action(output_power, needs_cloud=False),
}
