# SPDX-License-Identifier: Apache-2.0
"""Placement: what hosts have and what is taken."""

from collections.abc import Iterable
from concurrent import futures
import dataclasses
from typing import Any

from keystoneauth1.session import Session

from cloudmanager.clients import rest
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

VERSION = '1.39'
WORKERS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider, amounts in the units of their classes."""

    uuid: str
    name: str
    root: str
    generation: int
    inventories: dict[str, JsonObject]
    usages: dict[str, int]
    traits: frozenset[str]
    aggregates: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A resource provider as lists show it."""

    uuid: str
    name: str
    root: str
    generation: int


class Placement:
    """Placement's API.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Session | None = None) -> None:
        self._rest = rest.Rest('Placement', 'placement', VERSION, session)

    def providers(self, name: str | None = None) -> list[Entry]:
        """List all providers, or the one of exactly this name."""
        found = self._rest.get('/resource_providers', name=name)
        return [Entry(uuid=item['uuid'], name=item['name'],
                      root=item.get('root_provider_uuid') or item['uuid'],
                      generation=item['generation'])
                for item in found.get('resource_providers') or ()]

    def _of(self, uuid: str, part: str) -> Any:
        return self._rest.get(f'/resource_providers/{uuid}/{part}')[part]

    def inventories(self, uuid: str) -> dict[str, JsonObject]:
        found: dict[str, JsonObject] = self._of(uuid, 'inventories')
        return found

    def usages(self, uuid: str) -> dict[str, int]:
        found: dict[str, int] = self._of(uuid, 'usages')
        return found

    def traits(self, uuid: str) -> frozenset[str]:
        return frozenset(self._of(uuid, 'traits'))

    def aggregates(self, uuid: str) -> frozenset[str]:
        return frozenset(self._of(uuid, 'aggregates'))

    def allocations(self, consumer: str) -> dict[str, dict[str, int]]:
        """Return provider to resources of one consumer."""
        found = self._rest.get(f'/allocations/{consumer}')['allocations']
        return {uuid: item['resources'] for uuid, item in found.items()}

    def allocations_of_provider(self, uuid: str) -> dict[str, dict[str, int]]:
        """Return consumer to resources of one provider."""
        found = self._of(uuid, 'allocations')
        return {consumer: item['resources']
                for consumer, item in found.items()}

    def snapshot(self, names: Iterable[str] | None = None,
                 workers: int = WORKERS) -> dict[str, Provider]:
        """Read providers with all that they have, many at a time.

        :param names: of root providers, whose nested ones are read too;
            all when it is ``None``
        :returns: by name; providers that vanish meanwhile are left out
        """
        entries = self.providers()
        if names is not None:
            wanted = set(names)
            roots = {item.root for item in entries if item.name in wanted}
            entries = [item for item in entries if item.root in roots]
        with futures.ThreadPoolExecutor(
                workers, thread_name_prefix='placement') as pool:
            found = pool.map(self._read, entries)
            return {item.name: item for item in found if item is not None}

    def _read(self, entry: Entry) -> Provider | None:
        try:
            return Provider(
                uuid=entry.uuid, name=entry.name, root=entry.root,
                generation=entry.generation,
                inventories=self.inventories(entry.uuid),
                usages=self.usages(entry.uuid),
                traits=self.traits(entry.uuid),
                aggregates=self.aggregates(entry.uuid))
        except exception.NotFound:
            return None

    def delete_provider(self, uuid: str) -> None:
        """Delete a provider; Placement refuses while it is in use."""
        self._rest.delete(f'/resource_providers/{uuid}')
