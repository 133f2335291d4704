# SPDX-License-Identifier: Apache-2.0
"""An independent check of audits, by walking through them stage by stage.

While the moves of a stage run, their servers count on both hosts.
"""

import collections
import itertools

from cloudmanager.tests.unit.planning import validator


def faults(cloud, made, hosts, settings):
    """Return all that is wrong with an audit."""
    found = []
    if len({move.server_id for move in made.moves}) < len(made.moves):
        found.append('a server is moved twice')
    if len(made.moves) > settings.max_moves:
        found.append('more moves than may be')
    used = {name: collections.Counter(host.used)
            for name, host in cloud.hosts.items()}
    place = {key: server.host for key, server in cloud.servers.items()}
    for _, stage in itertools.groupby(made.moves, lambda move: move.stage):
        moves = list(stage)
        for move in moves:
            server = cloud.servers[move.server_id]
            found.extend(_legal(cloud, place, move, hosts))
            used[move.target].update(server.resources)
            found.extend(_full(cloud, used, move, server, settings))
        found.extend(_groups(cloud, place, moves))
        for move in moves:
            place[move.server_id] = move.target
            used[move.source].subtract(
                cloud.servers[move.server_id].resources)
    return found


def _legal(cloud, place, move, hosts):
    server, host = cloud.servers[move.server_id], cloud.hosts[move.target]
    source = cloud.hosts[move.source]
    found = [*validator.unusable(host), *validator.unwanted(server, host)]
    if place[server.id] != move.source or move.source == move.target:
        found.append('it is not there')
    if not {move.source, move.target} <= set(hosts):
        found.append('out of the aggregate')
    if not source.aggregates <= host.aggregates:
        found.append('out of an aggregate')
    if host.cell != source.cell:
        found.append('cell')
    if move.action == 'live-migrate' and server.status == 'SHUTOFF':
        found.append('live though it is off')
    if server.status not in ('ACTIVE', 'PAUSED', 'SHUTOFF'):
        found.append(f'moved in state {server.status}')
    return [f'{server.id} to {move.target}: {fault}' for fault in found]


def _full(cloud, used, move, server, settings):
    """Yield resources that a move fills above what may be."""
    for name, amount in server.resources.items():
        inventory = cloud.hosts[move.target].inventory.get(name)
        if not amount or inventory is None:
            continue
        most = (inventory.total - inventory.reserved
                ) * inventory.allocation_ratio
        if name in ('VCPU', 'MEMORY_MB', 'DISK_GB'):
            most *= settings.max_load
        if used[move.target][name] > most + 1e-6:
            yield f'{move.target} is over {name} with {server.id}'


def _groups(cloud, place, moves):
    """Yield groups that a stage breaks, or has two moves of."""
    goes = {move.server_id: move.target for move in moves}
    for group in cloud.groups.values():
        moved = [key for key in group.members if key in goes]
        if len(moved) > 1:
            yield f'{group.id} has two moves at a time'
        if not moved:
            continue
        target = goes[moved[0]]
        there = [key for key in group.members
                 if key != moved[0] and place.get(key) == target]
        if (group.policy == 'anti-affinity'
                and len(there) >= group.max_per_host):
            yield f'{group.id} is broken on {target}'
        if group.policy == 'affinity':
            yield f'{group.id} is torn apart'
