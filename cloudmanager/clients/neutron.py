# SPDX-License-Identifier: Apache-2.0
"""Neutron: the agents on hosts."""

import dataclasses
from typing import Any

from cloudmanager.clients import rest
from cloudmanager.common import exception

VERSION = '2.0'


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    id: str
    binary: str
    host: str
    alive: bool


class Neutron:
    """Neutron's API.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Any = None) -> None:
        self._rest = rest.Rest('Neutron', 'network', VERSION, session)

    def agents(self, host: str) -> list[Agent]:
        """Return the agents on exactly this host.

        A cloud without Neutron has none.
        """
        try:
            found = self._rest.get('/v2.0/agents', host=host)
        except exception.CloudServiceMissing:
            return []
        return [Agent(id=item['id'], binary=item['binary'],
                      host=item['host'], alive=bool(item['alive']))
                for item in found.get('agents') or ()
                if item['host'] == host]
