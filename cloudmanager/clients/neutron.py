# SPDX-License-Identifier: Apache-2.0
"""Neutron: the agents on hosts, and the ports of servers."""

import dataclasses

from keystoneauth1.session import Session

from cloudmanager.clients import rest
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

VERSION = '2.0'


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    id: str
    binary: str
    host: str
    alive: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """A port; ``vnic_type`` is ``normal`` unless it is passed through.

    :ivar security: whether packets are filtered at all
    """

    id: str
    network_id: str
    mac: str
    vnic_type: str
    security: bool
    security_groups: tuple[str, ...]


class Neutron:
    """Neutron's API.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Session | None = None) -> None:
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

    def ports_of(self, server_id: str) -> list[Port]:
        """Return the ports of a server, in no order.

        A cloud without Neutron has none.
        """
        try:
            found = self._rest.get('/v2.0/ports', device_id=server_id)
        except exception.CloudServiceMissing:
            return []
        return [Port(
            id=item['id'], network_id=item['network_id'],
            mac=item['mac_address'],
            vnic_type=item.get('binding:vnic_type') or 'normal',
            security=bool(item.get('port_security_enabled', True)),
            security_groups=tuple(sorted(item.get('security_groups') or ())))
            for item in found.get('ports') or ()]

    def set_security(self, port_id: str, enabled: bool,
                     groups: tuple[str, ...]) -> None:
        """Set the security groups of a port, and whether they count."""
        values: JsonObject = {'security_groups': list(groups)}
        if not enabled:
            values['port_security_enabled'] = False
        self._rest.put(f'/v2.0/ports/{port_id}', {'port': values})
