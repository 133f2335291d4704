# SPDX-License-Identifier: Apache-2.0
"""The memory of a node that is bound to a virtual controller."""

import dataclasses

from cloudmanager.conductor.records.item import Item


@dataclasses.dataclass(kw_only=True)
class BindingItem(Item):
    """A node that is bound or released.

    :ivar host: name of its nova-compute in Nova
    :ivar was_enabled: whether its compute service was enabled before
    :ivar controller_before: the controller that it was bound to before
    :ivar type_before: the ``controller_type`` that it had before
    """

    host: str = ''
    was_enabled: bool = False
    controller_before: str | None = None
    type_before: str | None = None
