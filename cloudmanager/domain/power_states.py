# SPDX-License-Identifier: Apache-2.0
"""Power states. A state that cannot be read is unknown, never off."""

from collections.abc import Iterable

POWER_ON = 'power_on'
POWER_OFF = 'power_off'
UNKNOWN = 'unknown'


def of_node(readings: Iterable[str]) -> str:
    """Return the state of a node from those of its feeds.

    On if any feed is on, off only when all are off.
    """
    found = list(readings)
    if POWER_ON in found:
        return POWER_ON
    if found and all(state == POWER_OFF for state in found):
        return POWER_OFF
    return UNKNOWN
