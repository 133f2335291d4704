# SPDX-License-Identifier: Apache-2.0
"""Schedules of repeated work, and windows of time. All times are in UTC."""

from collections.abc import Iterable
import dataclasses
import datetime
import re

DAYS = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
#: Of a time of the day, in words of JSON schema.
CLOCK_PATTERN = '^([01][0-9]|2[0-3]):[0-5][0-9]$'
MAX_CRON = 255


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Hours of some days of the week.

    A window whose end is before its start ends on the next day. A window whose
    end equals its start lasts 24 hours.

    :param days: on which it begins, of ``DAYS``
    :param start: as ``HH:MM``, as is ``end``
    """

    days: tuple[str, ...]
    start: str
    end: str

    def contains(self, now: datetime.datetime) -> bool:
        """Tell whether a time in UTC is in it."""
        minute = now.hour * 60 + now.minute
        start, end = _minutes(self.start), _minutes(self.end)
        today = DAYS[now.weekday()] in self.days
        if start < end:
            return today and start <= minute < end
        yesterday = DAYS[now.weekday() - 1] in self.days
        return (today and minute >= start) or (yesterday and minute < end)


def _minutes(text: str) -> int:
    """Return the minute of the day of a time.

    :raises ValueError: it is none
    """
    if not re.match(CLOCK_PATTERN, text):
        raise ValueError('must be a time as HH:MM')
    return int(text[:2]) * 60 + int(text[3:])


def check_clock(text: str) -> None:
    """Check that a text is a time of the day.

    :raises ValueError: it is not
    """
    _minutes(text)


def inside(windows: Iterable[Window], now: datetime.datetime) -> bool:
    """Tell whether a time is in one of some windows."""
    return any(window.contains(now) for window in windows)


def check_cron(expression: str) -> None:
    """Check that an expression has five fields and a time to come.

    :raises ValueError: it has not
    """
    if len(expression.split()) != 5:
        raise ValueError('must be a cron expression of five fields')
    try:
        _next_of_cron(expression, datetime.datetime(2026, 1, 1))
    except StopIteration:
        raise ValueError('must be a cron expression of times that '
                         'come') from None


def _next_of_cron(expression: str,
                  after: datetime.datetime) -> datetime.datetime:
    """Return the first time after another one.

    :raises ValueError: it is no cron expression
    :raises StopIteration: there is none in the next decades
    """
    # Imported here, since only policies with cron expressions need it.
    import cronsim

    try:
        found: datetime.datetime = next(cronsim.CronSim(expression, after))
    except cronsim.CronSimError:
        raise ValueError('must be a cron expression of five '
                         'fields') from None
    return found


def following(interval: int | None, cron: str | None,
              now: datetime.datetime,
              due: datetime.datetime | None) -> datetime.datetime:
    """Return when something is due next, later than now.

    Missed times are not made up for. If the clock was set back, the wait is no
    longer than it would have been otherwise.

    :param interval: seconds; without them ``cron`` says when
    :param due: when it was due last
    """
    if interval is None:
        return _next_of_cron(cron or '', now)
    step = datetime.timedelta(seconds=interval)
    if due is None or due > now:
        return now + step
    return due + ((now - due) // step + 1) * step
