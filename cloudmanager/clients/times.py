# SPDX-License-Identifier: Apache-2.0
"""Reads times in the answers of OpenStack's services."""

import datetime


def parse_time(text: str | None) -> datetime.datetime | None:
    """Parse a time: UTC, without a zone as ours are.

    :returns: ``None`` for no text
    """
    if not text:
        return None
    parsed = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    if parsed.tzinfo is not None:
        parsed = parsed.astimezone(datetime.UTC).replace(tzinfo=None)
    return parsed
