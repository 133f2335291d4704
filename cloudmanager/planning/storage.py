# SPDX-License-Identifier: Apache-2.0
"""Which hosts share the storage that the disks of servers are on.

Nova's API does not tell. Its libvirt driver finds out on the new host, in the
middle of an evacuation: it looks for the disk's path, or for RBD. So an
operator has to declare shared storage, in the configuration or by a sharing
provider in Placement. Storage that nobody has declared is local.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Protocol

from oslo_log import log as logging

from cloudmanager.planning.cloud import model

LOG = logging.getLogger(__name__)

#: Trait of providers whose inventory the hosts of their aggregates share.
SHARING_TRAIT = 'MISC_SHARES_VIA_AGGREGATE'


class Aggregate(Protocol):
    """What is needed of a host aggregate of Nova."""

    @property
    def name(self) -> str: ...

    @property
    def hosts(self) -> Iterable[str]: ...


class Provider(Protocol):
    """What is needed of a resource provider of Placement."""

    @property
    def name(self) -> str: ...

    @property
    def traits(self) -> frozenset[str]: ...

    @property
    def aggregates(self) -> frozenset[str]: ...

    @property
    def inventories(self) -> Mapping[str, Any]: ...


class Storages:
    """The storages that hosts share, as far as they were declared.

    :param declared: names of aggregates whose hosts share one storage; or
        ``all``
    """

    def __init__(self, aggregates: Iterable[Aggregate],
                 providers: Iterable[Provider],
                 declared: Collection[str]) -> None:
        self._everywhere = model.EVERYWHERE in declared
        by_name = {item.name: frozenset(item.hosts) for item in aggregates}
        self._hosts: Mapping[str, frozenset[str]] = {
            name: by_name[name] for name in declared if name in by_name}
        unknown = set(declared) - {model.EVERYWHERE, *by_name}
        if unknown:
            LOG.warning('[host_tasks] shared_storage names aggregates that '
                        'Nova does not have: %s', ', '.join(sorted(unknown)))
        self._sharing = [
            item for item in providers if SHARING_TRAIT in item.traits
            and model.DISK_GB in item.inventories]

    def of(self, host: str, providers: Iterable[Provider]) -> frozenset[str]:
        """Return the names of the shared storages of a host.

        :param providers: all of its providers in Placement
        """
        found = {f'aggregate {name}' for name, hosts in self._hosts.items()
                 if host in hosts}
        if self._everywhere:
            found.add(model.EVERYWHERE)
        own = list(providers)
        # If a host has an inventory of disk itself, disks may be there.
        if not any(model.DISK_GB in item.inventories for item in own):
            members = frozenset().union(*(item.aggregates for item in own))
            found.update(f'provider {item.name}' for item in self._sharing
                         if not members.isdisjoint(item.aggregates))
        return frozenset(found)
