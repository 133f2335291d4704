# SPDX-License-Identifier: Apache-2.0
"""Flows of the actions on tasks."""

from taskflow.patterns import linear_flow

from cloudmanager.conductor.audits import checks
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.flows.action import Action
from cloudmanager.conductor.steps import undo_moves
from cloudmanager.conductor.tools import Tools


def undo(run: engine_run.Run, tools: Tools) -> linear_flow.Flow:
    """Bring servers back to where they were before another task."""
    return linear_flow.Flow('task.undo').add(
        undo_moves.UndoMoves(run, tools))


#: By the names of tasks.
ACTIONS = {'task.undo': Action(undo, checks.undo)}
