# SPDX-License-Identifier: Apache-2.0
"""The destinations of a plan: their usage, and warnings about it."""

import collections

from cloudmanager.planning import options as opts
from cloudmanager.planning import plan
from cloudmanager.planning.cloud import ledger
from cloudmanager.planning.cloud import model
from cloudmanager.planning.cloud import pack
from cloudmanager.planning.terms import Blocker


def of(books: ledger.Ledger,
       units: list[pack.Unit]) -> tuple[plan.Target, ...]:
    """Return the usage of each destination before and after."""
    counts = collections.Counter(
        unit.host for unit in units if unit.host for _ in unit.servers)
    return tuple(plan.Target(name, books.bins[name].usage(before=True),
                             books.bins[name].usage(), counts[name])
                 for name in sorted(counts))


def warnings(books: ledger.Ledger, found: tuple[plan.Target, ...],
             flags: opts.Options) -> list[Blocker]:
    """Return warnings about destinations that will be nearly full."""
    return [item for target in found
            for item in (*_usage(target, flags), *_memory(books, target))]


def _usage(target: plan.Target, flags: opts.Options) -> list[Blocker]:
    return [
        Blocker('target-usage',
                f'{name} of {target.host} goes from {target.before[name]:.0%} '
                f'to {target.after[name]:.0%}', host=target.host)
        for name in flags.load_classes
        if target.after.get(name, 0.0) > flags.warn_projected_usage]


def _memory(books: ledger.Ledger, target: plan.Target) -> list[Blocker]:
    memory = books.cloud.hosts[target.host].inventory.get(model.MEMORY_MB)
    used = books.bins[target.host].used.get(model.MEMORY_MB, 0)
    if memory is None or used <= memory.total - memory.reserved:
        return []
    return [Blocker(
        'memory-overcommit',
        f'the servers on {target.host} would have {used} MiB of memory, and '
        f'it has {memory.total - memory.reserved} MiB', host=target.host)]
