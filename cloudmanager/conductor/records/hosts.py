# SPDX-License-Identifier: Apache-2.0
"""What the task of one host remembers."""

import dataclasses
import datetime
import enum

from cloudmanager.conductor.records import stored

#: Stands for a heartbeat of a host that never sent one.
NO_HEARTBEAT = 'none'


class Proof(enum.StrEnum):
    """How it is known that a host is off."""

    #: Its power control says so.
    POWER = 'power'
    #: Whoever asked for the task says so.
    ADMINISTRATOR = 'administrator'


@dataclasses.dataclass(kw_only=True)
class HostMemory(stored.Record):
    """What later steps of a host's task, or a successor, must know."""

    #: How its nova-compute was before anything was changed; ``None`` while
    #: nobody has looked.
    was_enabled: bool | None = None
    reason_before: str | None = None
    #: Seconds that Nova had not heard of it for then, if it ever did.
    silent_for: float | None = None
    #: Whether the power was about to be cut.
    fence_begun: bool = False
    fenced: Proof | None = None
    #: Whether Nova was told by us that the host is down.
    forced_down: bool = False
    #: Whether something was done to the host that cannot be taken back.
    no_return: bool = False
    #: Whether the node was about to be switched off.
    switched_off: bool = False
    #: Names of the aggregates that a host was in which is to go for good,
    #: and ids of its resource providers; ``None`` while nobody has looked.
    aggregates: list[str] | None = None
    providers: list[str] | None = None
    #: Ids of the network agents that were alive before a restart.
    agents: list[str] | None = None
    #: The last heartbeat before a restart, as text, or ``NO_HEARTBEAT``.
    heartbeat_before: str | None = None
    #: Since when the host is waited for.
    awaited_since: datetime.datetime | None = None
