# SPDX-License-Identifier: Apache-2.0
"""Small and random clouds for the planning tests."""

import collections
import dataclasses
import random
import typing

from cloudmanager.planning.cloud import model


def host(
    name: str,
    *,
    vcpus: int = 16,
    memory: int = 16384,
    disk: int = 1000,
    used: dict[str, int] | None = None,
    **kwargs: typing.Any,
) -> model.Host:
    """A host of plain capacity, ratio 1 and nothing reserved."""
    return model.Host(
        name=name,
        inventory={
            'VCPU': model.Inventory(vcpus),
            'MEMORY_MB': model.Inventory(memory),
            'DISK_GB': model.Inventory(disk),
            **kwargs.pop('inventory', {}),
        },
        used=used or {},
        **kwargs,
    )


def server(
    id_: str,
    on: str = 'src',
    *,
    vcpus: int = 1,
    memory: int = 1024,
    disk: int = 10,
    resources: dict[str, int] | None = None,
    **kwargs: typing.Any,
) -> model.Server:
    """A running server."""
    return model.Server(
        id=id_,
        name=f'name-{id_}',
        host=on,
        resources={
            'VCPU': vcpus,
            'MEMORY_MB': memory,
            'DISK_GB': disk,
            **(resources or {}),
        },
        **kwargs,
    )


def cloud(
    hosts: list[model.Host],
    servers: list[model.Server],
    groups: list[model.Group] | None = None,
) -> model.Cloud:
    """A cloud whose hosts use what their servers ask, and more if given."""
    used: dict[str, collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    for item in servers:
        used[item.host].update(item.resources)
    return model.Cloud.of(
        [
            dataclasses.replace(
                item,
                used=dict(used[item.name] + collections.Counter(item.used)),
            )
            for item in hosts
        ],
        servers,
        groups or [],
    )


POLICIES = (
    model.AFFINITY,
    model.ANTI_AFFINITY,
    model.SOFT_AFFINITY,
    model.SOFT_ANTI_AFFINITY,
)


def _random_host(rng: random.Random, number: int) -> model.Host:
    size = rng.choice((1, 1, 2))
    extra = {}
    if rng.random() < 0.3:
        extra['VGPU'] = model.Inventory(4)
    return model.Host(
        name=f'node{number}',
        enabled=rng.random() > 0.1,
        up=rng.random() > 0.05,
        reserved=rng.random() < 0.05,
        maintenance=rng.random() < 0.05,
        inventory={
            'VCPU': model.Inventory(
                16 * size, 2, rng.choice((1.0, 2.0, 4.0))
            ),
            'MEMORY_MB': model.Inventory(
                32768 * size, 1024, rng.choice((1.0, 1.1)), max_unit=16384
            ),
            'DISK_GB': model.Inventory(500 * size, 20),
            **extra,
        },
        traits=frozenset(
            name for name in ('T_A', 'T_B', 'T_C') if rng.random() < 0.5
        ),
        aggregates=frozenset(rng.sample(('1', '2', '3'), 2)),
        zone=f'az{number % 2}',
        cell='cell1' if rng.random() < 0.9 else 'cell2',
        hypervisor_type='QEMU',
        hypervisor_version=rng.choice((8000000, 8000000, 9000000)),
    )


def _random_server(
    rng: random.Random, number: int, where: model.Host
) -> model.Server:
    vcpus = rng.choice((1, 1, 2, 4))
    chosen = {
        'VCPU': vcpus,
        'MEMORY_MB': vcpus * rng.choice((1024, 2048, 4096)),
        'DISK_GB': rng.choice((0, 10, 20)),
    }
    if 'VGPU' in where.inventory and rng.random() < 0.2:
        chosen['VGPU'] = 1
    traits = sorted(where.traits)
    absent = sorted({'T_A', 'T_B', 'T_C'} - where.traits)
    return model.Server(
        id=f's{number:03}',
        host=where.name,
        status=rng.choices(
            ('ACTIVE', 'SHUTOFF', 'PAUSED', 'ERROR', 'SUSPENDED', 'SHELVED'),
            (80, 10, 4, 2, 2, 2),
        )[0],
        resources=chosen,
        availability_zone=where.zone if rng.random() < 0.3 else '',
        required_traits=frozenset(
            rng.sample(traits, 1) if traits and rng.random() < 0.2 else ()
        ),
        forbidden_traits=frozenset(
            rng.sample(absent, 1) if absent and rng.random() < 0.1 else ()
        ),
        required_aggregates=(
            (where.aggregates,) if rng.random() < 0.1 else ()
        ),
        metadata=(
            {'recovery_priority': str(rng.randint(-1, 12))}
            if rng.random() < 0.3
            else {}
        ),
    )


def _random_groups(
    rng: random.Random, servers: list[model.Server]
) -> list[model.Group]:
    """Groups whose hard policy holds before anything moves."""
    found, free = [], list(servers)
    rng.shuffle(free)
    for number in range(rng.randint(0, 6)):
        if not free:
            break
        policy = rng.choice(POLICIES)
        first = free.pop()
        limit = rng.choice((1, 1, 2))
        counts = collections.Counter([first.host])
        members = [first.id]
        for other in list(free):
            if len(members) >= 4:
                break
            if policy == model.AFFINITY and other.host != first.host:
                continue
            if policy == model.ANTI_AFFINITY and counts[other.host] >= limit:
                continue
            counts[other.host] += 1
            members.append(other.id)
            free.remove(other)
        found.append(
            model.Group(
                f'g{number}',
                policy,
                frozenset(members),
                {'max_server_per_host': limit} if limit > 1 else {},
            )
        )
    return found


def random_cloud(
    seed: int, *, hosts: int = 0, fill: float = 0.0
) -> model.Cloud:
    """A cloud of which no host is over capacity and no group is broken.

    :param fill: fraction of tries to add a server; more is fuller.
    """
    rng = random.Random(seed)  # noqa: S311
    made = [
        _random_host(rng, number)
        for number in range(hosts or rng.randint(2, 12))
    ]
    used: dict[str, collections.Counter[str]] = {
        item.name: collections.Counter() for item in made
    }
    servers = []
    for number in range(int(len(made) * 12 * (fill or rng.random()))):
        where = rng.choice(made)
        item = _random_server(rng, number, where)
        after = used[where.name] + collections.Counter(item.resources)
        if all(
            after[name] <= where.inventory[name].capacity for name in after
        ):
            used[where.name] = after
            servers.append(item)
    return cloud(made, servers, _random_groups(rng, servers))
