# SPDX-License-Identifier: Apache-2.0
"""What a policy says of the audits of an aggregate."""

from collections.abc import Mapping
import dataclasses
import datetime
import enum
from typing import cast

from cloudmanager.domain import schedules

#: Limits of audits that a policy can set, by the names of its fields.
LIMITS = ('threshold', 'minimum_gain', 'source_floor', 'max_load',
          'max_moves')


class Mode(enum.StrEnum):
    """What is done about an aggregate by itself."""

    OFF = 'off'
    #: Audits are made, and their moves are left to an operator.
    RECOMMEND = 'recommend'
    AUTOMATIC = 'automatic'


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """The policy of one aggregate.

    :ivar interval: seconds between audits; ``cron`` says when without it
    :ivar maintenance_windows: when servers are moved; always without any
    :ivar quiet_hours: when nothing is audited and no servers are moved
    :ivar limits: of audits, by name; what is not in it is configured
    :ivar max_moves_per_day: servers that are moved by themselves within 24
        hours at most
    """

    mode: Mode = Mode.OFF
    interval: int | None = None
    cron: str | None = None
    maintenance_windows: tuple[schedules.Window, ...] = ()
    quiet_hours: tuple[schedules.Window, ...] = ()
    limits: Mapping[str, float] = dataclasses.field(default_factory=dict)
    max_moves_per_day: int | None = None
    frozen: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, object] | None) -> 'Policy':
        """Return the policy of a row of the database, or none."""
        if row is None:
            return cls()
        document = cast(Mapping[str, object], row['document'])
        return cls(
            mode=Mode(str(row['mode'])),
            interval=cast(int | None, document.get('interval')),
            cron=cast(str | None, document.get('cron')),
            maintenance_windows=_windows(document, 'maintenance_windows'),
            quiet_hours=_windows(document, 'quiet_hours'),
            limits={name: cast(float, document[name]) for name in LIMITS
                    if document.get(name) is not None},
            max_moves_per_day=cast(int | None,
                                   document.get('max_moves_per_day')),
            frozen=row['frozen_at'] is not None)

    def following(self, now: datetime.datetime,
                  due: datetime.datetime | None) -> datetime.datetime:
        """Return when the next audit is due, later than now.

        :param due: when the last one was
        """
        return schedules.following(self.interval, self.cron, now, due)

    def is_quiet(self, now: datetime.datetime) -> bool:
        """Tell whether nothing is done now."""
        return schedules.inside(self.quiet_hours, now)

    def why_not_moved(self, now: datetime.datetime) -> str:
        """Return why no servers are moved by themselves now, or ''."""
        if self.mode != Mode.AUTOMATIC:
            return f'the mode of the policy is {self.mode}'
        if self.frozen:
            return 'the aggregate is frozen'
        if self.is_quiet(now):
            return 'these are quiet hours'
        if self.maintenance_windows and not schedules.inside(
                self.maintenance_windows, now):
            return 'this is no maintenance window'
        return ''


def _windows(document: Mapping[str, object],
             name: str) -> tuple[schedules.Window, ...]:
    found = cast(list[Mapping[str, object]], document.get(name) or [])
    return tuple(schedules.Window(
        tuple(cast(list[str], window['days'])), str(window['start']),
        str(window['end'])) for window in found)
