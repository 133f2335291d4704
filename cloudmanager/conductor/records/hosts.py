# SPDX-License-Identifier: Apache-2.0
"""The memory of the task of one host."""

import dataclasses
import datetime
import enum

from cloudmanager.conductor.records import stored

#: Stands for a heartbeat of a host that never sent one.
NO_HEARTBEAT = 'none'


class Proof(enum.StrEnum):
    """The proof that a host is off."""

    #: Its power control says so.
    POWER = 'power'
    #: The administrator who requested the task says so.
    ADMINISTRATOR = 'administrator'


@dataclasses.dataclass(kw_only=True)
class HostMemory(stored.Record):
    """What later steps of a host's task, or later conductors, must know."""

    #: Whether its nova-compute was enabled before the task changed anything;
    #: ``None`` while that is not known.
    was_enabled: bool | None = None
    reason_before: str | None = None
    #: Seconds since Nova's last news of it at that time, if there was any.
    silent_for: float | None = None
    #: Whether the power was about to be cut.
    fence_begun: bool = False
    fenced: Proof | None = None
    #: Whether this task has told Nova that the host is down.
    forced_down: bool = False
    #: Whether the task has done something to the host that cannot be undone.
    no_return: bool = False
    #: Whether the node was about to be switched off.
    switched_off: bool = False
    #: For a host that is decommissioned: names of the aggregates that it was
    #: in, and ids of its resource providers; ``None`` while not known.
    aggregates: list[str] | None = None
    providers: list[str] | None = None
    #: Ids of the network agents that were alive before a restart.
    agents: list[str] | None = None
    #: The last heartbeat before a restart, as text, or ``NO_HEARTBEAT``.
    heartbeat_before: str | None = None
    #: When the task began to wait for the host.
    awaited_since: datetime.datetime | None = None
