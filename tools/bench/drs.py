#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time, moves and outcome of an audit of a made-up aggregate.

The aggregate is random from a seed: hosts of two sizes whose loads are spread
evenly between little and much, servers of some flavors, server groups of
every policy. Beside the audit stands a plain greedy that looks at all servers
of the fullest host and at all hosts, and knows of neither groups nor prices.
With --bound there is the number of moves that are needed at least, which a
linear program of OR-Tools proves, and with --optimum the least that its CP-SAT
finds; that takes a small aggregate, such as --hosts 10 --servers 150. Both
leave groups and prices out. With --watcher there is Watcher's strategy
workload_stabilization on the same loads. --seeds makes so many aggregates and
adds the moves up. Times are of the processor.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import random
import statistics
import subprocess
import sys
import time
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from cloudmanager.planning import options  # noqa: E402
from cloudmanager.planning.cloud import ledger  # noqa: E402
from cloudmanager.planning.cloud import model  # noqa: E402
from cloudmanager.planning.drs import audit  # noqa: E402
from cloudmanager.planning.drs import load  # noqa: E402
from cloudmanager.planning.drs import settings  # noqa: E402

FLAVORS = ((1, 2048, 20), (2, 4096, 40), (2, 8192, 40), (4, 8192, 80),
           (8, 16384, 80))
SHARES = (25, 25, 25, 15, 10)
POLICIES = (model.AFFINITY, model.ANTI_AFFINITY, model.ANTI_AFFINITY,
            model.SOFT_AFFINITY, model.SOFT_ANTI_AFFINITY)
RESOURCES = (model.VCPU, model.MEMORY_MB)
#: Hosts carry from this to that many times the mean.
LEAST, MOST = 0.42, 1.58


def make_hosts(rng: random.Random, count: int) -> list[model.Host]:
    """Empty hosts of two sizes."""
    found = []
    for number in range(count):
        size = 2 if rng.random() < 0.3 else 1
        found.append(model.Host(
            name=f'host-{number:04}',
            inventory={
                model.VCPU: model.Inventory(32 * size, allocation_ratio=4.0),
                model.MEMORY_MB: model.Inventory(327680 * size, 8192),
                model.DISK_GB: model.Inventory(4000 * size, 100)}))
    return found


def make_servers(rng: random.Random, hosts: list[model.Host],
                 count: int) -> list[model.Server]:
    """Servers over the hosts, on some many and on others few."""
    weights = [host.inventory[model.VCPU].total * rng.uniform(LEAST, MOST)
               for host in hosts]
    bins = {host.name: ledger.Bin(host, options.DEFAULT) for host in hosts}
    found = []
    for number in range(count):
        ((vcpus, memory, disk),) = rng.choices(FLAVORS, SHARES)
        wanted = {model.VCPU: vcpus, model.MEMORY_MB: memory,
                  model.DISK_GB: disk}
        tries = rng.choices(hosts, weights, k=10)
        host = next((one for one in tries if bins[one.name].fits(wanted)),
                    None)
        if host is not None:
            bins[host.name].add(wanted)
            found.append(model.Server(
                id=f'server-{number:05}', name=f'vm{number}',
                host=host.name, resources=wanted, memory_mb=memory))
    return found


