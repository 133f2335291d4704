# SPDX-License-Identifier: Apache-2.0
"""What is declared of each kind of task."""

from collections.abc import Callable
import dataclasses

from taskflow import flow as tf_flow

from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.engine.run import Run
from cloudmanager.conductor.tools import Tools

Build = Callable[[Run, Tools], tf_flow.Flow]


@dataclasses.dataclass(frozen=True)
class Action:
    """A kind of task.

    :ivar flow: makes the flow of a run
    :ivar check: asked before there is a task whether it can be begun; its
        parameters are those of the functions in ``hosts.checks``,
        ``servers.checks`` or ``agents.checks``
    :ivar needs_cloud: false for those that work where none is configured, at
        least in some cases
    """

    flow: Build
    check: Callable[..., JsonObject] | None = None
    needs_cloud: bool = True
