# SPDX-License-Identifier: Apache-2.0
"""Flows of the power actions on nodes."""

from typing import Any

from taskflow.patterns import linear_flow

from cloudmanager.conductor.tasks import power


def node_power(run: Any, tools: Any) -> linear_flow.Flow:
    """Switch a node on, off, or reset it, and confirm it."""
    return linear_flow.Flow('node.power').add(
        power.SwitchNode(run, tools))
