# SPDX-License-Identifier: Apache-2.0
"""The memory of moves, that is, of each server that is to leave a host."""

from collections.abc import Mapping
import dataclasses
import datetime
import enum

from cloudmanager.common import clock
from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.item import Item
from cloudmanager.planning.terms import Action


class Phase(enum.StrEnum):
    """The phase of an attempt."""

    #: The request is about to be sent, or was sent and its fate is unknown.
    ASK = 'ask'
    #: Nova has accepted the request.
    FOLLOW = 'follow'
    #: A cold migration has ended, and is being confirmed.
    CONFIRM = 'confirm'
    #: The server has arrived, and our lock is being removed.
    UNLOCK = 'unlock'


class Policy(enum.StrEnum):
    """What is done about a live migration that has stalled."""

    WAIT = 'wait'
    ABORT = 'abort'
    FORCE = 'force-complete'


@dataclasses.dataclass(kw_only=True)
class Attempt(stored.Record):
    """What is known of one attempt.

    The next attempt begins with a new record, so that nothing of this one
    affects it. What must outlast an attempt is in the item.
    """

    phase: Phase | None = None
    #: When the request was sent, or was about to be.
    asked_at: datetime.datetime | None = None
    #: Since when Nova has refused the request for a temporary reason.
    refused_since: datetime.datetime | None = None
    #: Whether a lock of ours is on the server; ``None`` when not known.
    lock_taken: bool | None = None
    #: How Nova was asked to end the migration, if it was, and when.
    intervened: Policy | None = None
    intervened_at: datetime.datetime | None = None
    #: When the progress of a live migration was read last, and the bytes that
    #: were left to copy then.
    checked_at: datetime.datetime | None = None
    last: int | None = None
    #: The fewest bytes left to copy in the present pass over the memory, and
    #: when they were read.
    least: int | None = None
    least_at: datetime.datetime | None = None
    #: The bytes left at the beginning of the best pass so far.
    peak: int | None = None

    @property
    def age(self) -> float:
        """Seconds since the request was sent; 0 if it was not sent yet."""
        return clock.seconds_since(self.asked_at) if self.asked_at else 0.0


@dataclasses.dataclass(kw_only=True)
class MoveItem(Item):
    """A server that is to leave a host."""

    # What was planned for it

    #: The actions to try, in this order.
    ladder: list[Action] = dataclasses.field(default_factory=list)
    #: Its status in Nova when it was planned; empty before that.
    status: str = ''
    #: Whether something else has to end before its action can be chosen.
    wait: bool = False
    #: Whether only the old half of its resize is on the host.
    half: bool = False
    #: Why other ways to move it are not possible, in words.
    blockers: str = ''
    group_id: str | None = None
    size_mb: int = 0
    #: The action for which the destination was chosen.
    chosen_for: Action | None = None
    #: Whether it may go to that destination only.
    fixed: bool = False
    #: Whether Nova's scheduler has to be bypassed.
    force: bool = False
    #: The state to reset it to before its evacuation, if any.
    reset_state: str = ''
    #: Whether it was locked, and is to be locked for its evacuation.
    locked: bool = False
    lock: bool = False
    #: Its disks that are not volumes, and the storages through which other
    #: hosts reach them.
    disks: list[str] = dataclasses.field(default_factory=list)
    storage: list[str] = dataclasses.field(default_factory=list)
    #: What its owner or the request wants done about a slow migration.
    slow: str = ''
    #: Its stage: the moves of lower stages have to end before it begins.
    stage: int = 0
    #: Why it was moved to its destination, in words.
    why: str = ''
    #: How often it may be moved in a day, and its project, which may also
    #: have a budget.
    per_day: int | None = None
    project_id: str = ''

    # What has happened to it so far

    #: Id of a task that acts on it alone.
    task: str | None = None
    #: Since when it has waited for its own operation, and for a host.
    waiting_since: datetime.datetime | None = None
    place_since: datetime.datetime | None = None
    #: How often each action has failed, and when it may be tried again.
    tries: dict[Action, int] = dataclasses.field(default_factory=dict)
    again_at: datetime.datetime | None = None
    #: How often it was planned again.
    replans: int = 0
    #: Hosts that refused it.
    refused: list[str] = dataclasses.field(default_factory=list)
    #: Ids of the newest request and migration in Nova that are older than
    #: the next attempt.
    known_request: str | None = None
    after_migration: int | None = None
    #: Whether it was not moved because a budget is used up, and the budget
    #: that its move has exceeded.
    over_budget: bool = False
    overridden: str = ''
    #: What was found out about its guest when a move put it in error.
    in_error: str = ''
    #: Whether it is being deleted, and when the deletion was requested again.
    deleting: bool = False
    deleted_again: datetime.datetime | None = None
    attempt: Attempt = dataclasses.field(default_factory=Attempt)

    @classmethod
    def _read(cls, memory: Mapping[str, object]) -> Mapping[str, object]:
        """Return memory with a record of the attempt.

        Older versions stored the values of the attempt among the others.
        """
        if 'attempt' in memory:
            return memory
        names = stored.kinds(Attempt)
        attempt = {name: value for name, value in memory.items()
                   if name in names}
        return {**{name: value for name, value in memory.items()
                   if name not in names}, 'attempt': attempt}

    @property
    def is_planned(self) -> bool:
        """Whether its actions have been chosen."""
        return bool(self.status)

    @property
    def next_action(self) -> Action | None:
        """The first action left on the ladder."""
        return self.ladder[0] if self.ladder else None

    @property
    def under_way(self) -> Action:
        """The action of the last attempt.

        :raises ValueError: there was no attempt
        """
        return Action(self.action or '')


@dataclasses.dataclass(kw_only=True)
class MoveMemory(stored.Record):
    """The memory of a task that moves servers."""

    #: The newest migration off each host before the task moved anything.
    baselines: dict[str, int] = dataclasses.field(default_factory=dict)
