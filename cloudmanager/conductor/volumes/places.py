# SPDX-License-Identifier: Apache-2.0
"""Finding the data of a volume: back end, host, group, logical volume."""

import dataclasses

from oslo_config import cfg

from cloudmanager.clients import cinder
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import backends
from cloudmanager.domain import lvm

CONF = cfg.CONF


@dataclasses.dataclass(frozen=True)
class Place:
    """A volume and the place of its data.

    :ivar group: as the agent of ``host`` sees it
    :ivar holders: hosts where the logical volume is active
    """

    volume: cinder.Volume
    backend: backends.Backend
    group: lvm.VolumeGroup
    logical: lvm.LogicalVolume
    holders: tuple[str, ...]

    @property
    def host(self) -> str:
        """The host whose agent works on it: one where the volume is active.

        LVM requires that.
        """
        if not self.holders or self.backend.host in self.holders:
            return self.backend.host
        return self.holders[0]


def logical_name(volume: cinder.Volume) -> str:
    """Return the name of the logical volume of a volume."""
    return str(CONF.volumes.name_template % volume.name_id)


def find(context: RequestContext, tools: Tools, volume_id: str) -> Place:
    """Find a volume as it is now.

    :raises VolumeNotFound: Cinder has no volume with this id
    :raises VolumeNotOnLVM: it is not on a back end on LVM, or its group has
        no such logical volume
    :raises Unavailable: Cinder or the agent does not answer
    """
    volume = tools.cinder.volume(volume_id)
    if volume is None:
        raise exception.VolumeNotFound(volume=volume_id)
    backend = next((found for found in backends.find(tools)
                    if found.pool == volume.host), None)
    if backend is None:
        raise exception.VolumeNotOnLVM(
            volume=volume_id,
            reason=f'its pool {volume.host} is not a back end on LVM')
    return _look(context, tools, volume, backend)


def _look(context: RequestContext, tools: Tools, volume: cinder.Volume,
          backend: backends.Backend) -> Place:
    """Find a volume in the group of its back end."""
    seen = _see(context, tools, volume, backend, backend.host)
    if seen is None:
        raise exception.VolumeNotOnLVM(
            volume=volume.id,
            reason=f'volume group {backend.group} of host {backend.host} '
                   f'has no logical volume {logical_name(volume)}')
    holders = []
    if seen[1].is_active:
        holders.append(backend.host)
    if seen[0].is_shared:
        # Any host that shares the group may have activated it, but only
        # the hosts of its servers have a reason to.
        for host in _hosts_of_servers(tools, volume) - {backend.host}:
            other = _see(context, tools, volume, backend, host)
            if other is not None and other[1].is_active:
                holders.append(host)
                seen = seen if backend.host in holders else other
    return Place(volume, backend, *seen, holders=tuple(sorted(holders)))


def _see(context: RequestContext, tools: Tools, volume: cinder.Volume,
         backend: backends.Backend, host: str
         ) -> tuple[lvm.VolumeGroup, lvm.LogicalVolume] | None:
    """Return a volume and its group as a host sees them."""
    for group in backends.report(context, tools, host, [backend.group]):
        logical = group.volume(logical_name(volume))
        if logical is not None:
            return group, logical
    return None


def _hosts_of_servers(tools: Tools, volume: cinder.Volume) -> set[str]:
    """Return the hosts of the servers that a volume is attached to."""
    found = [tools.nova.server(server_id) for server_id in volume.servers]
    return {server.host for server in found
            if server is not None and server.host}
