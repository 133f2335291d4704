#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time of a drain plan in a made-up cloud, beside a plain first-fit.

The cloud is random from a seed: hosts of two sizes in zones, some with
traits, some out of use, server groups of every policy. The spread is the
standard deviation over the legal targets of the largest usage of each.
"""

import argparse
import collections
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from cloudmanager.planning import classify  # noqa: E402
from cloudmanager.planning import drain  # noqa: E402
from cloudmanager.planning import options  # noqa: E402
from cloudmanager.planning import plan  # noqa: E402
from cloudmanager.planning.cloud import ledger  # noqa: E402
from cloudmanager.planning.cloud import model  # noqa: E402
from cloudmanager.planning.cloud import reach  # noqa: E402

FLAVORS = ((1, 2048, 20), (2, 4096, 40), (2, 8192, 40), (4, 8192, 80))
POLICIES = (
    model.AFFINITY,
    model.ANTI_AFFINITY,
    model.ANTI_AFFINITY,
    model.SOFT_AFFINITY,
    model.SOFT_ANTI_AFFINITY,
)
SOURCE = 'host-000'


def make_hosts(rng: random.Random, count: int) -> list[model.Host]:
    """Empty hosts; the first is the source."""
    found = []
    for number in range(count):
        big = number == 0 or rng.random() < 0.3
        size = 2 if big else 1
        found.append(
            model.Host(
                name=f'host-{number:03}',
                enabled=number == 0 or rng.random() > 0.04,
                reserved=number > 0 and rng.random() < 0.02,
                inventory={
                    'VCPU': model.Inventory(
                        32 * size, allocation_ratio=4.0, max_unit=32 * size
                    ),
                    'MEMORY_MB': model.Inventory(327680 * size, 8192),
                    'DISK_GB': model.Inventory(4000 * size, 100),
                },
                traits=frozenset(
                    {'HW_CPU_X86_AVX2'} | ({'CUSTOM_SSD'} if big else set())
                ),
                zone=f'az{number % 3}',
            )
        )
    return found


def make_servers(
    rng: random.Random, hosts: list[model.Host], count: int, drained: int
) -> list[model.Server]:
    """Servers over the hosts, a given number of them on the source.

    No host is filled above its capacity; servers that find no room in ten
    tries are left out.
    """
    bins = {host.name: ledger.Bin(host, options.DEFAULT) for host in hosts}
    found = []
    for number in range(count):
        vcpus, memory, disk = rng.choice(FLAVORS)
        wanted = {'VCPU': vcpus, 'MEMORY_MB': memory, 'DISK_GB': disk}
        tries = hosts[:1] if number < drained else rng.choices(hosts[1:], k=10)
        host = next((h for h in tries if bins[h.name].fits(wanted)), None)
        if host is None:
            continue
        bins[host.name].add(wanted)
        found.append(make_server(rng, number, host, wanted))
    return found


def make_server(
    rng: random.Random, number: int, host: model.Host, wanted: dict[str, int]
) -> model.Server:
    """One server with the zone and traits of its host, perhaps."""
    zone = rng.random() < 0.3
    ssd = 'CUSTOM_SSD' in host.traits and rng.random() < 0.2
    return model.Server(
        id=f'server-{number:05}',
        host=host.name,
        status=rng.choices(('ACTIVE', 'SHUTOFF', 'PAUSED'), (90, 8, 2))[0],
        resources=wanted,
        availability_zone=host.zone if zone else '',
        required_traits=frozenset({'CUSTOM_SSD'} if ssd else ()),
    )


def make_groups(
    rng: random.Random, servers: list[model.Server], drained: int
) -> list[model.Group]:
    """Groups that hold now, a tenth of the drained servers in one."""
    on: dict[str, list[str]] = collections.defaultdict(list)
    for server in servers:
        on[server.host].append(server.id)
    hosts = sorted(set(on) - {SOURCE})
    free = iter(server.id for server in servers[: drained // 2])
    found = []
    for number, first in enumerate(free):
        if rng.random() > 0.3:
            continue
        policy = POLICIES[number % len(POLICIES)]
        members = {first}
        if policy == model.AFFINITY:
            members |= {item for item in (next(free, None),) if item}
        else:
            members |= {
                rng.choice(on[host]) for host in rng.sample(hosts, 5)
            }
        found.append(
            model.Group(f'group-{number}', policy, frozenset(members))
        )
    return found


def make_cloud(
    seed: int, hosts: int, servers: int, drained: int
) -> model.Cloud:
    """The whole cloud; usage is what its servers ask for."""
    rng = random.Random(seed)  # noqa: S311
    made = make_hosts(rng, hosts)
    placed = make_servers(rng, made, servers, drained)
    used: dict[str, collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    for server in placed:
        used[server.host].update(server.resources)
    full = [
        model.Host(
            name=host.name,
            enabled=host.enabled,
            reserved=host.reserved,
            inventory=host.inventory,
            used=dict(used[host.name]),
            traits=host.traits,
            zone=host.zone,
        )
        for host in made
    ]
    return model.Cloud.of(full, placed, make_groups(rng, placed, drained))


def first_fit(cloud: model.Cloud) -> dict[str, str]:
    """The peer: each server onto the first legal host with room."""
    flags = options.Options()
    books = ledger.Ledger(cloud, {SOURCE}, flags)
    legal = reach.Reach(books, flags)
    found = {}
    for server in cloud.servers_on(SOURCE):
        choice = classify.drain_choice(server, flags)
        group = cloud.group_of.get(server.id)
        for bin_ in legal.targets(server, choice.action):
            if bin_.fits(server.resources) and books.group_allows(
                group, bin_.name
            ):
                books.place(server, bin_.name)
                found[server.id] = bin_.name
                break
    return found


def spread(cloud: model.Cloud, placed: dict[str, str]) -> tuple[float, float]:
    """Deviation and maximum of the largest usage of the usable hosts."""
    books = ledger.Ledger(cloud, {SOURCE}, options.Options())
    for server_id, host in placed.items():
        books.place(cloud.servers[server_id], host)
    loads = [
        max(bin_.usage().values())
        for bin_ in books.bins.values()
        if not bin_.host.out_of_use
    ]
    return statistics.pstdev(loads), max(loads)


def report(
    name: str, cloud: model.Cloud, placed: dict[str, str], seconds: float
) -> None:
    """One line of figures."""
    deviation, most = spread(cloud, placed)
    print(
        f'{name:10} {seconds * 1000:8.1f} ms  placed '
        f'{len(placed)}/{len(cloud.servers_on(SOURCE))}  spread '
        f'{deviation:.4f}  max {most:.3f}'
    )


def main() -> None:
    """Build, plan, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--hosts', type=int, default=200)
    parser.add_argument('--servers', type=int, default=5000)
    parser.add_argument('--drained', type=int, default=100)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--repeat', type=int, default=5)
    args = parser.parse_args()
    times, made = [], plan.Plan('drain', (), ())
    for _ in range(args.repeat):
        # Made anew: what the model caches is part of the time.
        cloud = make_cloud(
            args.seed, args.hosts, args.servers, args.drained
        )
        start = time.perf_counter()
        made = drain.plan_drain(cloud, SOURCE)
        made.to_dict()
        times.append(time.perf_counter() - start)
    report('before', cloud, {}, 0.0)
    report('plan', cloud, dict(made.destinations), statistics.median(times))
    start = time.perf_counter()
    peer = first_fit(cloud)
    report('first-fit', cloud, peer, time.perf_counter() - start)
    for blocker in made.blockers:
        print('blocker:', blocker.code, blocker.text)


if __name__ == '__main__':
    main()
