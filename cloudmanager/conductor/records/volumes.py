# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a volume whose data are mirrored or moved."""

import dataclasses
import datetime

from cloudmanager.conductor.records.item import Item


@dataclasses.dataclass(kw_only=True)
class VolumeItem(Item):
    """A volume, with what its agent was asked for.

    ``source`` and ``destination`` are physical volumes.

    :ivar host: whose agent works on it
    :ivar group: name of its volume group
    :ivar size: bytes that are written
    :ivar percent: how much of that is done
    :ivar seconds_left: how long the rest may take, if that can be told
    :ivar copies: that it is to keep, of a mirror
    :ivar copies_before: that it kept before
    :ivar was_active: whether LVM had activated it before
    :ivar began_at: when the agent was asked first, or was about to be
    :ivar progress_at: when progress was last seen
    :ivar silent_since: since when the agent does not answer, if it does not
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
