# SPDX-License-Identifier: Apache-2.0
"""Which conductor does what, without one that decides it.

Every conductor reads the signs of life of all and comes to the same result:
each key, such as a node's id, belongs to the conductor with the highest hash
of both names (rendezvous hashing, Thaler and Ravishankar 1998). When one
comes or goes, only its own keys change hands. For a moment two conductors
may see different members, so what is shared out must bear being done twice.
"""

import hashlib

from cloudmanager.common.context import RequestContext
from cloudmanager.db import services as db_services


class Members:
    """The conductors that live, at one moment.

    :param own: host name of this conductor
    :param hosts: host names of all that live
    """

    def __init__(self, own: str, hosts: list[str]) -> None:
        self.own = own
        # One that works lives, whatever the database says of it.
        self.hosts = sorted({own, *hosts})

    @classmethod
    def read(cls, context: RequestContext, binary: str, own: str,
             seconds: float) -> 'Members':
        """Read who has given a sign of life lately.

        :param seconds: how old a sign may be
        """
        return cls(own, db_services.alive(context, binary, seconds))

    def owner(self, key: object) -> str:
        """Return the host that a key belongs to."""
        return max(self.hosts, key=lambda host: (hashlib.blake2b(
            f'{host} {key}'.encode(), digest_size=8).digest(), host))

    def owns(self, key: object) -> bool:
        """Tell whether a key belongs to this conductor."""
        return len(self.hosts) == 1 or self.owner(key) == self.own