def make_groups(rng: random.Random,
                servers: list[model.Server]) -> list[model.Group]:
    """Groups that hold now, a tenth of the servers in one."""
    on = collections.defaultdict(list)
    for server in servers:
        on[server.host].append(server.id)
    hosts, taken = sorted(on), set()
    found = []
    for number in range(len(servers) // 40):
        policy = POLICIES[number % len(POLICIES)]
        if policy == model.AFFINITY:
            chosen = rng.sample(on[rng.choice(hosts)], 2)
        else:
            chosen = [rng.choice(on[host]) for host in rng.sample(
                hosts, min(5, len(hosts)))]
        members = frozenset(chosen) - taken
        if len(members) > 1:
            taken |= members
            found.append(model.Group(f'group-{number}', policy, members))
    return found


def make_cloud(seed: int, hosts: int, servers: int) -> model.Cloud:
    """The whole aggregate; usage is what its servers ask for."""
    rng = random.Random(seed)  # noqa: S311
    made = make_hosts(rng, hosts)
    placed = make_servers(rng, made, servers)
    used = collections.defaultdict(collections.Counter)
    for server in placed:
        used[server.host].update(server.resources)
    return model.Cloud.of(
        [dataclasses.replace(host, used=dict(used[host.name]))
         for host in made], placed, make_groups(rng, placed))


def make_use(seed: int, cloud: model.Cloud) -> load.Use:
    """Measured use of all servers, each a part of its own of what it has."""
    rng = random.Random(seed)  # noqa: S311
    servers = {
        server.id: {
            model.VCPU: server.resources[model.VCPU] * rng.uniform(0.05, 0.9),
            model.MEMORY_MB: server.resources[model.MEMORY_MB]
            * rng.uniform(0.3, 1.0)}
        for server in cloud.servers.values()}
    return load.Use({
        host: {name: sum(servers[server.id][name]
                         for server in cloud.servers_on(host))
               for name in RESOURCES}
        for host in cloud.hosts}, servers)


def greedy(cloud: model.Cloud, limits: settings.Settings
           ) -> list[tuple[str, str]]:
    """The peer: from the fullest host to wherever the spread falls most."""
    loads = load.Loads(cloud, sorted(cloud.hosts), settings=limits)
    on = collections.defaultdict(set)
    for server in cloud.servers.values():
        on[server.host].add(server.id)
    found = []
    while max(loads.deviations()) > limits.threshold:
        source = max(loads.values, key=lambda name: sum(loads.values[name]))
        best = max(
            (_fall(loads, cloud.servers[server], source, host), server, host)
            for server in on[source] for host in loads.values
            if host != source)
        if best[0] <= 0:
            break
        _, server, host = best
        loads.move(cloud.servers[server], source, host)
        on[source].discard(server)
        on[host].add(server)
        found.append((server, host))
    return found


def _fall(loads: load.Loads, server: model.Server, source: str,
          host: str) -> float:
    total = 0.0
    for here, there, off, on, mean in zip(
            loads.values[source], loads.values[host],
            loads.share(server, source), loads.share(server, host),
            loads.means(), strict=True):
        total += (here - mean) ** 2 + (there - mean) ** 2
        total -= (here - off - mean) ** 2 + (there + on - mean) ** 2
    return total


def watcher(python: str, cloud: model.Cloud, limits: settings.Settings
            ) -> tuple[list[tuple[str, str]], float]:
    """What Watcher's strategy does about the same loads, and its time."""
    def amounts(values: typing.Mapping[str, float]) -> dict[str, int]:
        return {name: int(values[key]) for name, key in (
            ('vcpus', model.VCPU), ('memory', model.MEMORY_MB),
            ('disk', model.DISK_GB))}

    given = {
        'threshold': limits.threshold, 'tries': 1,
        'hosts': {host.name: {
            **amounts({name: inventory.capacity for name, inventory
                       in host.inventory.items()}),
            'used_cpus': host.used[model.VCPU],
            'used_memory': host.used[model.MEMORY_MB]}
            for host in cloud.hosts.values()},
        'servers': {server.id: {'host': server.host,
                                **amounts(server.resources)}
                    for server in cloud.servers.values()}}
    answer = json.loads(subprocess.run(  # noqa: S603
        [python, str(pathlib.Path(__file__).with_name('watcher_side.py'))],
        input=json.dumps(given), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, check=True).stdout)
    return [tuple(move) for move in answer['moves']], answer['seconds']


def deviations(cloud: model.Cloud, moves: list[tuple[str, str]],
               limits: settings.Settings) -> tuple[float, ...]:
    """The deviations once servers are where they go."""
    loads = load.Loads(cloud, sorted(cloud.hosts), settings=limits)
    place = {server.id: server.host for server in cloud.servers.values()}
    for server, host in moves:
        loads.move(cloud.servers[server], place[server], host)
        place[server] = host
    return loads.deviations()


def broken_groups(cloud: model.Cloud, moves: list[tuple[str, str]]) -> int:
    """How many groups with a hard policy are broken at the end."""
    place = {server.id: server.host for server in cloud.servers.values()}
    place.update(moves)
    count = 0
    for group in cloud.groups.values():
        hosts = collections.Counter(place[key] for key in group.members)
        count += (
            group.policy == model.ANTI_AFFINITY and max(hosts.values()) > 1
            or group.policy == model.AFFINITY and len(hosts) > 1)
    return count


def report(name: str, cloud: model.Cloud, moves: list[tuple[str, str]],
           seconds: float, limits: settings.Settings) -> None:
    """One line of figures."""
    texts = '  '.join(
        f'{resource} {value:.4f}' for resource, value in zip(
            RESOURCES, deviations(cloud, moves, limits), strict=True))
    print(f'{name:8} {seconds * 1000:9.1f} ms  {len(moves):4} moves  '
          f'deviation {texts}  groups broken {broken_groups(cloud, moves)}')


def main() -> None:
    """Build, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--hosts', type=int, default=200)
    parser.add_argument('--servers', type=int, default=5000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--seeds', type=int, default=1)
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--use', action='store_true',
                        help='what is used is measured, of each server')
    parser.add_argument('--no-peer', action='store_true')
    parser.add_argument('--bound', action='store_true')
    parser.add_argument('--optimum', type=float, default=0.0,
                        metavar='SECONDS')
    parser.add_argument('--watcher', metavar='PYTHON',
                        help='a Python that has python-watcher')
    args = parser.parse_args()
    totals = collections.Counter()
    for seed in range(args.seed, args.seed + args.seeds):
        totals.update(compare(args, seed))
    if args.seeds > 1:
        print('moves in all: ' + ', '.join(
            f'{name} {count}' for name, count in totals.items()))


def compare(args: argparse.Namespace, seed: int) -> dict[str, int]:
    """Make one aggregate and print all about it; return moves by name."""
    limits = settings.Settings(max_moves=args.servers)
    times, made = [], None
    for _ in range(args.repeat):
        # Made anew: what the model caches is part of the time.
        cloud = make_cloud(seed, args.hosts, args.servers)
        use = make_use(seed, cloud) if args.use else load.NOTHING
        start = time.process_time()
        made = audit.make(cloud, cloud.hosts, use, limits)
        times.append(time.process_time() - start)
    if args.use:
        print(f'{"audit":8} {statistics.median(times) * 1000:9.1f} ms  '
              f'{made.conclusion}')
        return {'audit': len(made.moves)}
    report('before', cloud, [], 0.0, limits)
    found = [(move.server_id, move.target) for move in made.moves]
    report('audit', cloud, found, statistics.median(times), limits)
    if not args.no_peer:
        start = time.process_time()
        peer = greedy(cloud, limits)
        report('greedy', cloud, peer, time.process_time() - start, limits)
    counts = {'audit': len(found)}
    if args.watcher:
        moved, seconds = watcher(args.watcher, cloud, limits)
        report('watcher', cloud, moved, seconds, limits)
    if args.bound or args.optimum:
        # OR-Tools is there for this only.
        import drs_optimum

        start = time.process_time()
        counts['needed'] = drs_optimum.bound(cloud, limits)
        print(f'{"bound":8} {(time.process_time() - start) * 1000:9.1f} ms  '
              f'{counts["needed"]:4} moves are needed at least')
    if args.optimum:
        counts['CP-SAT'], least = drs_optimum.optimum(
            cloud, limits, args.optimum, found, counts['needed'])
        print(f'{"CP-SAT":8} {"":12}  {counts["CP-SAT"]:4} moves found, '
              f'{least} needed at least')
    print(f'stages {1 + max((move.stage for move in made.moves), default=0)}'
          f'  {made.conclusion}')
    return counts


if __name__ == '__main__':
    main()
