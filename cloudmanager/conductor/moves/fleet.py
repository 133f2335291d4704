# SPDX-License-Identifier: Apache-2.0
"""Moves servers off several hosts at the same time, in one loop.

Each host has a mover of its own, because Nova is asked about one host at a
time. All movers share the limits of the task and the threads that ask Nova.
"""

from collections.abc import Collection

from cloudmanager.common import exception
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.tools import Tools
from cloudmanager.planning.terms import Action


class Fleet:
    """Drives items of a task whose servers are on different hosts.

    :param actions: the actions that are allowed
    :param only: ids of the servers that are moved
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 actions: frozenset[Action], only: Collection[str]) -> None:
        self._run = run
        flight = mover.Flight(run)
        self._calls = flight.calls
        sources = sorted({
            item.source for item in run.items(MoveItem)
            if item.source and item.object_id in only})
        self._movers = [
            mover.Mover(run, tools, actions, source=source, only=only,
                        flight=flight) for source in sources]

    def drive(self) -> None:
        """Move servers until nothing is left to do.

        :raises TaskCancelled: a user has cancelled, and all moves have ended
        :raises HandOver: this conductor must stop
        """
        for one in self._movers:
            one.begin()
        with self._calls:
            while self._round():
                self._calls.pause(min(
                    one.until_look() for one in self._movers))
        if any(one.cancelled for one in self._movers):
            raise exception.TaskCancelled(task=self._run.task_id)

    def _round(self) -> bool:
        """Take every move one step further; false when all are over."""
        for one in self._movers:
            one.heed()
        for server_id, take in self._calls.ended():
            next(one for one in self._movers
                 if one.has(server_id)).collect(server_id, take)
        # Each of them, whatever the first ones answer.
        return any([one.step() for one in self._movers])
