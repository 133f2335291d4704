# SPDX-License-Identifier: Apache-2.0
"""Questions that the item of a server answers, without I/O.

Items are declared in ``cloudmanager.conductor.records.moves``.
"""

import datetime
import random

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Policy
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
# How often a server is planned again because its state has changed.
MAX_REPLANS = 3
# A pause is made longer or shorter by up to this part of it, so that servers
# that were refused together are not all asked for again together.
JITTER = 0.3
# If an abort has no effect within this many seconds, it is asked for again.
ABORT_AGAIN = 30


def waited_enough(item: MoveItem) -> bool:
    """Tell whether a server has waited long enough for another operation."""
    begun = item.waiting_since or item.created_at
    return (clock.seconds_since(begun)
            > float(CONF.host_tasks.settle_timeout))


def pause(tries: int) -> float:
    """Return the seconds until an action is tried again.

    :param tries: how often it has failed
    """
    doubled: float = CONF.host_tasks.retry_delay * 2 ** min(tries - 1, 20)
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return min(doubled, float(CONF.host_tasks.retry_delay_max)) * spread


def is_due(item: MoveItem) -> bool:
    """Tell whether the pause before the next try is over."""
    return item.again_at is None or clock.utcnow() >= item.again_at


def as_move(item: MoveItem, source: str) -> order.Item:
    """Return the item as ``planning.order`` needs it."""
    return order.Item(
        id=item.object_id, source=source, destination=item.destination,
        group_id=item.group_id, priority=item.priority,
        size_mb=item.size_mb)


def retries(action: Action) -> int:
    """Return how often a failed action is repeated."""
    if action == Action.EVACUATE:
        return int(CONF.host_tasks.evacuation_retries)
    return int(CONF.host_tasks.migration_retries)


def asked_since(item: MoveItem) -> datetime.datetime:
    """Return the earliest time that Nova may have of the last request."""
    return (item.attempt.asked_at or item.created_at) - migrations.CLOCK_SKEW


def intervened_within(item: MoveItem, seconds: float) -> bool:
    """Tell whether Nova was asked to abort or force this attempt lately."""
    attempt = item.attempt
    at = attempt.intervened_at or attempt.asked_at
    return (attempt.intervened is not None and at is not None
            and clock.seconds_since(at) < seconds)


def is_abortable(item: MoveItem, migration: nova_records.Migration) -> bool:
    """Tell whether Nova can abort a move, and was not asked to just now."""
    return (item.action == Action.LIVE
            and migration.status in verdicts.ABORTABLE
            and not (item.attempt.intervened == Policy.ABORT
                     and intervened_within(item, ABORT_AGAIN)))


def has_changed(item: MoveItem, server: nova_records.Server) -> bool:
    """Tell whether a tenant or Nova changed the server meanwhile."""
    if (item.action == Action.EVACUATE or item.fixed
            or item.replans >= MAX_REPLANS):
        return False
    return bool(server.task_state) or server.status != item.status


def forget_destination(item: MoveItem, refused: str | None) -> None:
    """Remember which host did not take a server."""
    item.destination, item.force = None, False
    if refused:
        item.refused = [*item.refused, refused]
