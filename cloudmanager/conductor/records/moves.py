# SPDX-License-Identifier: Apache-2.0
"""What is remembered of moves: of each server that is to leave a host."""

from collections.abc import Mapping
import dataclasses
import datetime
import enum

from cloudmanager.common import clock
from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.item import Item
from cloudmanager.planning.terms import Action


class Phase(enum.StrEnum):
    """How far an attempt is."""

    #: Nova is about to be asked, or was asked and nobody knows.
    ASK = 'ask'
    #: Nova has accepted it.
    FOLLOW = 'follow'
    #: A cold migration has ended, and its confirmation is asked for.
    CONFIRM = 'confirm'
    #: The server has arrived, and a lock of ours is taken off.
    UNLOCK = 'unlock'


class Policy(enum.StrEnum):
    """What is done about a live migration that has stalled."""

    WAIT = 'wait'
    ABORT = 'abort'
    FORCE = 'force-complete'


@dataclasses.dataclass(kw_only=True)
class Attempt(stored.Record):
    """What is known of one attempt, and of that attempt only.

    The next one begins with a new record, so that nothing of this one
    decides on it. What has to outlast it is in the item.
    """

    phase: Phase | None = None
    #: When Nova was asked, or was about to be.
    asked_at: datetime.datetime | None = None
    #: Since when Nova refuses it for a passing reason.
    refused_since: datetime.datetime | None = None
    #: Whether a lock of ours is on the server; ``None`` when not known.
    lock_taken: bool | None = None
    #: How Nova was asked to end it, once it was, and when.
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
    #: What the best pass so far began with.
    peak: int | None = None

    @property
    def age(self) -> float:
        """Seconds since Nova was asked; 0 if it was not asked yet."""
        return clock.seconds_since(self.asked_at) if self.asked_at else 0.0


@dataclasses.dataclass(kw_only=True)
class MoveItem(Item):
    """A server that is to leave a host."""

    # What was planned for it

    #: What to try in turn.
    ladder: list[Action] = dataclasses.field(default_factory=list)
    #: Its status in Nova then; empty while nothing is planned.
    status: str = ''
    #: Whether something else has to end before it is decided on.
    wait: bool = False
    #: Whether only the old half of its resize is on the host.
    half: bool = False
    #: What keeps it from being moved in other ways, in words.
    blockers: str = ''
    group_id: str | None = None
    size_mb: int = 0
    #: For which action the destination was chosen.
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
    #: Its disks that are not volumes, and by which storages other hosts
    #: reach them.
    disks: list[str] = dataclasses.field(default_factory=list)
    storage: list[str] = dataclasses.field(default_factory=list)
    #: What its owner or the request wants of a slow migration, as written.
    slow: str = ''
    #: When it is moved: those of lower stages have to end before.
    stage: int = 0
    #: Why it was moved to where it is, in words.
    why: str = ''
    #: How often it may be moved in a day, and its project, which may have a
    #: budget, too.
    per_day: int | None = None
    project_id: str = ''

    # What has become of it so far

    #: Id of a task that acts on it alone.
    task: str | None = None
    #: Since when its own operation is waited for, and a host for it.
    waiting_since: datetime.datetime | None = None
    place_since: datetime.datetime | None = None
    #: How often which action has failed, and when it may be tried again.
    tries: dict[Action, int] = dataclasses.field(default_factory=dict)
    again_at: datetime.datetime | None = None
    #: How often it was decided on anew.
    replans: int = 0
    #: Hosts that did not take it.
    refused: list[str] = dataclasses.field(default_factory=list)
    #: Ids of Nova's last request and last migration of it that are not of
    #: the next attempt.
    known_request: str | None = None
    after_migration: int | None = None
    #: Whether it was not moved because a budget is used up, and which one
    #: it was moved against.
    over_budget: bool = False
    overridden: str = ''
    #: What was found of its guest when a move put it in error.
    in_error: str = ''
    #: Whether it is being deleted, and when that was asked for again.
    deleting: bool = False
    deleted_again: datetime.datetime | None = None
    attempt: Attempt = dataclasses.field(default_factory=Attempt)

    @classmethod
    def _read(cls, memory: Mapping[str, object]) -> Mapping[str, object]:
        """Return memory with a record of the attempt.

        Before there was one, its values were beside the others.
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
        """Whether it was decided what to do with it."""
        return bool(self.status)

    @property
    def next_action(self) -> Action | None:
        """The first action left on the ladder."""
        return self.ladder[0] if self.ladder else None

    @property
    def under_way(self) -> Action:
        """The action of the last attempt.

        :raises ValueError: there was none
        """
        return Action(self.action or '')


@dataclasses.dataclass(kw_only=True)
class MoveMemory(stored.Record):
    """What a task that moves servers remembers."""

    #: By host: the newest migration off it before the task moved anything.
    baselines: dict[str, int] = dataclasses.field(default_factory=dict)
