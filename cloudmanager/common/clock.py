# SPDX-License-Identifier: Apache-2.0
"""Time, in the one form that the database and the API use."""

import datetime


def utcnow() -> datetime.datetime:
    """Return now in UTC, without a zone, as stored in the database."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def isoformat(value: datetime.datetime | None) -> str | None:
    """Format a time as the API does: UTC, seconds, no zone."""
    if value is None:
        return None
    return value.replace(microsecond=0).isoformat()
