# SPDX-License-Identifier: Apache-2.0
"""Canonical forms of values; each function raises ValueError."""

import datetime
import ipaddress
import re
import unicodedata

_MAC = re.compile(r'[0-9a-f]{12}')
_HOST = re.compile(
    r'(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?',
    re.IGNORECASE)


def mac(value: str) -> str:
    """Return a MAC address in lower case with colons."""
    digits = re.sub(r'[:.-]', '', value).lower()
    if not _MAC.fullmatch(digits):
        raise ValueError('must be a MAC address')
    return ':'.join(digits[i:i + 2] for i in range(0, 12, 2))


def ip_list(values: list[str]) -> list[str]:
    """Return IP addresses in their canonical form, each once."""
    try:
        found = [str(ipaddress.ip_address(value)) for value in values]
    except ValueError as exc:
        raise ValueError('must contain IP addresses') from exc
    return list(dict.fromkeys(found))


def host(value: str) -> str:
    """Return a host name or address in its canonical form."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    if not _HOST.fullmatch(value) or len(value) > 253:
        raise ValueError('must be a host name or an IP address')
    return value.lower()


def port(value: int | str) -> int:
    """Return a port number given as a number or as a string."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 6
            and 1 <= int(text) <= 65535):
        raise ValueError('must be a number from 1 to 65535')
    return int(text)


def time(value: str) -> datetime.datetime:
    """Return a time in UTC without a zone."""
    try:
        parsed = datetime.datetime.fromisoformat(value)
    except ValueError as exc:
        raise ValueError('must be an ISO 8601 time') from exc
    if parsed.tzinfo is not None:
        try:
            parsed = parsed.astimezone(datetime.UTC).replace(tzinfo=None)
        except OverflowError as exc:
            raise ValueError('must be an ISO 8601 time') from exc
    return parsed


def name(value: str) -> str:
    """Return a name, which may be empty.

    Databases differ on whether names that differ by spaces at their end
    are the same, and control characters upset terminals.
    """
    if value != value.strip():
        raise ValueError('must not begin or end with a space')
    if has_control_characters(value):
        raise ValueError('must not contain control characters')
    return value


def has_control_characters(value: str) -> bool:
    """Tell whether a text has characters of Unicode's category Cc."""
    return any(unicodedata.category(character) == 'Cc'
               for character in value)
