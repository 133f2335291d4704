# SPDX-License-Identifier: Apache-2.0
"""Flows of the power actions on nodes and outputs."""

from typing import Any

from taskflow.patterns import linear_flow

from cloudmanager.conductor.steps import power


def node_power(run: Any, tools: Any) -> linear_flow.Flow:
    """Switch a node on, off, or reset it, and confirm it."""
    return linear_flow.Flow('node.power').add(
        power.SwitchNode(run, tools))


def switch_nodes(run: Any, tools: Any) -> linear_flow.Flow:
    """Switch or reset several nodes at the same time."""
    return linear_flow.Flow(run.name).add(power.SwitchNodes(run, tools))


def output_power(run: Any, tools: Any) -> linear_flow.Flow:
    """Switch an output of a device, and confirm it."""
    return linear_flow.Flow('output.power').add(
        power.SwitchOutput(run, tools))
