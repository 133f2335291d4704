# SPDX-License-Identifier: Apache-2.0
"""Which hosts may take a server, if room is not considered."""

from typing import NamedTuple

from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action


class _Key(NamedTuple):
    """All that the choice depends on: servers with equal keys share hosts."""

    zone: str
    required: frozenset[str]
    forbidden: frozenset[str]
    aggregates: tuple[frozenset[str], ...]
    cell: str
    #: Hypervisor type, and the lowest version, that a live migration needs.
    hypervisor: tuple[str, int]
    resources: tuple[tuple[str, int], ...]
    refused: frozenset[str]
    #: Storages of which a rebuild needs one, since its disks are there.
    storage: frozenset[str]


class Reach:
    """The legal targets of servers. Each set of them is worked out once."""

    def __init__(self, books: ledger.Ledger, flags: opts.Options) -> None:
        self._cloud = books.cloud
        self._bins = books.bins
        self._flags = flags
        self._out = {
            name: self._out_of_use(bin_.host)
            for name, bin_ in books.bins.items()}
        self._known: dict[_Key, list[ledger.Bin]] = {}

    def _out_of_use(self, host: model.Host) -> str:
        if host.name in self._flags.exclude_hosts:
            return 'excluded'
        return host.out_of_use

    def _key(self, server: model.Server, action: str) -> _Key:
        source = self._cloud.hosts.get(server.host)
        hypervisor = ('', 0)
        if source is not None and action == Action.LIVE:
            hypervisor = (source.hypervisor_type, source.hypervisor_version)
        return _Key(
            server.availability_zone, server.required_traits,
            server.forbidden_traits, server.required_aggregates,
            source.cell if source else '', hypervisor,
            tuple(sorted(server.resources.items())),
            frozenset(self._flags.refused.get(server.id, ())),
            server.storage if server.bound and action == Action.EVACUATE
            else frozenset())

    def targets(self, server: model.Server, action: str) -> list[ledger.Bin]:
        """The hosts that may take the server."""
        key = self._key(server, action)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = [
                bin_ for name, bin_ in self._bins.items()
                if not self._out[name] and not _unfit(bin_.host, key)]
        return found

    def unfit(self, server: model.Server, action: str) -> dict[str, str]:
        """Why each host is unfit for the server; empty when it is not.

        Hosts that are out of use are judged like all others.
        """
        key = self._key(server, action)
        return {
            name: _unfit(bin_.host, key)
            for name, bin_ in self._bins.items()}

    def out_of_use(self, host: str) -> str:
        """Why no server may go to the host; empty when some may."""
        return self._out[host]


def _unfit(host: model.Host, key: _Key) -> str:
    for check in (_unfit_place, _unfit_kind, _unfit_inventory):
        why = check(host, key)
        if why:
            return why
    return ''


def _unfit_place(host: model.Host, key: _Key) -> str:
    if host.name in key.refused:
        return 'refused by Nova before'
    if key.zone and host.zone != key.zone:
        return f'not in zone {key.zone}'
    if key.cell and host.cell and host.cell != key.cell:
        return 'in another cell'
    if key.storage and key.storage.isdisjoint(host.storage):
        return 'without the shared storage of its disks'
    if not all(wanted & host.aggregates for wanted in key.aggregates):
        return 'not in the aggregates asked for'
    return ''


def _unfit_kind(host: model.Host, key: _Key) -> str:
    if not key.required <= host.traits:
        return 'lacks trait ' + ', '.join(sorted(key.required - host.traits))
    if not key.forbidden.isdisjoint(host.traits):
        return 'has forbidden trait ' + ', '.join(
            sorted(key.forbidden & host.traits))
    kind, version = key.hypervisor
    if kind and host.hypervisor_type and kind != host.hypervisor_type:
        return f'runs {host.hypervisor_type}, not {kind}'
    if host.hypervisor_version and host.hypervisor_version < version:
        return 'has an older hypervisor'
    return ''


def _unfit_inventory(host: model.Host, key: _Key) -> str:
    for name, amount in key.resources:
        if not amount:
            continue
        inventory = host.inventory.get(name)
        if inventory is None:
            return f'offers no {name}'
        if not inventory.takes(amount):
            return f'takes no single {amount} of {name}'
    return ''
