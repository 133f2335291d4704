# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions on volumes."""

from taskflow.patterns import linear_flow

from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.flows.action import Action
from cloudmanager.conductor.steps import volumes
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import checks


def mirror(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Change the number of copies of a volume."""
    return linear_flow.Flow('volume.mirror').add(
        volumes.MirrorVolume(run, tools))


def pv_migrate(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Move the data of a volume off a physical volume."""
    return linear_flow.Flow('volume.pv-migrate').add(
        volumes.MigrateVolume(run, tools))


#: By the names of tasks.
ACTIONS = {
    'volume.mirror': Action(mirror, checks.mirror),
    'volume.pv-migrate': Action(pv_migrate, checks.pv_migrate),
}
