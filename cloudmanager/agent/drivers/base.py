# SPDX-License-Identifier: Apache-2.0
"""The interface of the drivers of all modes."""

from collections.abc import Mapping
from typing import Any
from typing import Protocol


class Driver(Protocol):
    """Reads and sets one mode of the node.

    Each method raises a ``CloudManagerException`` that says why it failed.
    """

    def read(self) -> Any:
        """Return the actual value."""

    def is_settled(self) -> bool:
        """Tell whether nothing is left to do after the last change."""

    def plan(self, value: Any) -> list[str]:
        """Return what would be written and run, in words.

        :raises Conflict: the node cannot have the value
        """

    def apply(self, value: Any) -> None:
        """Give the mode a value; to do so twice does no harm."""


Drivers = Mapping[str, Driver]
