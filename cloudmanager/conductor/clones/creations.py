# SPDX-License-Identifier: Apache-2.0
"""Things of the cloud that a task creates, each once.

What is about to be created is written down before it is asked for, with the
mark by which it is found again: its description or name has the id of the
task. Whoever finds an entry without the thing's id looks for the thing before
it asks again.
"""

from collections.abc import Callable

from oslo_config import cfg

from cloudmanager.clients import retry
from cloudmanager.common import clock
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.clones import Creation

CONF = cfg.CONF


def mark(run: engine_run.Run, key: str) -> str:
    """Return the description by which a thing is known again.

    :param key: what it is, among the things of the task
    """
    return f'cloudmanager task {run.task_id}: {key}'


class CreationJournal:
    """The entries of one owner, the task or one of its items.

    :param entries: those of the owner's record, by key; changed in place
    :param store: writes the record down
    """

    def __init__(self, run: engine_run.Run, entries: dict[str, Creation],
                 store: Callable[[], None]) -> None:
        self._run = run
        self._store = store
        self.entries = entries

    def is_open(self, key: str) -> bool:
        """Tell whether a thing was asked for, and may be there."""
        entry = self.entries.get(key)
        return entry is not None and not entry.gone

    def identify(self, key: str,
                 find: Callable[[], str | None]) -> str | None:
        """Return the id of a thing that was asked for.

        :param find: looks for it by its mark
        """
        entry = self.entries[key]
        if entry.id is None:
            found = find()
            if found is not None:
                entry.id = found
                self._store()
        return entry.id

    def id_of(self, key: str) -> str:
        """Return the id of a thing that is known to be there.

        :raises ValueError: its id is not known
        """
        found = self.entries[key].id
        if found is None:
            raise ValueError(f'The id of {key} is not known.')
        return found

    def is_settled(self, key: str) -> bool:
        """Tell whether a thing that is not found will not come any more."""
        return (clock.seconds_since(self.entries[key].at)
                >= float(CONF.server_tasks.create_grace))

    def close(self, key: str) -> None:
        """Note that a thing is gone, or never was."""
        self.entries[key].gone = True
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
        if key in self.entries:
            found = self.identify(key, find)
            if found is not None or not self.is_settled(key):
                return found
        entry = self.entries[key] = Creation(at=clock.utcnow())
        self._store()
        self._run.guard()
        entry.id = retry.only_while(self._run.is_owned, create)
        self._store()
        return entry.id
