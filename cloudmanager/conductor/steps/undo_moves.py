# SPDX-License-Identifier: Apache-2.0
"""Brings servers back to where they were before another task."""

from cloudmanager.common import exception
from cloudmanager.conductor.audits import application
from cloudmanager.conductor.moves import budgets
from cloudmanager.conductor.moves import way_back
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.steps import staged
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState


class UndoMoves(staged.StagedMoves):
    """Bring back the servers that a task has moved, as far as they can."""

    def do(self) -> None:
        if not self.items():
            self.run.checkpoint()
            self.plan(self._planned())
        self.move_all()
        self._end()

    def problems(self, items: list[MoveItem]) -> dict[str, str]:
        return way_back.problems(self.tools, items)

    def _planned(self) -> list[MoveItem]:
        plan = way_back.make(self.run.context, self.tools,
                             self.run.params['task_id'])
        why = f'It was there before task {plan.task_id}.'
        moves = [application.item_of({
            'server_id': move.server_id, 'server_name': move.name,
            'action': move.action, 'source': move.source,
            'destination': move.destination, 'stage': move.stage,
            'group_id': plan.cloud.servers[move.server_id].group_id,
            'size_mb': plan.cloud.servers[move.server_id].size_mb,
            'reason': why}, plan.cloud.servers[move.server_id])
            for move in plan.moves]
        return moves + [MoveItem(
            kind=ItemKind.SERVER, object_id=one.server_id, name=one.name,
            state=ItemState.FAILED if one.wanted else ItemState.SKIPPED,
            error=one.reason) for one in plan.left]

    def _end(self) -> None:
        """Tell what has come back, and what has not.

        :raises TaskFailed: something that should have has not
        """
        items = self.items()
        done = sum(item.state == ItemState.DONE for item in items)
        named = '; '.join(
            f'{item.name} ({item.object_id}): {item.error}' for item in items
            if item.state != ItemState.DONE)
        text = (f'{done} of {len(items)} servers are back'
                f'{budgets.told(items)}')
        text += f'. Not brought back: {named}.' if named else '.'
        if any(item.state == ItemState.FAILED for item in items):
            raise exception.TaskFailed(reason=text)
        self.run.result = text
