# SPDX-License-Identifier: Apache-2.0
"""Who has room on a host, according to Placement.

Nova's scheduler allocates room to a server before the host hears of it. Until
the host begins to build the server, or the server has moved there, Nova lists
it on no host or on another one, and only its allocation tells where it goes.
"""

from collections.abc import Collection
import contextlib
import dataclasses

from cloudmanager.clients import nova_records
from cloudmanager.clients import protocols
from cloudmanager.common import exception
from cloudmanager.common import parallel
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.tools import Tools

READERS = 4


def providers_of(nova: protocols.Nova, host: str) -> list[str]:
    """Return the ids of the resource providers that a host is.

    :param nova: ``cloudmanager.clients.nova.Nova`` or its like
    :param host: exact name of the host
    """
    return [item.id for item in nova.hypervisors() if item.host == host]


@dataclasses.dataclass(frozen=True)
class Found:
    """What has room on a host besides the servers that were seen on it.

    :ivar coming: servers that are on their way to it, or have just arrived
    :ivar others: whether there is something else, such as a migration that
        has not been cleaned up yet, or what a deleted server has left
    """

    coming: tuple[nova_records.Server, ...]
    others: bool


class Allocations:
    """The allocations of a host that takes no new servers.

    :param tools: ``cloudmanager.conductor.tools.Tools``
    :param host: exact name of the host
    :param providers: ids of its resource providers; looked up if not known
    """

    def __init__(self, tools: Tools, host: str,
                 providers: Collection[str] | None = None) -> None:
        self._nova = tools.nova
        self._placement = tools.placement
        self._host = host
        self._providers = providers
        # Consumers that do not come to the host. As it takes no new servers,
        # they need not be read again.
        self._others: set[str] = set()

    def read(self, present: Collection[str]) -> Found:
        """Read what has room on the host now.

        :param present: ids of the servers that were seen on it right before
        :raises CloudUnreachable: Nova or Placement did not answer
        """
        if self._providers is None:
            self._providers = providers_of(self._nova, self._host)
        consumers: set[str] = set()
        for provider in self._providers:
            # A host that somebody takes out of the cloud loses its provider.
            with contextlib.suppress(exception.NotFound):
                consumers.update(
                    self._placement.allocations_of_provider(provider))
        unknown = sorted(consumers - self._others - set(present))
        servers = parallel.run(self._nova.server, unknown, READERS)
        coming = [server for server in servers
                  if verdicts.exists(server) and self._comes(server)]
        self._others.update(
            set(unknown) - {server.id for server in coming})
        return Found(tuple(coming), bool(consumers & self._others))

    def _comes(self, server: nova_records.Server) -> bool:
        if server.host == self._host:
            return True
        if server.task_state in verdicts.DELETING:
            return False
        return server.task_state is not None or (
            server.status == 'BUILD' and server.host is None)
