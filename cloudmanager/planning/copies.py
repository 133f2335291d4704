# SPDX-License-Identifier: Apache-2.0
"""What clones of a server need, and the requests that create them."""


from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol
from typing import TypeVar

from cloudmanager.planning import remedies

#: The states in which Nova can snapshot a server (nova/compute/api.py).
_COPIED = frozenset(('ACTIVE', 'SHUTOFF', 'PAUSED', 'SUSPENDED'))
#: The only kind of port that Nova creates by itself.
_NORMAL = 'normal'

Limits = Mapping[str, tuple[int, int]]


class Port(Protocol):
    """``cloudmanager.clients.neutron.Port`` or its like."""

    @property
    def network_id(self) -> str: ...

    @property
    def mac(self) -> str: ...

    @property
    def vnic_type(self) -> str: ...

    @property
    def security(self) -> bool: ...

    @property
    def security_groups(self) -> tuple[str, ...]: ...


class Blueprint(Protocol):
    """``cloudmanager.clients.nova_copies.Blueprint`` or its like."""

    @property
    def flavor_id(self) -> str: ...

    @property
    def metadata(self) -> dict[str, str]: ...

    @property
    def tags(self) -> tuple[str, ...]: ...

    @property
    def config_drive(self) -> bool: ...

    @property
    def zone(self) -> str: ...

    @property
    def disk_config(self) -> str | None: ...

    @property
    def user_data(self) -> str | None: ...


class Volume(Protocol):
    """A volume of a copy.

    :ivar root: whether the server boots from it
    :ivar delete: whether it is deleted along with the server
    """

    @property
    def id(self) -> str: ...

    @property
    def root(self) -> bool: ...

    @property
    def delete(self) -> bool: ...

    @property
    def tag(self) -> str | None: ...


_AnyPort = TypeVar('_AnyPort', bound=Port)


def unfit(seen: remedies.Symptoms) -> str:
    """Why a server cannot be cloned now; empty when it can."""
    if seen.status not in _COPIED:
        return (f'it is {seen.status}: only servers that are active, off, '
                'paused or suspended can be cloned')
    if not seen.host_up:
        return f'its host {seen.host} is down: recover it'
    if not seen.at_rest:
        return seen.busy or f'its task {seen.task_state} is stuck: repair it'
    return ''


def unfit_ports(ports: Iterable[Port]) -> str:
    """Why ports like these cannot be created; empty when they can."""
    special = [f'{port.mac} ({port.vnic_type})' for port in ports
               if port.vnic_type != _NORMAL]
    if not special:
        return ''
    return 'it has ports of passed-through devices: ' + ', '.join(special)


def needs(count: int, vcpus: int, ram_mb: int,
          sizes_gb: Sequence[int]) -> dict[str, int]:
    """How much of each quota a number of clones takes.

    The snapshots that volumes are cloned from count until they are deleted.

    :param sizes_gb: of the server's volumes, in GiB
    """
    return {
        'instances': count, 'cores': count * vcpus, 'ram': count * ram_mb,
        'volumes': count * len(sizes_gb), 'snapshots': len(sizes_gb),
        'gigabytes': (count + 1) * sum(sizes_gb)}


def shortage(limits: Limits, wanted: dict[str, int]) -> str:
    """Say which quotas do not suffice; empty when all do.

    :param limits: name to the limit (-1 for none) and what is in use
    """
    short = [
        f'{name}: {amount} more than the {used} in use, and the limit is '
        f'{limit}'
        for name, amount in wanted.items() if amount and name in limits
        for limit, used in (limits[name],)
        if 0 <= limit < used + amount]
    return '; '.join(short)


def networks(ports: Sequence[Port]
             ) -> str | list[dict[str, str]]:
    """The field ``networks`` of the request that creates a clone.

    :param ports: of the source, in their order
    """
    if not ports:
        return 'none'
    return [{'uuid': port.network_id} for port in ports]


def common_groups(ports: Sequence[Port]
                  ) -> tuple[str, ...]:
    """The security groups of all ports; empty when they are not the same."""
    found = {(port.security, port.security_groups) for port in ports}
    if len(found) != 1:
        return ()
    security, groups = found.pop()
    return groups if security else ()


def pairs(ports: Sequence[_AnyPort],
          made: Sequence[_AnyPort]
          ) -> list[tuple[_AnyPort, _AnyPort]]:
    """Match the ports of the source with those of a clone.

    Ports of the same network are matched in their order.
    """
    left = list(made)
    found = []
    for port in ports:
        other = next((item for item in left
                      if item.network_id == port.network_id), None)
        if other is not None:
            left.remove(other)
            found.append((port, other))
    return found


def body(source: Blueprint, ports: Sequence[Port], *,
         name: str, description: str, image_id: str | None,
         key_name: str | None,
         volumes: Sequence[Volume]) -> dict[str, object]:
    """The request that creates a clone.

    :param ports: of the source, in their order
    :param image_id: of its root disk, when that is no volume
    :param key_name: of a key pair that belongs to the user of the request
    """
    made: dict[str, object] = {
        'name': name, 'description': description,
        'imageRef': image_id or '', 'flavorRef': source.flavor_id,
        'metadata': dict(source.metadata), 'networks': networks(ports),
        'min_count': 1, 'max_count': 1}
    groups = common_groups(ports)
    if groups:
        made['security_groups'] = [{'name': group} for group in groups]
    optional = {
        'key_name': key_name, 'user_data': source.user_data,
        'tags': list(source.tags), 'config_drive': source.config_drive,
        'availability_zone': source.zone,
        'OS-DCF:diskConfig': source.disk_config,
        'block_device_mapping_v2': _devices(image_id, volumes)}
    return made | {key: value for key, value in optional.items() if value}


def _devices(image_id: str | None,
             volumes: Sequence[Volume]
             ) -> list[dict[str, object]]:
    """The block devices, in the order in which the guest finds them."""
    if not volumes:
        return []
    found: list[dict[str, object]] = []
    if image_id:
        # Nova adds it by itself only where no other device is named.
        found.append({'uuid': image_id, 'source_type': 'image',
                      'destination_type': 'local', 'boot_index': 0,
                      'delete_on_termination': True})
    for volume in volumes:
        device: dict[str, object] = {
            'uuid': volume.id, 'source_type': 'volume',
            'destination_type': 'volume',
            'boot_index': 0 if volume.root else -1,
            'delete_on_termination': volume.delete}
        if volume.tag:
            device['tag'] = volume.tag
        found.append(device)
    return found
