# SPDX-License-Identifier: Apache-2.0
"""The agents, as reports are compared with them.

Reports come all the time, and most have nothing new. So all agents are read
at once now and then instead of one for each report. Being a little behind
does no harm: what is kept of a report is decided by the database, and an
agent that is told a moment later what is wished of it is told all the same.
"""

import dataclasses
import threading

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.agents import contacts
from cloudmanager.db import agents as db_agents
from cloudmanager.db import availability_storages as db_storages
from cloudmanager.db.models import Row

#: Seconds after which the agents are read again.
MAX_AGE = 5.0


@dataclasses.dataclass(slots=True)
class Known:
    """An agent.

    :ivar row: as ``db.agents.list_contacts`` returns it
    :ivar storages: ``id`` and ``path`` of those that are assigned to its
        node; ``None`` if there is no such node
    :ivar digest: of what it reported last
    :ivar keys: by their ids
    """

    row: Row
    storages: list[Row] | None
    digest: str | None
    keys: dict[str, bytes]


class KnownAgents:
    """All agents, read when what was read is older than ``MAX_AGE``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._agents: dict[str, Known] = {}
        self._read_at: float | None = None
        # Opening keys takes longer than reading them.
        self._opened: dict[tuple[str, str | None], dict[str, bytes]] = {}

    def find(self, context: RequestContext, host: str) -> Known | None:
        """Return the agent on a host, if it was enrolled.

        :raises SecretUnreadable: no present key opens its keys
        """
        with self._lock:
            now = clock.monotonic()
            if self._read_at is None or now - self._read_at > MAX_AGE:
                self._read_all(context)
                self._read_at = now
            found = self._agents.get(host)
        # It may have been enrolled just now.
        return found or self._read_one(context, host)

    def forget(self) -> None:
        """Read all again at the next occasion."""
        with self._lock:
            self._read_at = None

    def _read_all(self, context: RequestContext) -> None:
        storages = db_storages.paths_of_nodes(context)
        found: dict[str, Known] = {}
        opened: dict[tuple[str, str | None], dict[str, bytes]] = {}
        for row in db_agents.list_contacts(context):
            stored = row['key'], row['next_key']
            try:
                keys = self._opened.get(stored) or contacts.keys_of(row)
            except exception.SecretUnreadable:
                # Told when it reports.
                continue
            opened[stored] = keys
            found[row['host']] = _known(row, keys, storages)
        self._agents, self._opened = found, opened

    @staticmethod
    def _read_one(context: RequestContext, host: str) -> Known | None:
        for row in db_agents.list_contacts(context, host):
            return _known(row, contacts.keys_of(row),
                          db_storages.paths_of_nodes(context, row['node_id']))
        return None


def _known(row: Row, keys: dict[str, bytes],
           storages: dict[int, list[Row]]) -> Known:
    node = row['node_id']
    return Known(row, None if node is None else storages.get(node, []),
                 row['digest'], keys)
