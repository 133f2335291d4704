# SPDX-License-Identifier: Apache-2.0
"""The memory of a volume whose data are mirrored or moved."""

import dataclasses
import datetime

from cloudmanager.conductor.records.item import Item


@dataclasses.dataclass(kw_only=True)
class VolumeItem(Item):
    """A volume, and the request that its agent was sent.

    ``source`` and ``destination`` are physical volumes.

    :ivar host: the host whose agent works on it
    :ivar group: name of its volume group
    :ivar size: bytes to write
    :ivar percent: how much of that is done
    :ivar seconds_left: how long the rest may take, if that can be estimated
    :ivar copies: how many copies it is to keep, for a mirror
    :ivar copies_before: how many copies it kept before
    :ivar was_active: whether LVM had activated it before
    :ivar began_at: when the first request was sent, or was about to be
    :ivar progress_at: when progress was last seen
    :ivar silent_since: since when the agent has not answered, if it does not
    :ivar is_ending: whether the agent was asked to undo what it began
    """

    host: str = ''
    group: str = ''
    size: int = 0
    percent: float = 0.0
    seconds_left: int | None = None
    copies: int = 1
    copies_before: int = 1
    was_active: bool = True
    began_at: datetime.datetime | None = None
    progress_at: datetime.datetime | None = None
    silent_since: datetime.datetime | None = None
    is_ending: bool = False
