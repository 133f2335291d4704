# SPDX-License-Identifier: Apache-2.0
"""Limits on attempts to guess passwords.

Tries are counted by address and by user. An address that tries too often has
to wait, whatever it tries. When a user is tried too often, as an attack from
many addresses does, each address still gets one try in a minute: an attack
cannot lock the user out.
"""

import collections
from collections.abc import Hashable
import ipaddress
import math
import threading

from cloudmanager.api import errors
from cloudmanager.common import clock

#: Addresses, users, and pairs of them that are remembered at most. Those
#: that tried longest ago are forgotten first.
MOST = 10000
MINUTE = 60.0
# One customer of a network has at least this much of IPv6.
_PREFIX = 64
_UNKNOWN = 'unknown'


def place(address: str | None) -> str:
    """Return who counts as one: an IPv4 address, or a network of IPv6.

    :param address: as servers and proxies write it
    """
    text = (address or '').strip().strip('"')
    if text.startswith('['):
        text = text[1:].partition(']')[0]
    elif text.count(':') == 1:
        text = text.partition(':')[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return _UNKNOWN
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _PREFIX), strict=False))


class _Counts:
    """Tries by key, which are forgotten little by little.

    :param most: tries in a minute
    """

    def __init__(self, most: int) -> None:
        self._each = MINUTE / most
        self._burst = MINUTE - self._each
        # When all tries of a key will be forgotten, in seconds.
        self._until: collections.OrderedDict[Hashable, float] = (
            collections.OrderedDict())

    def wait(self, key: Hashable, now: float) -> float:
        """Return the seconds until the next try."""
        return max(0.0, self._until.get(key, now) - self._burst - now)

    def add(self, key: Hashable, now: float) -> None:
        """Count a try."""
        self._until[key] = max(now, self._until.get(key, now)) + self._each
        self._until.move_to_end(key)
        if len(self._until) > MOST:
            self._until.popitem(last=False)

    def remove(self, key: Hashable) -> None:
        """Do not count a try any more."""
        if key in self._until:
            self._until[key] -= self._each


class Guesses:
    """Counts tries, and says when there are too many.

    :param most: tries in a minute by one address, and for one user
    """

    def __init__(self, most: int) -> None:
        self._addresses = _Counts(most)
        self._users = _Counts(most)
        self._pairs = _Counts(1)
        self._lock = threading.Lock()

    def add(self, user: bytes, address: str) -> None:
        """Count a try, before its outcome is known.

        :param user: something short that stands for the user
        :param address: what ``place`` returned
        :raises TooManyLogins: there were too many
        """
        now = clock.monotonic()
        with self._lock:
            wait = max(self._addresses.wait(address, now),
                       min(self._users.wait(user, now),
                           self._pairs.wait((user, address), now)))
            if wait > 0:
                raise errors.TooManyLogins(seconds=math.ceil(wait))
            self._addresses.add(address, now)
            self._users.add(user, now)
            self._pairs.add((user, address), now)

    def remove(self, user: bytes, address: str) -> None:
        """Do not count a try that was none: the password was right."""
        with self._lock:
            self._addresses.remove(address)
            self._users.remove(user)
            self._pairs.remove((user, address))
