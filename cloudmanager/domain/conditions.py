# SPDX-License-Identifier: Apache-2.0
"""The condition of a node: one table, no I/O.

A condition follows from what is known about the node: ``decide`` finds the
first row of ``TABLE`` that fits the facts. Code that learns something new
about a node stores it in the database and calls
``cloudmanager.db.conditions.refresh``; nothing else sets conditions.
"""

import dataclasses
import enum
from typing import TypeVar

OUT_OF_SERVICE, ENABLED, DISABLED, ALARM, RESERVED = range(5)

T = TypeVar('T')

#: Class of the nodes that are compute hosts.
HYPERVISOR = 'hypervisor'


class Compute(enum.Enum):
    """What Nova says about the nova-compute of a node."""

    NONE = 'none'           # the node is no compute host
    UNSEEN = 'unseen'       # not bound to Nova, or there is no cloud
    UP = 'up'               # enabled and up
    DOWN = 'down'           # enabled, but down or forced down
    DISABLED = 'disabled'   # up or down
    ABSENT = 'absent'       # Nova knew it and does not any more
    RENAMED = 'renamed'     # Nova knows its hypervisor by another name now


class Power(enum.Enum):
    """What is known of the power of a node."""

    UNCHECKED = 'unchecked'     # never read, or too long ago
    ON = 'on'
    OFF = 'off'
    UNKNOWN = 'unknown'         # it was tried to read it, in vain


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a condition depends on, except the previous condition.

    :ivar task: whether a task acts on the node or its host
    :ivar off_wanted: whether the node was switched off through this service
    """

    compute: Compute
    power: Power
    task: bool = False
    off_wanted: bool = False
    reserved: bool = False
    active: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; a fact that is ``None`` may have any value.

    :ivar condition: the new condition; ``None`` keeps the present one
    :ivar reason: why, with the present name in Nova as ``%(host)s``
    :ivar current: the conditions that the row applies to
    """

    condition: int | None
    reason: str | None
    compute: frozenset[Compute] | None = None
    power: frozenset[Power] | None = None
    task: bool | None = None
    off_wanted: bool | None = None
    reserved: bool | None = None
    active: bool | None = None
    current: frozenset[int] | None = None

    def fits(self, current: int, facts: Facts) -> bool:
        """Tell whether the row applies to some facts."""
        sets = ((self.compute, facts.compute), (self.power, facts.power),
                (self.current, current))
        flags = ((self.task, facts.task), (self.active, facts.active),
                 (self.reserved, facts.reserved),
                 (self.off_wanted, facts.off_wanted))
        return (all(allowed is None or value in allowed
                    for allowed, value in sets)
                and all(wanted is None or value is wanted
                        for wanted, value in flags))


def _in(*values: T) -> frozenset[T]:
    return frozenset(values)


_SILENT = _in(Compute.NONE, Compute.UNSEEN)
_NOT_UP = frozenset(Compute) - {Compute.NONE, Compute.UP}
_KNOWN_NOT_UP = _NOT_UP - _SILENT
_OUT = _in(OUT_OF_SERVICE)

TABLE = (
    # Flags have precedence: an operator has set them.
    Row(OUT_OF_SERVICE, 'It is not active.', active=False),
    Row(RESERVED, 'It is reserved, but its nova-compute is enabled.',
        compute=_in(Compute.UP), reserved=True),
    Row(RESERVED, 'It is reserved.', reserved=True),

    # Out of service ends when nova-compute is enabled and up.
    Row(None, None, compute=_NOT_UP, current=_OUT),

    # The condition of nodes that Nova says nothing about follows their power.
    Row(None, None, compute=_SILENT, task=True),
    Row(ENABLED, None, compute=_SILENT, power=_in(Power.ON)),
    Row(None, None, compute=_SILENT, current=_OUT),
    Row(DISABLED, 'It was switched off.', compute=_SILENT,
        power=_in(Power.OFF), off_wanted=True),
    Row(ALARM, 'It is off, and nobody has switched it off here.',
        compute=_SILENT, power=_in(Power.OFF)),
    Row(ALARM, 'Its power state cannot be read.', compute=_SILENT,
        power=_in(Power.UNKNOWN)),
    # The node is no longer in reserve; nothing says what it is instead.
    Row(OUT_OF_SERVICE, None, compute=_SILENT, current=_in(RESERVED)),
    Row(None, None, compute=_SILENT),

    # Compute hosts.
    Row(ENABLED, None, compute=_in(Compute.UP), task=True),
    Row(DISABLED, 'A task works on it.', compute=_KNOWN_NOT_UP, task=True),
    Row(ALARM, 'Nova does not know its hypervisor any more.',
        compute=_in(Compute.ABSENT)),
    Row(ALARM, 'Nova knows its hypervisor by another name now: %(host)s',
        compute=_in(Compute.RENAMED)),
    Row(ALARM, 'Its power state cannot be read.',
        power=_in(Power.UNKNOWN)),
    Row(DISABLED, 'It was switched off.',
        compute=_in(Compute.UP, Compute.DOWN), power=_in(Power.OFF),
        off_wanted=True),
    Row(ALARM, 'It is off, and nobody has switched it off here.',
        compute=_in(Compute.UP, Compute.DOWN), power=_in(Power.OFF)),
    Row(ENABLED, None, compute=_in(Compute.UP)),
    Row(DISABLED, 'Its nova-compute is disabled.',
        compute=_in(Compute.DISABLED)),
    Row(DISABLED, 'It was switched off.', compute=_in(Compute.DOWN),
        power=_in(Power.UNCHECKED), off_wanted=True),
    Row(ALARM, 'Its nova-compute is down.', compute=_in(Compute.DOWN)),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """A condition, and the reason for it, if there is one."""

    condition: int
    reason: str | None


def decide(current: int, facts: Facts,
           host: str | None = None) -> Verdict | None:
    """Return what follows from the facts.

    :param current: the present condition
    :param host: Nova's present name of the compute host
    :returns: ``None`` when condition and reason stay as they are
    """
    row = next(row for row in TABLE if row.fits(current, facts))
    if row.condition is None:
        return None
    return Verdict(row.condition, row.reason and row.reason % {'host': host})


def compute_of(status: str | None, state: str | None) -> Compute:
    """Return what two stored words of Nova mean.

    :param status: ``enabled``, ``disabled``, ``absent``, ``renamed`` or
        ``None``
    :param state: ``up``, ``down``, ``forced_down`` or ``None``
    """
    if status is None:
        return Compute.UNSEEN
    if status == 'enabled':
        return Compute.UP if state == 'up' else Compute.DOWN
    return Compute(status)
