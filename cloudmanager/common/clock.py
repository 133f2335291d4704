# SPDX-License-Identifier: Apache-2.0
"""Time, for all of the service: what it is, and waiting for it to pass.

Tests put another source in the place of ``source``, so that hours pass at
once. What waits for something else, such as an answer on a socket or the end
of a thread, keeps to ``time``: another clock would not make it come sooner.
"""

import datetime
import threading
import time


class System:
    """The time of this machine."""

    def monotonic(self) -> float:
        """Return seconds since some moment, never going back."""
        return time.monotonic()

    def utcnow(self) -> datetime.datetime:
        """Return now in UTC, without a zone."""
        return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)

    def sleep(self, seconds: float) -> None:
        """Let some time pass."""
        time.sleep(seconds)

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Let some time pass, unless an event comes first."""
        return event.wait(seconds)


source = System()


def monotonic() -> float:
    """Return seconds since some moment, for differences of time."""
    return source.monotonic()


def utcnow() -> datetime.datetime:
    """Return now in UTC, without a zone, as stored in the database."""
    return source.utcnow()


def timestamp() -> float:
    """Return now in seconds since 1970."""
    return utcnow().replace(tzinfo=datetime.UTC).timestamp()


def seconds_since(time: datetime.datetime) -> float:
    """Return the seconds that have passed since a time in UTC."""
    return (utcnow() - time).total_seconds()


def sleep(seconds: float) -> None:
    """Let some time pass.

    :param seconds: none or fewer are none
    """
    source.sleep(max(0.0, seconds))


def wait(event: threading.Event, seconds: float | None = None) -> bool:
    """Let some time pass, unless an event comes first.

    :param seconds: at most; without an end if ``None``
    :returns: whether the event came
    """
    return source.wait(event, seconds)


def isoformat(value: datetime.datetime | None) -> str | None:
    """Format a time as the API does: UTC, seconds, no zone."""
    if value is None:
        return None
    return value.replace(microsecond=0).isoformat()
