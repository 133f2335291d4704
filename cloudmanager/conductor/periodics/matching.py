# SPDX-License-Identifier: Apache-2.0
"""Deciding which node stands for which hypervisor; there is no I/O here.

A node is bound to a hypervisor by the hypervisor's id. A node without such an
id is bound to the hypervisor that has exactly its name. If Nova lists the
hypervisor under another name, or no longer lists it, the node is flagged, but
never removed: a host that comes back under another name may be another
machine, and only an operator can tell.
"""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import datetime
import ipaddress

from cloudmanager.clients.nova_records import Hypervisor
from cloudmanager.clients.nova_records import Service
from cloudmanager.db import inventory
from cloudmanager.db.models import Row

MAX_INTEGER = 2 ** 31 - 1
MAX_NAME = 255
#: Largest number of processors that a node can have.
MAX_CPUS = 99
#: Hypervisors of this type are machines that tenants deploy.
BARE_METAL = 'ironic'
#: Status of a service in a cell that Nova cannot reach at present.
UNKNOWN = 'UNKNOWN'
_UNKNOWN = ('unknown', 'unknown')


@dataclasses.dataclass
class InventoryChanges:
    """The changes to store, and the lines to log.

    :ivar new: rows of nodes to insert
    :ivar notes: lines to log, as pairs of a text and its values
    """

    new: list[Row] = dataclasses.field(default_factory=list)
    updates: list[inventory.Update] = dataclasses.field(
        default_factory=list)
    notes: list[tuple[str, dict[str, object]]] = dataclasses.field(
        default_factory=list)


def make_plan(nodes: list[Row], hypervisors: list[Hypervisor],
              services: list[Service], types: Mapping[str, tuple[int, int]],
              now: datetime.datetime,
              auto_enroll: bool = True) -> InventoryChanges:
    """Compare nodes with what Nova lists.

    :param nodes: from ``cloudmanager.db.inventory.list_nodes``
    :param types: class id and type id of each type of compute hosts, by the
        type's name
    """
    return _Comparison(nodes, hypervisors, services, types, now).plan(
        auto_enroll)


