# SPDX-License-Identifier: Apache-2.0
"""What the item of a server says: pure reading, no I/O.

An item is a row of ``task_items``; its ``memory`` is what
``cloudmanager.conductor.tasks.plans`` and ``moves`` put there.
"""

import datetime
from typing import Any

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.conductor.tasks import observe
from cloudmanager.planning import order

CONF = cfg.CONF
# How often a server that changed its state meanwhile is decided on anew.
MAX_REPLANS = 3


def when(text: str) -> datetime.datetime:
    """Return a stored time."""
    return datetime.datetime.fromisoformat(text)


def seconds_since(text: str) -> float:
    """Return the seconds that have passed since a stored time."""
    return (clock.utcnow() - when(text)).total_seconds()


def _age(item: dict[str, Any]) -> float:
    return (clock.utcnow() - item['created_at']).total_seconds()


def waited_enough(item: dict[str, Any]) -> bool:
    """Tell whether a server's own operation should have ended."""
    return _age(item) > CONF.host_tasks.settle_timeout


def next_action(item: dict[str, Any]) -> str | None:
    """Return the first action left on the ladder."""
    ladder = item['memory']['ladder']
    return ladder[0] if ladder else None


def as_move(item: dict[str, Any], source: str) -> order.Item:
    """Return the item as the order of moves sees it."""
    memory = item['memory']
    return order.Item(
        id=item['object_id'], source=source,
        destination=item['destination'], group_id=memory.get('group_id'),
        priority=item['priority'], size_mb=memory.get('size_mb', 0))


def retries(action: str) -> int:
    """Return how often a failed action is repeated."""
    if action == observe.EVACUATE:
        return CONF.host_tasks.evacuation_retries
    return CONF.host_tasks.migration_retries


def is_abortable(item: dict[str, Any], migration: Any) -> bool:
    """Tell whether Nova can abort a move, and was not asked to yet."""
    return (item['action'] == observe.LIVE and migration is not None
            and not item['memory'].get('intervened')
            and migration.status in observe.ABORTABLE)


def has_changed(item: dict[str, Any], server: Any) -> bool:
    """Tell whether a tenant or Nova changed the server meanwhile."""
    memory = item['memory']
    if (item['action'] == observe.EVACUATE or memory.get('fixed')
            or memory.get('replans', 0) >= MAX_REPLANS):
        return False
    return bool(server.task_state) or server.status != memory['status']


def forget_destination(item: dict[str, Any], refused: str | None) -> None:
    """Remember which host did not take a server."""
    memory = {**item['memory'], 'force': False}
    if refused:
        memory['refused'] = [*memory.get('refused', ()), refused]
    item.update(destination=None, memory=memory)
