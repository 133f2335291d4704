# SPDX-License-Identifier: Apache-2.0
"""Plans that empty hosts that are alive (drain) or dead (evacuation)."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import types

from cloudmanager.planning import classify
from cloudmanager.planning import disks
from cloudmanager.planning import entries as planning_entries
from cloudmanager.planning import explain
from cloudmanager.planning import fencing
from cloudmanager.planning import open_resizes
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan
from cloudmanager.planning import targets
from cloudmanager.planning import units as planning_units
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import pack
from cloudmanager.planning.cloud import reach
from cloudmanager.planning.terms import Blocker

#: Code of the blocker that names the servers for which no host has room.
LEAVE_SET = 'leave-set'
_Hosts = str | Iterable[str]


def plan_drain(cloud: model.Cloud, source_hosts: _Hosts,
               options: opts.Options = opts.DEFAULT) -> plan.Plan:
    """Plan how to empty hosts that are alive.

    If one server cannot leave its host, that host is not fenced, and none of
    its servers can be evacuated. Then the plan is made again without these
    evacuations.

    :param source_hosts: exact host names; none of them becomes a target
    :raises UnknownHost: if there is no host of exactly that name
    """
    hosts = _known(cloud, source_hosts)
    made = _make(cloud, hosts, options, dead=False)
    while kept := fencing.kept(made, options):
        options = dataclasses.replace(
            options, cannot_fence={**options.cannot_fence, **kept})
        made = _make(cloud, hosts, options, dead=False, unfit={
            item.id: item for item in made.servers if not item.fits})
    return made


def plan_evacuation(cloud: model.Cloud, host: _Hosts,
                    options: opts.Options = opts.DEFAULT) -> plan.Plan:
    """Plan how to rebuild elsewhere what was on dead, fenced hosts.

    Servers are ordered by recovery priority, then by size.

    :param host: exact host name, or several
    :raises UnknownHost: if there is no host of exactly that name
    """
    return _make(cloud, _known(cloud, host), options, dead=True)


def without_place(made: plan.Plan, host: str) -> list[plan.Entry]:
    """The servers of a host that could move but that no host has room for."""
    left = {server for blocker in made.blockers if blocker.code == LEAVE_SET
            for server in blocker.servers}
    return [entry for entry in made.servers
            if entry.host == host and entry.id in left]


def _known(cloud: model.Cloud, given: _Hosts) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    return tuple(cloud.host(name).name for name in dict.fromkeys(names))


def _make(cloud: model.Cloud, hosts: tuple[str, ...], flags: opts.Options, *,
          dead: bool, unfit: Mapping[str, plan.Entry] =
          types.MappingProxyType({})) -> plan.Plan:
    """Classify the servers, place them, and explain the result.

    :param unfit: entries that did not fit even with their hosts fenced
    """
    books = ledger.Ledger(cloud, frozenset(hosts), flags)
    legal = reach.Reach(books, flags)
    packer = pack.Packer(books, legal, flags)
    servers = [server for host in hosts for server in cloud.servers_on(host)
               if flags.only is None or server.id in flags.only]
    decide = classify.evacuation_choice if dead else classify.drain_choice
    choices = {server.id: decide(server, flags) for server in servers}
    maker = planning_units.Units(books, packer, flags, dead=dead)
    units = maker.make(servers, choices)
    left = packer.pack(units)
    for unit in left:
        why = explain.unplaced(unit, books, legal, flags)
        for server in unit.servers:
            maker.blockers[server.id].append(why)
    entries = planning_entries.Entries(books, maker, flags, dead=dead).make(
        servers, choices, units)
    if not dead:
        entries += tuple(open_resizes.of_drain(cloud, hosts, flags))
    entries = tuple(fencing.with_first_reason(entry, unfit.get(entry.id))
                    for entry in entries)
    filled = targets.of(books, units)
    return plan.Plan(
        'evacuate' if dead else 'drain', hosts, entries,
        (*explain.summary(entries), *_leave(left)),
        (*_warnings(entries),
         *(open_resizes.of_evacuation(cloud, hosts) if dead else ()),
         *targets.warnings(books, filled, flags)),
        filled,
        tuple(filter(None, (cloud.host(name).provider_uuid
                            for name in hosts))))


def _leave(left: list[pack.Unit]) -> list[Blocker]:
    """The blocker that names servers which have to stay for others to fit."""
    stay = [server for unit in left for server in unit.servers]
    if not stay:
        return []
    names = ', '.join(server.name or server.id for server in stay)
    return [Blocker(
        LEAVE_SET,
        f'no host has room for {len(stay)} servers; if they stay, all others '
        f'fit: {names}',
        servers=tuple(server.id for server in stay))]


def _warnings(entries: tuple[plan.Entry, ...]) -> list[Blocker]:
    found = [dataclasses.replace(item,
                                 text=f'{entry.name or entry.id}: {item.text}',
                                 servers=(entry.id,))
             for entry in entries for item in entry.warnings]
    forced = tuple(entry.id for entry in entries if entry.force)
    if forced:
        found.append(Blocker(
            'affinity-force',
            'the first member of each hard affinity group needs a forced move '
            '(microversion 2.67 or older); if members stay behind, the '
            'targets also need [workarounds] '
            'disable_group_policy_check_upcall', servers=forced))
    return disks.first(found)
