# SPDX-License-Identifier: Apache-2.0
"""The memory of clones, and of what they are made of."""

import dataclasses
import datetime
import enum

from cloudmanager.clients import neutron
from cloudmanager.clients import nova_copies
from cloudmanager.common import clock
from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.item import Item


class Phase(enum.StrEnum):
    """The phase of a clone."""

    #: Its volumes are being made.
    VOLUMES = 'volumes'
    #: The server is being requested from Nova.
    SERVER = 'server'
    #: Nova is building the server.
    BOOT = 'boot'
    #: It gets what cannot be given when Nova creates it.
    FINISH = 'finish'
    #: It failed, and is being removed.
    REMOVE = 'remove'


@dataclasses.dataclass(kw_only=True)
class Creation(stored.Record):
    """A resource that was requested, or is about to be.

    :ivar at: when it was requested, or was about to be
    :ivar id: the id of the resource, once that is known
    :ivar gone: whether it is gone, or was never created
    """

    at: datetime.datetime
    id: str | None = None
    gone: bool = False


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume of the server that is cloned.

    :ivar device: the last part of its device's name, such as ``vda``
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
    """The server that is cloned, as it was when the task was planned.

    User data is left out, since it may hold secrets.

    :ivar project: the id of its project
    :ivar image: whether its root disk is not a volume
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
    """The memory of a task that clones a server.

    :ivar clone: ``None`` until the task is planned
    :ivar shared: the resources that all clones are made of, by key
    :ivar left: what could not be removed, in words
    """

    clone: Facts | None = None
    shared: dict[str, Creation] = dataclasses.field(default_factory=dict)
    left: str = ''

    @property
    def facts(self) -> Facts:
        """The facts that the plan was made with.

        :raises ValueError: the task is not planned yet
        """
        if self.clone is None:
            raise ValueError('The clones are not planned yet.')
        return self.clone


@dataclasses.dataclass(kw_only=True)
class CloneItem(Item):
    """A clone; ``object_id`` is that of the server once there is one.

    :ivar number: its number among the clones of the task, from 1
    :ivar since: when the phase began
    :ivar lines: the resources created for this clone only, by key
    """

    number: int
    phase: Phase = Phase.VOLUMES
    since: datetime.datetime | None = None
    lines: dict[str, Creation] = dataclasses.field(default_factory=dict)

    @property
    def age(self) -> float:
        """Seconds since the phase began; 0 if no phase has."""
        return clock.seconds_since(self.since) if self.since else 0.0
