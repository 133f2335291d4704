# SPDX-License-Identifier: Apache-2.0
"""Sharing out work among conductors without a leader.

Every conductor reads the signs of life of all conductors and comes to the
same result: each key, such as a node's id, belongs to the conductor with the
highest hash of key and host name (rendezvous hashing, Thaler and Ravishankar
1998). When a conductor comes or goes, only its own keys change hands. For a
moment two conductors may see different members, so the work must do no harm
when it is done twice.
"""

from collections.abc import Callable
from collections.abc import Iterator
import hashlib
import threading

from cloudmanager.common.context import RequestContext
from cloudmanager.db import services as db_services
from cloudmanager.db.models import Row


class Members:
    """The conductors that are alive at one moment.

    :param own: host name of this conductor
    :param hosts: host names of all conductors that are alive
    """

    def __init__(self, own: str, hosts: list[str]) -> None:
        self.own = own
        # This conductor is alive, whatever the database says about it.
        self.hosts = sorted({own, *hosts})

    @classmethod
    def read(cls, context: RequestContext, binary: str, own: str,
             seconds: float) -> 'Members':
        """Read which conductors have given a sign of life lately.

        :param seconds: how old a sign of life may be
        """
        return cls(own, db_services.alive(context, binary, seconds))

    def owner(self, key: object) -> str:
        """Return the host that a key belongs to."""
        return max(self.hosts, key=lambda host: (hashlib.blake2b(
            f'{host} {key}'.encode(), digest_size=8).digest(), host))

    def owns(self, key: object) -> bool:
        """Tell whether a key belongs to this conductor."""
        return len(self.hosts) == 1 or self.owner(key) == self.own


def own_aggregates(find_members: Callable[[], Members], rows: list[Row],
                   stopping: threading.Event) -> Iterator[Row]:
    """Yield the rows about aggregates that belong to this conductor.

    :param find_members: returns the conductors that are alive; it is not
        called when there are no rows
    :param rows: each with an ``aggregate_id``
    :param stopping: ends it when set
    """
    if not rows:
        return
    members = find_members()
    for row in rows:
        if stopping.is_set():
            return
        if members.owns(f'aggregate:{row["aggregate_id"]}'):
            yield row
