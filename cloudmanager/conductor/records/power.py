# SPDX-License-Identifier: Apache-2.0
"""What is remembered of nodes that are switched."""

import dataclasses
import datetime

from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.item import Item

#: When something was about to be done, or was done, by what it is.
Notes = dict[str, datetime.datetime]


@dataclasses.dataclass(kw_only=True)
class PowerMemory(stored.Record):
    """What a task remembers that switches one node."""

    done: Notes = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(kw_only=True)
class NodeItem(Item):
    """One of several nodes that a task switches."""

    done: Notes = dataclasses.field(default_factory=dict)
