# SPDX-License-Identifier: Apache-2.0
"""What is done about moves that take long: pure decisions, no I/O.

A live migration is judged by what is left to copy, not by its age. While
that goes down, the migration continues; when it has not gone down for
``[host_tasks] stall_timeout`` seconds, the migration has stalled. Moves whose
progress Nova does not report have a time limit that grows with the memory of
the server.
"""

import dataclasses
import enum

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.conductor.moves import items
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.records.moves import Attempt
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.moves import Policy
from cloudmanager.planning.terms import Action

CONF = cfg.CONF

# How many times its limit a move may take while Nova still works on it.
HARD_LIMIT = 4
# Age from which the progress of live migrations is read, and the pause
# between two readings, in seconds.
PROGRESS_AFTER = 30
PROGRESS_SECONDS = 10
# What is left to copy must fall by at least this share of its lowest value
# so far; less than that is no progress.
PROGRESS_SHARE = 0.01


class Intervention(enum.Enum):
    """What to do with a move under way."""

    LEAVE = 'leave'
    READ_PROGRESS = 'read-progress'
    #: Nova has no record of it.
    LOST = 'lost'
    #: Nova still works on it, but it has taken too long.
    OVERDUE = 'overdue'
    ABORT = 'abort'
    FORCE = 'force'


def policy(item: MoveItem) -> Policy:
    """Return what to do about a stalled live migration of a server."""
    # The owner of a server may have written anything into its metadata.
    return Policy(item.slow if item.slow in list(Policy)
                  else CONF.host_tasks.slow_migration)


def limit(item: MoveItem) -> float:
    """Return how many seconds a move may take."""
    return float(CONF.host_tasks.move_timeout
                 + CONF.host_tasks.move_timeout_per_gib
                 * item.size_mb / 1024)


def decide(item: MoveItem,
           migration: nova_records.Migration | None) -> Intervention:
    """Judge a move by its age.

    :param migration: Nova's record of it, ``None`` when there is none
    """
    taken = item.attempt.age
    if taken > HARD_LIMIT * limit(item):
        return Intervention.OVERDUE
    if migration is None:
        if taken > limit(item) and item.action != Action.OFFLOAD:
            return Intervention.LOST
        return Intervention.LEAVE
    checked = item.attempt.checked_at
    if (item.action == Action.LIVE
            and migration.status in verdicts.ABORTABLE
            and not items.intervened_within(
                item, CONF.host_tasks.stall_timeout)
            and taken > PROGRESS_AFTER
            and (checked is None
                 or clock.seconds_since(checked) >= PROGRESS_SECONDS)):
        return Intervention.READ_PROGRESS
    return Intervention.LEAVE


def by_progress(item: MoveItem,
                remaining: int | None) -> tuple[Intervention, Attempt]:
    """Judge a live migration by what is left to copy.

    :param remaining: bytes; ``None`` when Nova cannot tell
    :returns: the decision, and the attempt with what it must remember of it
    """
    now = clock.utcnow()
    before = item.attempt
    learnt = dataclasses.replace(before, checked_at=now)
    if remaining is not None:
        learnt.last = remaining
        better = _begins_better_pass(before, remaining)
        if better:
            learnt.peak = remaining
        if (better or before.least is None
                or remaining < before.least * (1 - PROGRESS_SHARE)):
            learnt.least, learnt.least_at = remaining, now
            return Intervention.LEAVE, learnt
    if before.least_at is None:
        # Nova reports no progress, so the time limit decides.
        stalled = before.age >= max(limit(item),
                                    CONF.host_tasks.stall_timeout)
    else:
        stalled = (clock.seconds_since(before.least_at)
                   >= CONF.host_tasks.stall_timeout)
    if not stalled:
        return Intervention.LEAVE, learnt
    intervention = {Policy.WAIT: Intervention.LEAVE,
                    Policy.ABORT: Intervention.ABORT,
                    Policy.FORCE: Intervention.FORCE}[policy(item)]
    return intervention, learnt


def _begins_better_pass(attempt: Attempt, remaining: int) -> bool:
    """Tell whether a migration begins a pass with less to copy than before.

    The first pass copies all memory, each later one what was written during
    the pass before. What is left to copy grows when a pass begins. As long
    as each pass begins with less than the one before, there is progress,
    however little was left at the end of that one.
    """
    if attempt.peak is None:
        return True
    last = remaining if attempt.last is None else attempt.last
    return (remaining > last * (1 + PROGRESS_SHARE)
            and remaining < attempt.peak * (1 - PROGRESS_SHARE))
