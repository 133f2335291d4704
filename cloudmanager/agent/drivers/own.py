# SPDX-License-Identifier: Apache-2.0
"""Modes that are settings of the agent itself."""

from cloudmanager.agent.store import Store
from cloudmanager.common import exception
from cloudmanager.domain import node_modes


class DCC:
    """Whether the agent configures components of the node."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> bool:
        return node_modes.dcc_is_on(self._store.settings)

    def is_settled(self) -> bool:
        return True

    def plan(self, value: bool) -> list[str]:
        return []

    def apply(self, value: bool) -> None:
        """Do nothing: the value takes effect when it is stored."""


class NodeSafe:
    """Whether the node fences itself, which this version cannot do yet.

    The desired value is stored all the same, and reported apart from the
    actual one.
    """

    def read(self) -> bool:
        return False

    def is_settled(self) -> bool:
        return True

    def plan(self, value: bool) -> list[str]:
        return []

    def apply(self, value: bool) -> None:
        if value:
            raise exception.Conflict(
                reason='This version of the agent does not arm a watchdog; '
                       'the setting is kept.')
