# SPDX-License-Identifier: Apache-2.0
"""Things of the cloud that a task creates, each once.

What is about to be created is written down before it is asked for, with the
mark by which it is found again: its description or name has the id of the
task. Whoever finds such a line without the thing's id looks for the thing
before it asks again.
"""

from collections.abc import Callable

from oslo_config import cfg

from cloudmanager.clients import retry
from cloudmanager.common import clock
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.clones import Line

CONF = cfg.CONF


def mark(run: engine_run.Run, key: str) -> str:
    """Return the description by which a thing is known again.

    :param key: what it is, among the things of the task
    """
    return f'cloudmanager task {run.task_id}: {key}'


class Book:
    """The lines of one owner, the task or one of its items.

    :param lines: those of the owner's record, by key; changed in place
    :param store: writes the record down
    """

    def __init__(self, run: engine_run.Run, lines: dict[str, Line],
                 store: Callable[[], None]) -> None:
        self._run = run
        self._store = store
        self.lines = lines

    def is_open(self, key: str) -> bool:
        """Tell whether a thing was asked for, and may be there."""
        line = self.lines.get(key)
        return line is not None and not line.gone

    def identify(self, key: str,
                 find: Callable[[], str | None]) -> str | None:
        """Return the id of a thing that was asked for.

        :param find: looks for it by its mark
        """
        line = self.lines[key]
        if line.id is None:
            found = find()
            if found is not None:
                line.id = found
                self._store()
        return line.id

    def id_of(self, key: str) -> str:
        """Return the id of a thing that is known to be there.

        :raises ValueError: its id is not known
        """
        found = self.lines[key].id
        if found is None:
            raise ValueError(f'The id of {key} is not known.')
        return found

    def is_settled(self, key: str) -> bool:
        """Tell whether a thing that is not found will not come any more."""
        return (clock.seconds_since(self.lines[key].at)
                >= float(CONF.server_tasks.create_grace))

    def close(self, key: str) -> None:
        """Note that a thing is gone, or never was."""
        self.lines[key].gone = True
        self._store()

    def ensure(self, key: str, find: Callable[[], str | None],
               create: Callable[[], str]) -> str | None:
        """Have a thing created once.

        :param find: looks for it by its mark
        :param create: asks for it
        :returns: its id; ``None`` while it is not known whether it is there
        :raises CloudRequestRefused: it was refused
        :raises CloudUnreachable: it may be there; ask again later
        """
        if key in self.lines:
            found = self.identify(key, find)
            if found is not None or not self.is_settled(key):
                return found
        line = self.lines[key] = Line(at=clock.utcnow())
        self._store()
        self._run.guard()
        line.id = retry.only_while(self._run.is_owned, create)
        self._store()
        return line.id