class _Comparison:

    def __init__(self, nodes: list[Row], hypervisors: list[Hypervisor],
                 services: list[Service],
                 types: Mapping[str, tuple[int, int]],
                 now: datetime.datetime) -> None:
        self._nodes = nodes
        self._types = types
        self._now = now
        self._plan = InventoryChanges()
        self._services = {item.host: item for item in services}
        self._hypervisors = {item.id: item for item in hypervisors}
        self._shared = _shared_hosts(hypervisors)
        # The name of the nova-compute has precedence over the hypervisor's.
        self._by_name = _unique(
            (item.hostname, item) for item in hypervisors) | _unique(
            (item.host, item) for item in hypervisors)
        self._taken = {node['hypervisor_id'] for node in nodes
                       if node['hypervisor_id'] in self._hypervisors}

    def plan(self, auto_enroll: bool) -> InventoryChanges:
        for node in self._nodes:
            # A node of another class may have an id that was set by
            # hand; it is left alone.
            if node['is_hypervisor']:
                self._compare(node)
        if auto_enroll:
            names = {node['name'] for node in self._nodes}
            for item in self._hypervisors.values():
                if item.id not in self._taken:
                    self._enroll(item, names)
        return self._plan

    # Existing nodes

    def _compare(self, node: Row) -> None:
        item = self._hypervisors.get(node['hypervisor_id'] or '')
        if item is None:
            item = self._candidate(node)
            if item is None:
                self._missing(node)
                return
            self._bind(node, item)
        elif self._is_known_by(node, item):
            self._seen(node, item)
        else:
            self._renamed(node, item)

    @staticmethod
    def _is_known_by(node: Row, item: Hypervisor) -> bool:
        """Tell whether a node stands for a hypervisor of this name.

        That is the node's own name, or the name under which it was bound. A
        host that was renamed stays flagged until an operator decides.
        """
        if node['name'] in (item.host, item.hostname):
            return True
        return (node['compute_status'] != 'renamed'
                and node['compute_host'] in (None, item.host))

    def _candidate(self, node: Row) -> Hypervisor | None:
        """Return the hypervisor of exactly a node's name, if it is free."""
        item = self._by_name.get(node['name'] or '')
        return None if item is None or item.id in self._taken else item

    def _status(self, host: str) -> tuple[str, str]:
        """Return status and state of the nova-compute of a host."""
        service = self._services.get(host)
        if service is None or service.status == UNKNOWN:
            return _UNKNOWN
        state = 'forced_down' if service.forced_down else service.state
        return service.status, state

    def _update(self, node: Row, **values: object) -> bool:
        """Plan to store some values, unless the node has them already."""
        if values.get('compute_status') == _UNKNOWN[0]:
            # Nova does not know at present: keep what it said last.
            del values['compute_status'], values['compute_state']
        if all(node[name] == value for name, value in values.items()):
            return False
        if 'hypervisor_id' not in values and all(
                node[name] == value for name, value in values.items()
                if not name.startswith('compute_st')):
            # Only these differ. They change often, and for many nodes at a
            # time, so nothing else is written.
            values = {name: values[name] for name in (
                'compute_status', 'compute_state') if name in values}
        self._plan.updates.append(inventory.Update(node, values))
        return True

    def _note(self, text: str, node: Row,
              **values: object) -> None:
        self._plan.notes.append((text, {
            'id': node['id'], 'name': node['name'], **values}))

    def _seen(self, node: Row, item: Hypervisor,
              **more: object) -> None:
        status, state = self._status(item.host)
        self._update(node, compute_host=item.host, compute_status=status,
                     compute_state=state, hypervisor_lost_at=None, **more)

    def _bind(self, node: Row, item: Hypervisor) -> None:
        self._taken.add(item.id)
        self._seen(node, item, hypervisor_id=item.id)
        self._note('Node %(id)d (%(name)s) is now bound to hypervisor '
        '%(hypervisor)s, before to %(before)s.', node,
                   hypervisor=item.id,
                   before=node['hypervisor_id'] or 'none')

    def _renamed(self, node: Row, item: Hypervisor) -> None:
        if self._update(
                node, compute_host=item.host, compute_status='renamed',
                compute_state=None,
                hypervisor_lost_at=node['hypervisor_lost_at'] or self._now):
            self._note('Nova now lists the hypervisor of node %(id)d '
            '(%(name)s) as %(host)s.', node, host=item.host)

    def _missing(self, node: Row) -> None:
        """Flag a node whose hypervisor Nova no longer lists."""
        host = node['compute_host'] or node['name']
        service = self._services.get(host)
        if node['hypervisor_id'] is None or (
                service is not None and service.status == UNKNOWN):
            return
        if self._update(node, compute_status='absent', compute_state=None,
                        hypervisor_lost_at=node['hypervisor_lost_at']
                        or self._now):
            self._note('Nova no longer lists the hypervisor of node '
            '%(id)d (%(name)s).', node)

    # New nodes

    def _enroll(self, item: Hypervisor, names: set[str]) -> None:
        name = item.hostname if item.host in self._shared else item.host
        fitting = self._types.get(item.kind) or self._types.get('') or next(
            iter(self._types.values()), None)
        if (item.kind == BARE_METAL or name in names or fitting is None
                or not 0 < len(name) <= MAX_NAME):
            return
        names.add(name)
        status, state = self._status(item.host)
        known = status != _UNKNOWN[0]
        self._plan.new.append({
            'name': name, 'hypervisor_id': item.id,
            'node_class_id': fitting[0], 'node_type_id': fitting[1],
            'image_id': 1, 'ip_addresses': _addresses(item.host_ip),
            'cpu_amount': _amount(item.sockets or item.vcpus, MAX_CPUS),
            'ram_mb': _amount(item.memory_mb), 'hdd_gb': _amount(
                item.local_gb), 'compute_host': item.host,
            'compute_status': status if known else None,
            'compute_state': state if known else None})


def _shared_hosts(hypervisors: list[Hypervisor]) -> set[str]:
    """Return the nova-computes that have more than one hypervisor."""
    counts = collections.Counter(item.host for item in hypervisors)
    return {host for host, count in counts.items() if count > 1}


def _unique(pairs: Iterable[tuple[str, Hypervisor]]) -> dict[str, Hypervisor]:
    """Return the hypervisors whose name is unique, by name."""
    found: dict[str, list[Hypervisor]] = {}
    for name, item in pairs:
        found.setdefault(name, []).append(item)
    return {name: items[0] for name, items in found.items()
            if len(items) == 1}


def _amount(value: object, most: int = MAX_INTEGER) -> int | None:
    """Return an amount that a node can store, or ``None``."""
    if isinstance(value, int) and 0 < value <= most:
        return value
    return None


def _addresses(text: str | None) -> list[str]:
    try:
        return [str(ipaddress.ip_address(text or ''))]
    except ValueError:
        return []
