# SPDX-License-Identifier: Apache-2.0
"""Reads single servers, where Nova's lists do not say enough."""

from collections.abc import Callable
from concurrent import futures

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.conductor.moves import calls as nova_calls
from cloudmanager.conductor.moves import endings
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem

#: Decides on an item from its server as Nova shows it.
Judge = Callable[[MoveItem, nova_records.Server], None]


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
