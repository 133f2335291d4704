# SPDX-License-Identifier: Apache-2.0
"""A plan of an action on hosts, for people."""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import TYPE_CHECKING

from cloudmanagerclient.osc import pictures

if TYPE_CHECKING:
    from cloudmanagerclient.sdk.v1 import task as _task

COLUMNS = ('Server', 'Host', 'Action', 'Destination', 'Loses', 'Blockers',
           'Way Out')
LONG_COLUMNS = ('ID', 'Status', 'Priority', 'Reason')

BACK = ('Server', 'Host', 'Action', 'Destination', 'Reason')
LONG_BACK = ('ID', 'Stage')

# What helps against a blocker, by its code.
_WAYS_OUT = {
    'off-vm-not-allowed': '--allow-off-vm',
    'evacuate-not-allowed': '--allow-evacuate',
    'local-disk': 'save its data, or --allow-data-loss',
    'cold-not-allowed': 'start it, or --allow-evacuate',
    'never-evacuate': 'migrate or delete it',
    'budget-spent': 'wait, or --force',
    'not-fenced': 'assign a power control, or --fenced if the host is off',
    'host-up': 'host shutdown, or --force',
    'no-capacity': 'make room, or enable a host',
    'no-legal-host': 'enable a host that may take it',
    'affinity': 'make room for its whole group',
    'anti-affinity': 'add a host, or change its group',
    'suspended': 'resume it, or --allow-evacuate',
    'rescued': 'unrescue it, or --allow-evacuate',
    'error': 'openstack cloudmanager server repair',
    'verify-resize': 'confirm or revert its resize',
    'open-migration': 'confirm or revert its resize',
    'soft-deleted': 'restore it, or delete it for good'}


def rows(plan: '_task.Plan', long: bool) -> Iterator[tuple[Any, ...]]:
    """Return a row for each server.

    :param plan: the plan
    :param long: whether to fill the long columns too
    """
    for part in plan.parts:
        for entry in part.get('servers') or ():
            found: tuple[Any, ...] = (
                entry.get('name') or entry['id'], entry.get('host'),
                entry.get('action'), entry.get('destination'),
                ', '.join(entry.get('loses') or ()),
                '; '.join(item['text']
                          for item in entry.get('blockers') or ()),
                '; '.join(ways_out(entry.get('blockers') or ())))
            if long:
                found += (entry['id'], entry.get('status'),
                          entry.get('priority'), entry.get('reason'))
            yield found


def ways_back(back: Iterable[dict[str, Any]], left: Iterable[dict[str, Any]],
              long: bool) -> Iterator[tuple[Any, ...]]:
    """Return a row for each server that a task has moved.

    :param back: those that would come back
    :param left: those that would stay, and why
    :param long: whether to fill the long columns too
    """
    for entry in (*back, *left):
        found: tuple[Any, ...] = (
            entry.get('name') or entry['server_id'], entry.get('source'),
            entry.get('action', 'stay'), entry.get('destination'),
            entry.get('reason'))
        yield found + ((entry['server_id'], entry.get('stage'))
                       if long else ())


def ways_out(blockers: Any) -> list[str]:
    """Return what helps against blockers, each once."""
    return list(dict.fromkeys(
        _WAYS_OUT[item['code']] for item in blockers
        if item['code'] in _WAYS_OUT))


def summary(plan: '_task.Plan') -> Iterator[str]:
    """Return what a plan says besides its servers, in lines."""
    hosts = ', '.join(plan.hosts or ()) or 'No host'
    yield (f'{hosts}: empty in the end.' if plan.feasible
           else f'{hosts}: NOT empty in the end.')
    yield from _of_restart(plan)
    for part in plan.parts:
        yield from _targets(part.get('targets'))
        for kind in ('blockers', 'warnings'):
            for item in part.get(kind) or ():
                yield _line(kind, item)
        for entry in part.get('servers') or ():
            for item in entry.get('warnings') or ():
                yield f'{entry.get("name")}: {_line("warnings", item)}'


def _of_restart(plan: '_task.Plan') -> Iterator[str]:
    for number, wave in enumerate(plan.waves or (), 1):
        yield f'Wave {number}: {", ".join(wave["hosts"])}'
    for choice in plan.blocked or ():
        yield f'Blocked: {choice["host"]}'
    if plan.left:
        yield f'Not begun: {", ".join(plan.left)}'
    if plan.returned:
        yield f'{len(plan.returned)} servers are moved back afterwards.'
    if plan.moved_again:
        yield f'{len(plan.moved_again)} servers move more than once.'
    for name, why in (plan.out_of_use or {}).items():
        yield f'Out of use already: {name}: {why}'


def _targets(targets: Any) -> Iterator[str]:
    """Return how full destinations are before and after."""
    for target in targets or ():
        for kind, before in (target.get('before') or {}).items():
            after = (target.get('after') or {}).get(kind, before)
            yield pictures.change(target['host'], kind, before, after)


def _line(kind: str, item: dict[str, Any]) -> str:
    text = f'{kind[:-1].capitalize()}: {item["text"]}'
    if item.get('servers'):
        text += f' ({", ".join(item["servers"])})'
    found = ways_out([item])
    return f'{text} Way out: {found[0]}.' if found else text
