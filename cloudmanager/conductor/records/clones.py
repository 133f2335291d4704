# SPDX-License-Identifier: Apache-2.0
"""What is remembered of clones, and of what they are made of."""

import dataclasses
import datetime
import enum

from cloudmanager.clients import neutron
from cloudmanager.clients import nova_copies
from cloudmanager.common import clock
from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.item import Item


class Phase(enum.StrEnum):
    """How far a clone is."""

    #: Its volumes are made.
    VOLUMES = 'volumes'
    #: Nova is asked for the server.
    SERVER = 'server'
    #: Nova builds the server.
    BOOT = 'boot'
    #: It is made like its source in what Nova does not take.
    FINISH = 'finish'
    #: It failed, and is taken away.
    REMOVE = 'remove'


@dataclasses.dataclass(kw_only=True)
class Creation(stored.Record):
    """Something that was, or is about to be, asked for.

    :ivar at: when
    :ivar id: of the thing, once that is known
    :ivar gone: whether it is gone, or never was
    """

    at: datetime.datetime
    id: str | None = None
    gone: bool = False


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume of the server that is cloned.

    :ivar device: its last part, such as ``vda``
    :ivar root: whether the server boots from it
    :ivar delete: whether it is deleted along with the server
    """

    id: str
    name: str
    size_gb: int
    device: str
    root: bool
    delete: bool
    description: str | None = None
    tag: str | None = None


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of the server that is cloned since the plan.

    User data is not among it: it may hold secrets.

    :ivar project: its id
    :ivar image: whether its root disk is no volume
    :ivar ports: in their order on the server
    :ivar key: the key pair of our own that the clones are made with
    :ivar keyless: whether the owner has removed the server's key pair
    """

    name: str
    project: str
    image: bool
    volumes: list[Volume]
    ports: list[neutron.Port]
    keyless: bool
    description: str | None = None
    key: nova_copies.KeyPair | None = None


@dataclasses.dataclass(kw_only=True)
class CloneMemory(stored.Record):
    """What a task that clones a server remembers.

    :ivar clone: ``None`` until it is planned
    :ivar shared: what all clones are made of, by key
    :ivar left: what could not be removed, in words
    """

    clone: Facts | None = None
    shared: dict[str, Creation] = dataclasses.field(default_factory=dict)
    left: str = ''

    @property
    def facts(self) -> Facts:
        """What was planned.

        :raises ValueError: nothing was
        """
        if self.clone is None:
            raise ValueError('The clones are not planned yet.')
        return self.clone


@dataclasses.dataclass(kw_only=True)
class CloneItem(Item):
    """A clone; ``object_id`` is that of the server once there is one.

    :ivar number: from 1, among the clones of the task
    :ivar since: when the phase began
    :ivar lines: what is created for this clone only, by key
    """

    number: int
    phase: Phase = Phase.VOLUMES
    since: datetime.datetime | None = None
    lines: dict[str, Creation] = dataclasses.field(default_factory=dict)

    @property
    def age(self) -> float:
        """Seconds since the phase began; 0 if none has."""
        return clock.seconds_since(self.since) if self.since else 0.0
