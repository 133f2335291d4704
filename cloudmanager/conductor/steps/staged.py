# SPDX-License-Identifier: Apache-2.0
"""Moves with fixed destinations, stage by stage."""

import abc

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.moves import fleet
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.steps import base
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning.terms import Action

ACTIONS = frozenset((Action.LIVE, Action.COLD))
UNENDED = (ItemState.PENDING, ItemState.RUNNING)


class StagedMoves(base.Step):
    """A step that makes the moves of its task's items.

    Right before each stage its moves are looked at once more, and those that
    do not fit any more are left out.
    """

    def items(self) -> list[MoveItem]:
        """Return the moves, as they are in the database."""
        return self.run.items(MoveItem)

    def plan(self, moves: list[MoveItem]) -> None:
        """Write down what is to be moved.

        A server may have been moved a moment ago; that request is not to be
        taken for ours.
        """
        for item in moves:
            if item.state == ItemState.PENDING:
                newest = next(iter(self._asked(item.object_id)), None)
                item.known_request = newest.request_id if newest else None
        self.run.add_items(moves)

    def _asked(self, server_id: str) -> list[nova_records.Action]:
        try:
            return self.tools.nova.actions(server_id)
        except exception.NotFound:
            # Its move will tell that it is gone.
            return []

    def move_all(self) -> None:
        """Make all moves that have not ended yet."""
        for stage in sorted({item.stage for item in self.items()}):
            self._move(stage)

    def hold_back(self, items: list[MoveItem]) -> None:
        """End those moves that must not be begun any more."""

    @abc.abstractmethod
    def problems(self, items: list[MoveItem]) -> dict[str, str]:
        """Return why moves cannot be made now, by server."""

    def _move(self, stage: int) -> None:
        """Carry out the moves of one stage that have not ended yet."""
        items = [item for item in self.items()
                 if item.stage == stage and item.state in UNENDED]
        self.hold_back(items)
        self._look_again([item for item in items
                          if item.state == ItemState.PENDING])
        left = {item.object_id for item in items if item.state in UNENDED}
        if left:
            fleet.Fleet(self.run, self.tools, ACTIONS, left).drive()

    def _look_again(self, items: list[MoveItem]) -> None:
        """Give up moves that do not fit the cloud as it is now."""
        if not items or self.run.guard():
            # What is cancelled is not begun anyway.
            return
        problems = self.problems(items)
        for item in items:
            holder = db_tasks.find_mover(self.run.context, item.object_id,
                                         self.run.task_id)
            if holder is not None:
                problems[item.object_id] = f'task {holder["id"]} acts on it'
            if item.object_id in problems:
                item.state = ItemState.FAILED
                item.error = f'not moved: {problems[item.object_id]}'
                self.run.save(item)
