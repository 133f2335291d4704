# SPDX-License-Identifier: Apache-2.0
"""The declaration of a kind of task."""

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

    :ivar flow: builds the flow of a run
    :ivar check: called before the task is created, to check that it can
        begin; its parameters are those of the functions in ``hosts.checks``,
        ``servers.checks`` or ``agents.checks``
    :ivar needs_cloud: false for a task that works without a configured
        cloud, at least in some cases
    """

    flow: Build
    check: Callable[..., JsonObject] | None = None
    needs_cloud: bool = True
