# SPDX-License-Identifier: Apache-2.0
"""Whether a plan that was made before still fits the cloud as it is now.

A plan is stored with a picture of what it was made from. What differs is
named; and each move is looked at again right before it is made.
"""

import collections.abc
import dataclasses
import hashlib
import json
import typing

from cloudmanager.planning import options as opts
from cloudmanager.planning.cloud import model
from cloudmanager.planning.drs import audit
from cloudmanager.planning.drs import fit
from cloudmanager.planning.drs import load
from cloudmanager.planning.drs import movable
from cloudmanager.planning.drs import settings as drs_settings

Picture = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """A move of a stored plan."""

    server_id: str
    source: str
    target: str
    action: str
    stage: int = 0


def picture(
    cloud: model.Cloud, hosts: collections.abc.Iterable[str]
) -> Picture:
    """What plans for some hosts depend on, as JSON-safe values.

    What is measured is not in it: that changes all the time.
    """
    names = sorted(set(hosts) & cloud.hosts.keys())
    return {
        'hosts': {
            name: [
                cloud.hosts[name].out_of_use,
                {
                    key: inventory.capacity
                    for key, inventory in sorted(
                        cloud.hosts[name].inventory.items())
                },
            ]
            for name in names
        },
        'servers': {
            server.id: [server.name, server.host, {
                key: amount for key, amount in sorted(
                    server.resources.items()) if amount}]
            for name in names
            for server in sorted(cloud.servers_on(name),
                                 key=lambda server: server.id)
        },
    }


def fingerprint(seen: Picture) -> str:
    """A short text that differs when the picture does."""
    text = json.dumps(seen, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def differences(
    before: Picture, now: Picture,
    moved: collections.abc.Mapping[str, str],
) -> list[str]:
    """Name what has changed between two pictures.

    :param moved: hosts of the servers that the plan itself has moved since
    """
    return [*_hosts(before['hosts'], now['hosts']),
            *_servers(before['servers'], now['servers'], moved)]


def _hosts(before: Picture, now: Picture) -> list[str]:
    found = []
    for name in sorted({*before, *now}):
        if name not in now:
            found.append(f'host {name} has left the aggregate')
        elif name not in before:
            found.append(f'host {name} has come into the aggregate')
        elif before[name][0] != now[name][0]:
            found.append(f'host {name} is {now[name][0] or "in use again"}')
        elif before[name][1] != now[name][1]:
            found.append(f'host {name} has another capacity')
    return found


def _servers(before: Picture, now: Picture,
             moved: collections.abc.Mapping[str, str]) -> list[str]:
    found = []
    for key in sorted({*before, *now}):
        if key not in now:
            found.append(f'server {before[key][0]} ({key}) has left')
            continue
        name, host, resources = now[key]
        if key not in before:
            found.append(f'server {name} ({key}) has come to {host}')
            continue
        expected = moved.get(key, before[key][1])
        if host != expected:
            found.append(f'server {name} ({key}) is on {host}, '
                         f'not on {expected}')
        elif resources != before[key][2]:
            found.append(f'server {name} ({key}) has another size')
    return found


def problems(
    cloud: model.Cloud,
    hosts: collections.abc.Iterable[str],
    moves: collections.abc.Sequence[Planned],
    use: load.Use = load.NOTHING,
    settings: drs_settings.Settings = drs_settings.DEFAULT,
    options: opts.Options = opts.DEFAULT,
) -> dict[str, str]:
    """Why moves cannot be made any more, by server; nothing for those that
    can.

    Each is judged with those before it made. A move that cannot be made is
    taken to be left out.

    :param moves: in the order of their stages
    """
    options = dataclasses.replace(
        options, max_projected_usage=settings.max_load)
    scope = audit.in_scope(cloud, hosts, use)
    unknown = load.unmeasured(use, set(hosts))
    room = fit.Fit(cloud, scope, use, settings, options)
    ways = movable.Ways(cloud, settings, options, use=use)
    found = {}
    for move in moves:
        reason = _problem(cloud, room, ways, move, unknown)
        if reason:
            found[move.server_id] = reason
        else:
            server = cloud.servers[move.server_id]
            room.take(server, move.source, -1)
            room.take(server, move.target, 1)
    return found


def _problem(cloud: model.Cloud, room: fit.Fit, ways: movable.Ways,
             move: Planned,
             unknown: collections.abc.Mapping[str, str]) -> str:
    server = cloud.servers.get(move.server_id)
    if server is None:
        return 'it is not in the aggregate any more'
    if server.host != move.source:
        return f'it is on {server.host or "no host"}, not on {move.source}'
    source = cloud.hosts.get(move.source)
    if source is None or source.out_of_use:
        why = source.out_of_use if source else 'unknown'
        return f'its host {move.source} is {why}'
    way = ways.of(server)
    if way.action is None:
        return f'it is {way.reason}'
    if way.action != move.action:
        return f'its state has changed: it would need a {way.action} now'
    if move.target not in cloud.hosts:
        return f'host {move.target} is not known to Nova'
    if move.target in unknown:
        return f'host {move.target} is left out: {unknown[move.target]}'
    reason = room.why_not(server, way.action, move.target)
    return f'host {move.target} is {reason}' if reason else ''
