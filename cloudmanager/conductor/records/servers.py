# SPDX-License-Identifier: Apache-2.0
"""The memory of a server that an action of its own acts on.

If the action moves the server, the same row is also read as the item of a
move. Each of the two records keeps the other's keys as they are.
"""

import dataclasses
import datetime

from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.item import Item
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.planning import remedies


@dataclasses.dataclass(kw_only=True)
class Asked(stored.Record):
    """A request that is sent to Nova only once.

    :ivar phase: ``ASK`` or ``FOLLOW``
    :ivar at: when the request was sent, or was about to be
    :ivar known: Nova's id of the newest request before this one, if any
    """

    phase: Phase
    at: datetime.datetime
    known: str | None = None


@dataclasses.dataclass(kw_only=True)
class ServerItem(Item):
    """A server that is being fixed, or that is to be moved alone.

    :ivar waiting_since: since when the task has waited for Nova's own work
    :ivar step: the step that is being taken
    :ivar asked: the request of that step, if it sends one
    :ivar history: the steps that were taken
    :ivar diagnosis: what was found first, in words
    """

    waiting_since: datetime.datetime | None = None
    step: remedies.Step | None = None
    asked: Asked | None = None
    history: list[remedies.Tried] = dataclasses.field(default_factory=list)
    diagnosis: str = ''

    @property
    def is_untouched(self) -> bool:
        """Whether no step was chosen or taken yet."""
        return not (self.unknown or self.waiting_since or self.step
                    or self.history)
