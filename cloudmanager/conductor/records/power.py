# SPDX-License-Identifier: Apache-2.0
"""The memory of nodes that are switched."""

import dataclasses
import datetime

from cloudmanager.conductor.records import stored
from cloudmanager.conductor.records.item import Item

#: When each thing was done, or was about to be done, by its name.
Notes = dict[str, datetime.datetime]


@dataclasses.dataclass(kw_only=True)
class PowerMemory(stored.Record):
    """The memory of a task that switches one node."""

    done: Notes = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(kw_only=True)
class NodeItem(Item):
    """One of several nodes that a task switches."""

    done: Notes = dataclasses.field(default_factory=dict)
