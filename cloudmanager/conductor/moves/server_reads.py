# SPDX-License-Identifier: Apache-2.0
"""Reads servers for decisions about their moves."""

from collections.abc import Callable
from concurrent import futures
import datetime

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.common import clock
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import endings
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem

#: Decides on an item from its server as Nova shows it.
Judge = Callable[[MoveItem, nova_records.Server], None]
# Seconds for which a server waits for others, to be read in one list.
TOGETHER_SECONDS = 2.0


class ServerReader:
    """Reads servers in threads.

    :param calls: where Nova is asked
    :param ends: what becomes of servers that are gone
    """

    def __init__(self, nova: protocols.Nova, calls: nova_calls.Calls,
                 ends: endings.Endings) -> None:
        self._nova = nova
        self._calls = calls
        self._ends = ends

    def look(self, item: MoveItem, judge: Judge) -> None:
        """Read a server in a thread, then decide on it.

        :param judge: decides, unless the server is gone
        """
        def take(
                call: futures.Future[nova_records.Server | None]) -> None:
            server = call.result()
            if verdicts.exists(server):
                judge(item, server)
            else:
                self._ends.gone(item)

        self._calls.start(item.object_id, take, self._nova.server,
                          item.object_id)


class LockedReader:
    """Reads locked servers in threads, those of some seconds in one list.

    A list costs Nova's API far less than its servers one by one, and while
    servers are moved it has enough to do.

    :param nova: ``cloudmanager.clients.nova.Nova`` or its like
    :param calls: where Nova is asked
    :param since: when the first of them can have been locked, by Nova's clock
    :param judge: decides on a server; it gets ``None`` for one that is not
        locked, or gone
    """

    def __init__(self, nova: protocols.Nova, calls: nova_calls.Calls,
                 since: datetime.datetime,
                 judge: Callable[[MoveItem, nova_records.Server | None],
                                 None]) -> None:
        self._nova = nova
        self._calls = calls
        self._since = since
        self._judge = judge
        # Of servers for the next list, and of those in the list that is
        # being read.
        self._waiting: dict[str, MoveItem] = {}
        self._asked: dict[str, MoveItem] = {}
        self._waiting_since = 0.0

    def look(self, item: MoveItem, soon: bool) -> None:
        """Have a server read, unless that is under way, then decide on it.

        :param soon: read at once; do not wait for other servers
        """
        if item.object_id in self._asked:
            return
        if not self._waiting:
            self._waiting_since = clock.monotonic()
        self._waiting[item.object_id] = item
        if not self._asked and (
                soon or clock.monotonic() - self._waiting_since
                >= TOGETHER_SECONDS):
            self._asked, self._waiting = self._waiting, {}
            self._calls.start(item.object_id, self._take,
                              self._nova.locked_servers, self._since)

    def _take(self, call: futures.Future[list[nova_records.Server]]) -> None:
        asked, self._asked = self._asked, {}
        found = {server.id: server for server in call.result()}
        for server_id, item in asked.items():
            self._judge(item, found.get(server_id))
