# SPDX-License-Identifier: Apache-2.0
"""Why hosts stay as loaded as they are, in words."""

import collections
import collections.abc

from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import fit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import picture
from cloudmanager.planning.drs import search
from cloudmanager.planning.drs import settings as drs_settings

NAMES = load.NAMES
_FLOOR = 'below the load that servers are taken off from'
_FULL = 'no more moves are made at a time'
_GONE = 'moved off it by this plan'
_SMALL = 'worth less than its move costs'
_NOWHERE = 'without a host that can take it'


def move(step: picture.Step, resources: tuple[str, ...]) -> str:
    """Why a server is moved."""
    texts = []
    for index, name in enumerate(resources):
        before, after = ([loads[side][index] for side in (0, 1)]
                         for loads in (step.before, step.after))
        texts.append(f'{NAMES[name]} of {step.source} from {before[0]:.0%} '
                     f'to {after[0]:.0%}, of {step.target} from '
                     f'{before[1]:.0%} to {after[1]:.0%}')
    text = '; '.join(texts)
    if step.partner:
        text += f'; it changes places with server {step.partner}'
        if step.through:
            text += f', for which host {step.through} makes room'
    elif step.through:
        text += ('; it makes room, so that servers of two full hosts can '
                 'change places')
    return text


def hot(
    found: search.Search, ways: movable.Ways,
    settings: drs_settings.Settings,
) -> dict[str, str]:
    """Why each host that is still above the mean by much is left so.

    :returns: a text by host
    """
    means = found.loads.means()
    left = {}
    for host, values in found.loads.values.items():
        above = [
            f'{NAMES[name]} {value:.0%}, {value - mean:.0%} above the mean'
            for name, value, mean in zip(
                found.loads.resources, values, means, strict=True)
            if value - mean > settings.threshold]
        if above:
            left[host] = f'{", ".join(above)}: ' + _host(
                found, host, ways, settings)
    return left


def _host(found: search.Search, host: str,
          ways: movable.Ways,
          settings: drs_settings.Settings) -> str:
    if found.balanced:
        return 'all hosts together are within the threshold'
    if (max(found.loads.values[host]) < settings.source_floor
            and host not in found.room.pressed):
        return _FLOOR
    if not found.held(host):
        return f'not yet for {settings.rounds} audits in a row'
    if found.full:
        return _FULL
    gone = {step.server.id for step in found.steps}
    return count(
        _server(found, server, host, ways.of(server))
        for server in found.room.cloud.servers_on(host)
        if server.id not in gone) or 'it has no servers of its own'


def _server(found: search.Search, server: model.Server, host: str,
            way: movable.Way) -> str:
    """Why one server stays."""
    if way.action is None:
        return way.reason
    reasons = {}
    for target in found.loads.values:
        if target == host:
            continue
        reason = found.room.why_not(server, way.action, target)
        if not reason:
            return _SMALL
        reasons[target] = reason
    return f'{_NOWHERE} ({count(reasons.values(), "host", 2)})'


def count(reasons: collections.abc.Iterable[str], what: str = 'server',
          most: int = 4) -> str:
    """Return how many are kept by which reason, the commonest first."""
    counts = sorted(collections.Counter(reasons).items(),
                    key=lambda pair: (-pair[1], pair[0]))
    texts = [f'{number} {what}{"s" if number > 1 else ""} {reason}'
             for reason, number in counts[:most]]
    if counts[most:]:
        others = sum(number for _, number in counts[most:])
        texts.append(f'{others} for other reasons')
    return ', '.join(texts)


def not_in_scope(
    cloud: model.Cloud, room: fit.Fit, names: collections.abc.Iterable[str],
    unknown: collections.abc.Mapping[str, str],
) -> list[str]:
    """Which hosts are left out of the balance, and why.

    :param unknown: why the use of hosts is not known, by name
    """
    found = []
    for name in sorted(names):
        reason = 'Nova has no such compute'
        if name in cloud.hosts:
            reason = room.reach.out_of_use(name) or unknown.get(name, '')
        found.append(f'host {name} is left out: {reason}')
    return found
