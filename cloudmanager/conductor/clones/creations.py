# SPDX-License-Identifier: Apache-2.0
"""Resources of the cloud that a task creates, each only once.

An entry is recorded before the request is sent. It has the mark by which the
resource can be found: a description or name that contains the task's id. A
conductor that finds an entry without a resource's id looks for the resource
before it sends the request again.
"""

from collections.abc import Callable

from oslo_config import cfg

from cloudmanager.clients import retry
from cloudmanager.common import clock
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.clones import Creation

CONF = cfg.CONF


def mark(run: engine_run.Run, key: str) -> str:
    """Return the description by which a resource can be found.

    :param key: which of the task's resources it is
    """
    return f'cloudmanager task {run.task_id}: {key}'


class CreationJournal:
    """The entries of one owner: the task or one of its items.

    :param entries: the entries in the owner's record, by key; changed in place
    :param store: saves the record
    """

    def __init__(self, run: engine_run.Run, entries: dict[str, Creation],
                 store: Callable[[], None]) -> None:
        self._run = run
        self._store = store
        self.entries = entries

    def is_open(self, key: str) -> bool:
        """Tell whether a resource was requested, and may exist."""
        entry = self.entries.get(key)
        return entry is not None and not entry.gone

    def identify(self, key: str,
                 find: Callable[[], str | None]) -> str | None:
        """Return the id of a resource that was requested.

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
        """Return the id of a resource that is known to exist.

        :raises ValueError: its id is not known
        """
        found = self.entries[key].id
        if found is None:
            raise ValueError(f'The id of {key} is not known.')
        return found

    def is_settled(self, key: str) -> bool:
        """Tell whether a resource that was not found can no longer appear."""
        return (clock.seconds_since(self.entries[key].at)
                >= float(CONF.server_tasks.create_grace))

    def close(self, key: str) -> None:
        """Record that a resource is gone, or was never created."""
        self.entries[key].gone = True
        self._store()

    def ensure(self, key: str, find: Callable[[], str | None],
               create: Callable[[], str]) -> str | None:
        """Have a resource created once.

        :param find: looks for it by its mark
        :param create: sends the request
        :returns: its id; ``None`` while it is unknown whether it exists
        :raises CloudRequestRefused: the service refused the request
        :raises CloudUnreachable: it may exist; call again later
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
