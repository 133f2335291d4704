# SPDX-License-Identifier: Apache-2.0
"""A cache of the enrolled agents, with which reports are compared.

Reports come all the time, and most have nothing new. So all agents are read
together from time to time, instead of one agent for each report. It does no
harm that the cache may be a little old: the database decides what to store of
a report, and an agent may get its desired state a moment later.
"""

import dataclasses
import threading

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
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

    :ivar row: the row that ``db.agents.list_contacts`` returns
    :ivar storages: ``id`` and ``path`` of the storages assigned to its
        node; ``None`` if there is no such node
    :ivar keys: its keys, by their ids
    """

    row: Row
    storages: list[Row] | None
    keys: dict[str, bytes]


class KnownAgents:
    """All agents, read again when the last reading is too old."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._agents: dict[str, Known] = {}
        self._read_at: float | None = None
        # Decrypting keys takes longer than reading them.
        self._opened: dict[tuple[str, str | None], dict[str, bytes]] = {}

    def find(self, host: str) -> Known | None:
        """Return the agent on a host, if it was enrolled.

        :raises SecretUnreadable: none of the present encryption keys decrypts
            its keys
        """
        with self._lock:
            now = clock.monotonic()
            if self._read_at is None or now - self._read_at > MAX_AGE:
                self._read_all(cm_context.admin_context())
                self._read_at = now
            found = self._agents.get(host)
        # It may have been enrolled a moment ago.
        return found or self._read_one(cm_context.admin_context(), host)

    def forget(self) -> None:
        """Read all agents again at the next call."""
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
                # ``find`` raises this when the agent reports.
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
    return Known(row, None if node is None else storages.get(node, []), keys)
