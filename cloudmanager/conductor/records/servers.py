# SPDX-License-Identifier: Apache-2.0
"""What is remembered of the server that an action of its own is about.

Where the action moves the server, the same row is read as the item of a move
as well; each record leaves alone what is the other's.
"""

import dataclasses
import datetime

from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.item import Item
from cloudmanager.conductor.records.moves import Phase
from cloudmanager.planning import remedies


@dataclasses.dataclass(kw_only=True)
class Asked(stored.Record):
    """A request that Nova is sent once.

    :ivar phase: ``ASK`` or ``FOLLOW``
    :ivar at: when Nova was asked, or was about to be
    :ivar known: Nova's id of the newest request before, if there was one
    """

    phase: Phase
    at: datetime.datetime
    known: str | None = None


@dataclasses.dataclass(kw_only=True)
class ServerItem(Item):
    """A server that is being helped, or that is to be moved by itself.

    :ivar waiting_since: since when it is waited for what Nova does
    :ivar step: that is being taken
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
        """Whether nothing was decided or done yet."""
        return not (self.unknown or self.waiting_since or self.step
                    or self.history)
