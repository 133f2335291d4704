#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time, moves and outcome of an audit of a made-up aggregate.

The aggregate is random from a seed: hosts of two sizes whose loads are spread
evenly between little and much, servers of some flavors, server groups of
every policy. Beside the audit stands a plain greedy that looks at all servers
of the fullest host and at all hosts, and knows of neither groups nor prices.
With --optimum there is also the least number of moves that CP-SAT of OR-Tools
finds and proves, groups and prices left out; that takes a small aggregate,
such as --hosts 10 --servers 150. Times are of the processor.
"""

import argparse
import collections
import dataclasses
import pathlib
import random
import statistics
import sys
import time

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


def optimum(cloud: model.Cloud, limits: settings.Settings, seconds: float,
            moves: list[tuple[str, str]]) -> tuple[int, int]:
    """The fewest moves that were found, and that are needed at least.

    It begins with the moves that are given, and looks for fewer. Servers of
    one size are the same to it, and groups are none of its business, so the
    true optimum is not below it.
    """
    from ortools.sat.python import cp_model

    scale = 10000
    hosts = sorted(cloud.hosts)
    present = collections.Counter(
        (tuple(server.resources.items()), server.host)
        for server in cloud.servers.values())
    kinds = sorted({kind for kind, _ in present})
    problem = cp_model.CpModel()
    on = {(kind, host): problem.new_int_var(
        0, sum(present[kind, one] for one in hosts), f'{kind}{host}')
        for kind in kinds for host in hosts}
    goal = present.copy()
    for key, host in moves:
        server = cloud.servers[key]
        kind = tuple(server.resources.items())
        goal[kind, server.host] -= 1
        goal[kind, host] += 1
    for key, variable in on.items():
        problem.add_hint(variable, goal[key])
    gone = []
    for kind in kinds:
        problem.add(sum(on[kind, host] for host in hosts) == sum(
            present[kind, host] for host in hosts))
        for host in hosts:
            left = problem.new_int_var(0, present[kind, host], '')
            problem.add(left >= present[kind, host] - on[kind, host])
            gone.append(left)
    for name in RESOURCES:
        values = []
        for host in hosts:
            capacity = cloud.hosts[host].inventory[name].capacity
            value = problem.new_int_var(
                0, int(limits.max_load * scale), '')
            problem.add(value == sum(
                round(scale * dict(kind)[name] / capacity) * on[kind, host]
                for kind in kinds))
            values.append(value)
        squares = []
        for value in [*values, sum(values)]:
            square = problem.new_int_var(0, (len(hosts) * scale) ** 2, '')
            copy = problem.new_int_var(0, len(hosts) * scale, '')
            problem.add(copy == value)
            problem.add_multiplication_equality(square, [copy, copy])
            squares.append(square)
        problem.add(len(hosts) * sum(squares[:-1]) - squares[-1] <= int(
            (limits.threshold * scale * len(hosts)) ** 2))
    problem.minimize(sum(gone))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 2
    solver.solve(problem)
    return round(solver.objective_value), round(
        solver.best_objective_bound)


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
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--no-peer', action='store_true')
    parser.add_argument('--optimum', type=float, default=0.0,
                        metavar='SECONDS')
    args = parser.parse_args()
    limits = settings.Settings(max_moves=args.servers)
    times, made = [], None
    for _ in range(args.repeat):
        # Made anew: what the model caches is part of the time.
        cloud = make_cloud(args.seed, args.hosts, args.servers)
        start = time.process_time()
        made = audit.make(cloud, cloud.hosts, settings=limits)
        times.append(time.process_time() - start)
    report('before', cloud, [], 0.0, limits)
    found = [(move.server_id, move.target) for move in made.moves]
    report('audit', cloud, found, statistics.median(times), limits)
    if not args.no_peer:
        start = time.process_time()
        peer = greedy(cloud, limits)
        report('greedy', cloud, peer, time.process_time() - start, limits)
    if args.optimum:
        fewest, bound = optimum(cloud, limits, args.optimum, found)
        print(f'CP-SAT: {fewest} moves found, {bound} needed at least')
    print(f'stages {1 + max((move.stage for move in made.moves), default=0)}'
          f'  {made.conclusion}')


if __name__ == '__main__':
    main()
