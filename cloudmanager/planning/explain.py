# SPDX-License-Identifier: Apache-2.0
"""Why a server goes where it goes, or why it finds no host."""

import collections

from cloudmanager.planning import classify
from cloudmanager.planning import disks
from cloudmanager.planning import options as opts
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import pack
from cloudmanager.planning.cloud import reach

Blocker = classify.Blocker

_NAMED = 3


def chosen(unit: pack.Unit, books: ledger.Ledger) -> str:
    """Say why a placed unit goes to its host."""
    usage = books.bins[unit.host].usage()
    loads = {name: usage[name] for name in books.bins[unit.host].per_unit}
    texts = [
        f'least loaded of {len(unit.candidates[unit.rung])} legal hosts'
        if len(unit.candidates[unit.rung]) > 1 else 'the only legal host']
    if loads:
        most = max(sorted(loads), key=lambda name: loads[name])
        texts.append(f'{loads[most]:.0%} of its {most} used in the end')
    if unit.group is not None:
        texts.append(_group_text(unit, unit.group, books))
    if books.bins[unit.host].avoid:
        texts.append('to be avoided, but no other host had room')
    return ', '.join(texts)


def _group_text(unit: pack.Unit, group: model.Group,
                books: ledger.Ledger) -> str:
    label = group.name or group.id
    others = books.members(group)[unit.host] - len(unit.servers)
    if group.policy == model.AFFINITY:
        return f'group {label} kept together'
    if group.policy == model.ANTI_AFFINITY:
        return f'{others} other members of group {label} there'
    if others and group.policy == model.SOFT_ANTI_AFFINITY:
        return f'soft policy of group {label} could not be kept'
    return f'soft policy of group {label} weighed'


def unplaced(unit: pack.Unit, books: ledger.Ledger, legal: reach.Reach,
             flags: opts.Options) -> Blocker:
    """What keeps a unit from moving.

    When room is all that it lacks, the host that is short of least is named.
    """
    unfit = _unfit(unit, legal)
    helpful = _would_help(unit, books, legal, unfit)
    targets = list({id(b): b for c in unit.candidates for b in c}.values())
    if not targets:
        return _nowhere(unfit, legal, helpful)
    allowed = [
        bin_ for bin_ in targets if books.group_allows(unit.group, bin_.name)]
    if not allowed:
        group = unit.group
        policy = group.policy if group else ''
        label = (group.name or group.id) if group else ''
        return Blocker(
            policy,
            f'group {label} ({policy}) leaves none of {len(targets)} legal '
            f'hosts{helpful}')
    return _no_room(unit, allowed, flags, helpful)


def _unfit(unit: pack.Unit, legal: reach.Reach) -> dict[str, str]:
    """Why each host is unfit, by the last action of each server's ladder."""
    found: dict[str, str] = {}
    for server, ladder in zip(unit.servers, unit.ladders, strict=True):
        for name, why in legal.unfit(server, ladder[-1]).items():
            found[name] = found.get(name) or why
    return found


def _no_room(unit: pack.Unit, bins: list[ledger.Bin], flags: opts.Options,
             helpful: str) -> Blocker:
    near = min(bins,
               key=lambda bin_: (bin_.shortage(unit.resources)[0], bin_.name))
    _, short = near.shortage(unit.resources)
    what = ', '.join(
        f'{amount:g} {name}' for name, amount in sorted(short.items()))
    whom = f'its group of {len(unit.servers)}' if unit.servers[1:] else 'it'
    code, text = 'no-capacity', f'no legal host has room for {whom}'
    if all(amount <= near.host.inventory[name].capacity - near.limit[name]
           for name, amount in short.items()):
        code = 'headroom'
        text += f' below {flags.max_projected_usage:.0%} usage'
    return Blocker(
        code,
        f'{text}: the nearest, {near.name}, is short of {what}{helpful}',
        host=near.name,
        short=tuple(sorted(short.items())))


def _would_help(unit: pack.Unit, books: ledger.Ledger, legal: reach.Reach,
                unfit: dict[str, str]) -> str:
    """Say which hosts would take the unit if they were in use."""
    found = [
        f'{name} ({legal.out_of_use(name)})'
        for name, bin_ in sorted(books.bins.items())
        if legal.out_of_use(name) and not unfit[name]
        and bin_.fits(unit.resources) and books.group_allows(unit.group, name)]
    if not found:
        return ''
    more = len(found) - _NAMED
    names = ', '.join(found[:_NAMED])
    return f'; would fit on {names}' + (
        f' and {more} more' if more > 0 else '')


def _nowhere(unfit: dict[str, str], legal: reach.Reach,
             helpful: str) -> Blocker:
    counts = collections.Counter(
        legal.out_of_use(name) or why for name, why in unfit.items())
    commonest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    what = ', '.join(f'{count} {why}' for why, count in commonest if why)
    return Blocker('no-legal-host',
                   f'no legal host ({what or "there is no other"}){helpful}')


def summary(entries: tuple[plan.Entry, ...]) -> list[Blocker]:
    """The blockers of servers that cannot move, one for each text.

    Lack of room is left out: the plan names those servers together.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        if entry.fits or not entry.blockers:
            continue
        first = entry.blockers[0]
        if not entry.ladder or first.code == model.AFFINITY:
            found.setdefault((first.code, first.text), []).append(entry.id)
    return disks.first(
        Blocker(code, text, servers=tuple(ids))
        for (code, text), ids in found.items())
