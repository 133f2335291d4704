# SPDX-License-Identifier: Apache-2.0
"""The policy for the audits of an aggregate."""

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
    """What is done about an aggregate without a request."""

    OFF = 'off'
    #: Audits are made, and their moves are left to an operator.
    RECOMMEND = 'recommend'
    AUTOMATIC = 'automatic'


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """The policy of one aggregate.

    :ivar interval: seconds between audits; if ``None``, ``cron`` says when
    :ivar maintenance_windows: when servers may be moved; always if empty
    :ivar quiet_hours: when nothing is audited and no servers are moved
    :ivar limits: limits of audits by name; the configuration has the others
    :ivar max_moves_per_day: the most servers that are moved within 24 hours
        without a request
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
        """Return the policy in a row of the database."""
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

        :param due: when the last one was due
        """
        return schedules.following(self.interval, self.cron, now, due)

    def is_quiet(self, now: datetime.datetime) -> bool:
        """Tell whether a time is in the quiet hours."""
        return schedules.inside(self.quiet_hours, now)

    def why_not_moved(self, now: datetime.datetime) -> str:
        """Return why no servers are moved without a request now, or ''."""
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
