# SPDX-License-Identifier: Apache-2.0
"""The memory of hosts that are restarted one after the other."""

import dataclasses

from cloudmanager.conductor.records.item import Item


@dataclasses.dataclass(kw_only=True)
class HostItem(Item):
    """A host that is to be restarted.

    :ivar task: id of the task that restarts it, which may not exist yet;
        ``None`` while the host waits for its turn
    """

    task: str | None = None
