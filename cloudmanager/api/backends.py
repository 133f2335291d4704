# SPDX-License-Identifier: Apache-2.0
"""What the API reads of OpenStack: attributes of compute hosts.

The only module of the API that may speak to OpenStack, and it only reads.
Everything that is done goes through a conductor.
"""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import functools
import threading
from typing import Any
from typing import TypeVar

from oslo_config import cfg

from cloudmanager.api import refreshed
from cloudmanager.clients import nova
from cloudmanager.clients import placement
from cloudmanager.clients import session as cm_session
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import parallel

CONF = cfg.CONF
#: Requests to Placement at a time.
WORKERS = 8
#: Amounts that Nova tells up to version 2.87, and by which resource class
#: Placement has them.
_AMOUNTS = (('vcpus', ('VCPU', 'PCPU')), ('memory_mb', ('MEMORY_MB',)),
            ('local_gb', ('DISK_GB',)))
T = TypeVar('T')
#: An object that another service has answered.
Answer = dict[str, Any]
_FREE = {'memory_mb': 'free_ram_mb', 'local_gb': 'free_disk_gb'}


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What was found of some hypervisors.

    :ivar fields: by id, what is added to a node, if anything is known
    :ivar missing: the same for a node of which nothing is known
    :ivar warnings: what could not be read, or is not fresh
    """

    fields: Mapping[str, Mapping[str, object] | None]
    missing: Mapping[str, object]
    warnings: list[str]

    def of(self, hypervisor_id: str | None) -> Mapping[str, object]:
        """Return what is added to a node, known or not."""
        return self.fields.get(hypervisor_id or '') or self.missing


class Backends:
    """Nova and Placement, and what was read of them lately."""

    def __init__(self) -> None:
        self.hypervisors = refreshed.Refreshed('os_hypervisor',
                                               self._read_hypervisors)
        self.providers = refreshed.Refreshed('Allocation ratios',
                                             self._read_inventories)
        self.usages = refreshed.Refreshed('Usages', self._read_usages)
        # Inventories with the generation of their provider: what was not
        # changed since need not be read again.
        self._known: dict[str, tuple[int, Answer]] = {}

    @functools.cached_property
    def _nova(self) -> nova.Nova:
        return nova.Nova()

    @functools.cached_property
    def _placement(self) -> placement.Placement:
        return placement.Placement()

    def read(self, ids: Collection[str], with_hypervisors: bool,
             wait: bool) -> Found:
        """Return what is to be added to the nodes of some hypervisors.

        :param ids: of the hypervisors
        :param with_hypervisors: add ``os_hypervisor`` too, not only ratios
        :param wait: wait ``[inventory] read_timeout`` seconds for what was
            not read lately
        """
        missing: Answer = dict.fromkeys(
            ('cpu_allocation_ratio', 'ram_allocation_ratio'))
        if with_hypervisors:
            missing['os_hypervisor'] = None
        if cm_session.missing_setting():
            return Found({}, missing, [
                'os_hypervisor could not be read: no cloud is configured.'
            ] if with_hypervisors else [])
        deadline = clock.monotonic() + (
            CONF.inventory.read_timeout if wait else 0)
        if with_hypervisors:
            self.hypervisors.ask(ids)
        ratios = self.providers.get(ids, deadline)
        warnings = _warnings('Allocation ratios', ratios)
        if not with_hypervisors:
            return Found(ratios.values, missing, warnings)
        fields = {key: missing | (value or {})
                  for key, value in ratios.values.items()}
        warnings += self._add_hypervisors(ids, fields, missing, deadline)
        return Found(fields, missing, warnings)

    def _add_hypervisors(self, ids: Collection[str],
                         fields: dict[str, Answer],
                         missing: Answer,
                         deadline: float) -> list[str]:
        """Add ``os_hypervisor``; return what is worth a warning."""
        found = self.hypervisors.get(ids, deadline)
        bare = {key for key, value in found.values.items()
                if value is not None and value['memory_mb'] is None}
        usages: Mapping[str, dict[str, int] | None] = {}
        if bare:
            usages = self.usages.get(bare, deadline).values
        for key, value in found.values.items():
            if value is not None and key in bare:
                value = complete(value, self._known.get(key, (0, None))[1],
                                 usages.get(key))
            fields[key] = fields.get(key, missing) | {'os_hypervisor': value}
        return _warnings('os_hypervisor', found)

    # What threads do

    def _read_hypervisors(
            self, keys: frozenset[str]) -> dict[str, Answer | None]:
        """Read all in one list, or a single one by itself."""
        if len(keys) == 1:
            (key,) = keys
            return {key: self._nova.describe_hypervisor(key)}
        return {item['id']: item
                for item in self._nova.describe_hypervisors()}

    def _read_inventories(
            self, keys: frozenset[str]) -> dict[str, Answer]:
        """Read the inventories of those that have changed.

        :returns: the ratios of all
        """
        if len(keys) == 1:
            entries = {key: -1 for key in keys}
        else:
            entries = {entry.uuid: entry.generation
                       for entry in self._placement.providers()}
        changed = [key for key in keys if key in entries and (
            entries[key] < 0
            or self._known.get(key, (None,))[0] != entries[key])]
        found = parallel.run(self._inventories, changed, WORKERS)
        known = {key: value for key, value in self._known.items()
                 if len(keys) == 1 or key in entries}
        for key, value in zip(changed, found, strict=True):
            if value is None:
                known.pop(key, None)
            else:
                known[key] = (entries[key], value)
        self._known = known
        return {key: _ratios(known[key][1]) for key in keys if key in known}

    def _inventories(self, uuid: str) -> Answer | None:
        try:
            return self._placement.inventories(uuid)
        except exception.NotFound:
            return None

    def _read_usages(
            self, keys: frozenset[str]) -> dict[str, dict[str, int] | None]:
        def read(uuid: str) -> dict[str, int] | None:
            try:
                return self._placement.usages(uuid)
            except exception.NotFound:
                return None
        wanted = sorted(keys)
        return dict(zip(wanted, parallel.run(read, wanted, WORKERS),
                        strict=True))


def _ratios(inventories: Answer) -> dict[str, float | None]:
    """Return the allocation ratios of a provider.

    A host whose processors are all dedicated has no ``VCPU``.
    """
    def ratio(*names: str) -> float | None:
        return next((inventories[name].get('allocation_ratio')
                     for name in names if name in inventories), None)

    return {'cpu_allocation_ratio': ratio('VCPU', 'PCPU'),
            'ram_allocation_ratio': ratio('MEMORY_MB')}


def complete(hypervisor: Answer,
             inventories: Answer | None,
             usages: dict[str, int] | None) -> Answer:
    """Fill what a newer Nova does not tell from what Placement has.

    What neither of them has stays ``None``: ``cpu_info``,
    ``current_workload``, ``disk_available_least`` and ``running_vms``.
    What is reserved for the host counts as used, as in Nova.
    """
    if inventories is None:
        return hypervisor
    found = dict(hypervisor)
    for name, classes in _AMOUNTS:
        present = [inventories[key] for key in classes
                   if key in inventories]
        if not present:
            continue
        found[name] = sum(item['total'] for item in present)
        if usages is None:
            continue
        used = sum(usages.get(key, 0) for key in classes)
        if name in _FREE:
            used += sum(item.get('reserved', 0) for item in present)
            found[_FREE[name]] = found[name] - used
        found[f'{name}_used'] = used
    return found


def _warnings(name: str, reading: refreshed.Reading[T]) -> list[str]:
    """Say what is not there, or old because it cannot be read."""
    if not reading.complete:
        why = ('the service did not answer' if reading.error is not None
               else 'the service has not answered yet')
        return [f'{name} could not be read: {why}.']
    if reading.error is not None and (
            reading.age > CONF.inventory.cache_seconds):
        return [f'{name} may be {reading.age:.0f} seconds old: the service '
                'did not answer.']
    return []


_lock = threading.Lock()
_backends: Backends | None = None


def get() -> Backends:
    """Return the backends of this process."""
    global _backends
    with _lock:
        if _backends is None:
            _backends = Backends()
        return _backends


def reset() -> None:
    """Forget everything, for tests."""
    global _backends
    with _lock:
        _backends = None
