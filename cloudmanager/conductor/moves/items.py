# SPDX-License-Identifier: Apache-2.0
"""What the item of a server says: pure reading, no I/O.

An item is a row of ``task_items``; its ``memory`` is what
``cloudmanager.conductor.moves.plans`` and ``moves`` put there.
"""

import datetime
import enum
import random
from typing import Any
from typing import cast
from typing import TypedDict

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.conductor.moves import verdicts
from cloudmanager.planning import order
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
# How often a server that changed its state meanwhile is decided on anew.
MAX_REPLANS = 3
# Shares of a pause by which it is made longer or shorter, so that servers
# that were refused together are not all asked for together.
JITTER = 0.3
# An abort that had no effect within this many seconds is asked for again.
ABORT_AGAIN = 30


class Phase(enum.StrEnum):
    """How far an attempt is."""

    #: Nova is about to be asked, or was asked and nobody knows.
    ASK = 'ask'
    #: Nova has accepted it.
    FOLLOW = 'follow'
    #: A cold migration has ended and its confirmation is asked for.
    CONFIRM = 'confirm'
    #: The server has arrived and a lock of ours is taken off.
    UNLOCK = 'unlock'


class Policy(enum.StrEnum):
    """What is done about a live migration that does not get on."""

    WAIT = 'wait'
    ABORT = 'abort'
    FORCE = 'force-complete'



class Attempt(TypedDict, total=False):
    """What is known of one attempt, and of that attempt only.

    Times are text in ISO 8601. The next attempt begins with a new record,
    so that nothing of this one decides on it.
    """

    phase: Phase
    #: When Nova was asked, or was about to be.
    asked_at: str
    #: Since when Nova refuses it for a passing reason.
    refused_since: str | None
    #: Whether a lock of ours is on the server; ``None`` when not known.
    lock_taken: bool | None
    #: How Nova was asked to end it, once it was, and when.
    intervened: Policy | None
    intervened_at: str
    #: When the progress of a live migration was read last, and the bytes that
    #: were left to copy then.
    checked_at: str
    last: int
    #: The fewest bytes left to copy in the present pass over the memory, and
    #: when they were read.
    least: int
    least_at: str
    #: What the best pass so far began with.
    peak: int


def attempt(item: dict[str, Any]) -> Attempt:
    """Return the record of an item's last attempt; empty before the first.

    Items of tasks that began before an upgrade have its values beside the
    others.
    """
    memory = item['memory']
    if 'attempt' in memory:
        return cast('Attempt', memory['attempt'])
    return cast('Attempt', {key: memory[key]
                            for key in Attempt.__annotations__
                            if key in memory})


def with_attempt(item: dict[str, Any], record: Attempt) -> dict[str, Any]:
    """Return the memory of an item with another record of its attempt."""
    memory = {key: value for key, value in item['memory'].items()
              if key not in Attempt.__annotations__}
    return {**memory, 'attempt': record}


def when(text: str) -> datetime.datetime:
    """Return a stored time."""
    return datetime.datetime.fromisoformat(text)


def seconds_since(time: str | datetime.datetime) -> float:
    """Return the seconds that have passed since a time."""
    then = when(time) if isinstance(time, str) else time
    return (clock.utcnow() - then).total_seconds()


def waited_enough(item: dict[str, Any]) -> bool:
    """Tell whether a server's own operation should have ended."""
    since = item['memory'].get('waiting_since')
    begun = when(since) if since else item['created_at']
    return ((clock.utcnow() - begun).total_seconds()
            > CONF.host_tasks.settle_timeout)


def next_action(item: dict[str, Any]) -> str | None:
    """Return the first action left on the ladder."""
    ladder = item['memory']['ladder']
    return ladder[0] if ladder else None


def pause(tries: int) -> float:
    """Return the seconds until an action is tried again.

    :param tries: how often it has failed
    """
    doubled = CONF.host_tasks.retry_delay * 2 ** min(tries - 1, 20)
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return min(doubled, CONF.host_tasks.retry_delay_max) * spread


def is_due(item: dict[str, Any]) -> bool:
    """Tell whether the pause before the next try is over."""
    again_at = item['memory'].get('again_at')
    return again_at is None or clock.utcnow() >= when(again_at)


def as_move(item: dict[str, Any], source: str) -> order.Item:
    """Return the item as the order of moves sees it."""
    memory = item['memory']
    return order.Item(
        id=item['object_id'], source=source,
        destination=item['destination'], group_id=memory.get('group_id'),
        priority=item['priority'], size_mb=memory.get('size_mb', 0))


def retries(action: str) -> int:
    """Return how often a failed action is repeated."""
    if action == Action.EVACUATE:
        return CONF.host_tasks.evacuation_retries
    return CONF.host_tasks.migration_retries


def intervened_within(item: dict[str, Any], seconds: float) -> bool:
    """Tell whether Nova was asked to end this attempt a short time ago."""
    record = attempt(item)
    if not record.get('intervened'):
        return False
    at = record.get('intervened_at') or record['asked_at']
    return seconds_since(at) < seconds


def is_abortable(item: dict[str, Any],
                 migration: nova_records.Migration) -> bool:
    """Tell whether Nova can abort a move, and was not just asked to."""
    return (item['action'] == Action.LIVE and migration is not None
            and migration.status in verdicts.ABORTABLE
            and not (attempt(item).get('intervened') == Policy.ABORT
                     and intervened_within(item, ABORT_AGAIN)))


def has_changed(item: dict[str, Any], server: nova_records.Server) -> bool:
    """Tell whether a tenant or Nova changed the server meanwhile."""
    memory = item['memory']
    if (item['action'] == Action.EVACUATE or memory.get('fixed')
            or memory.get('replans', 0) >= MAX_REPLANS):
        return False
    return bool(server.task_state) or server.status != memory['status']


def forget_destination(item: dict[str, Any], refused: str | None) -> None:
    """Remember which host did not take a server."""
    memory = {**item['memory'], 'force': False}
    if refused:
        memory['refused'] = [*memory.get('refused', ()), refused]
    item.update(destination=None, memory=memory)
