# SPDX-License-Identifier: Apache-2.0
"""Files that the agent puts into the configuration of other programs."""

from collections.abc import Callable
from typing import Any

from oslo_config import cfg

from cloudmanager.agent import privileged
from cloudmanager.agent.drivers import units
from cloudmanager.agent.privileged import files
from cloudmanager.agent.store import Store

CONF = cfg.CONF


class DropIn:
    """A mode that is the content of one file.

    The program is restarted only when the file has changed. The restart is
    recorded before the change, so that a crash in between only delays it.

    :param purpose: the purpose of the file, as ``privileged.files`` names it
    :param unit: the program's unit
    :param store: records which restarts are due
    :param render: returns the content for a value; ``None`` for no file
    :param parse: returns the value that a content stands for
    """

    def __init__(self, purpose: str, unit: str, store: Store,
                 render: Callable[[Any], str | None],
                 parse: Callable[[str | None], Any]) -> None:
        self._purpose = purpose
        self._unit = unit
        self._store = store
        self._render = render
        self._parse = parse

    def _content(self) -> str | None:
        found: str | None = privileged.call('files', 'read', self._purpose)
        return found

    def read(self) -> Any:
        return self._parse(self._content())

    def is_settled(self) -> bool:
        return not self._store.is_restart_due(self._unit)

    def plan(self, value: Any) -> list[str]:
        wanted = self._render(value)
        if wanted == self._content():
            return []
        path = files.path_of(self._purpose)
        return [f'remove: {path}' if wanted is None
                else f'write: {path}\n{wanted}',
                f'run: systemctl try-restart -- {self._unit}']

    def apply(self, value: Any) -> None:
        wanted = self._render(value)
        if wanted != self._content():
            self._store.set_restart_due(self._unit, True)
            if wanted is None:
                privileged.call('files', 'remove', self._purpose)
            else:
                privileged.call('files', 'write', self._purpose, wanted)
        if self._store.is_restart_due(self._unit):
            units.restart(self._unit)
            self._store.set_restart_due(self._unit, False)
