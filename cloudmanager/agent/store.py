# SPDX-License-Identifier: Apache-2.0
"""What the agent keeps on disk, so that it can work without a bus."""

import json
import pathlib
import threading
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import exception
from cloudmanager.common import private
from cloudmanager.common.json_types import JsonObject
from cloudmanager.domain import node_modes
from cloudmanager.domain import storages

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_NOTHING: JsonObject = {'generation': 0, 'settings': {}, 'restarts': [],
                        'storages': [], 'life': 0}


class Store:
    """The desired state of the node, and which restarts are due.

    Each change is on the disk before it is acted on.

    :param directory: the agent's own directory
    """

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / 'desired.json'
        self._lock = threading.Lock()
        for left in directory.glob(f'.{self._path.name}.*.new'):
            left.unlink(missing_ok=True)
        self._values = self._read()

    def _read(self) -> JsonObject:
        try:
            found = {**_NOTHING, **json.loads(self._path.read_bytes())}
            node_modes.check(found['settings'])
            return {'generation': int(found['generation']),
                    'settings': found['settings'],
                    'restarts': list(map(str, found['restarts'])),
                    'storages': storages.check(found['storages']),
                    'life': int(found['life'])}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError,
                exception.Invalid) as exc:
            # The control plane has the desired state and sends it again.
            LOG.error('The desired state in %(path)s cannot be used: '
                      '%(why)s', {'path': self._path, 'why': exc})
        return dict(_NOTHING)

    def _write(self, **values: Any) -> None:
        changed = {**self._values, **values}
        private.replace(self._path, json.dumps(changed).encode())
        self._values = changed

    @property
    def generation(self) -> int:
        """The generation of the desired state; it grows with each change."""
        found: int = self._values['generation']
        return found

    @property
    def settings(self) -> node_modes.Settings:
        """The desired state."""
        return dict(self._values['settings'])

    def accept(self, generation: int,
               settings: node_modes.Settings) -> bool:
        """Store a desired state, unless a newer one is known.

        :returns: whether it is now the desired state
        :raises OSError: it could not be written
        """
        with self._lock:
            if generation < self.generation:
                return False
            if (generation, settings) != (self.generation, self.settings):
                self._write(generation=generation, settings=settings)
            return True

    @property
    def storages(self) -> list[JsonObject]:
        """The availability storages that are assigned to the node."""
        return list(self._values['storages'])

    def set_storages(self, assigned: list[JsonObject]) -> None:
        """Store which storages are assigned.

        :raises OSError: it could not be written
        """
        with self._lock:
            if assigned != self._values['storages']:
                self._write(storages=assigned)

    def begin_life(self, at_least: int) -> int:
        """Return a number larger than that of the previous process.

        If it cannot be written, it is with the next change that can be. An
        agent that did not start because a disk is full would look like a node
        that is dead.

        :param at_least: the smallest number to return
        """
        with self._lock:
            life: int = max(self._values['life'] + 1, at_least)
            try:
                self._write(life=life)
            except OSError as exc:
                LOG.error('%(path)s cannot be written: %(why)s', {
                    'path': self._path, 'why': exc})
                self._values = {**self._values, 'life': life}
            return life

    def is_restart_due(self, unit: str) -> bool:
        """Tell whether a unit has not been restarted since a change."""
        return unit in self._values['restarts']

    def set_restart_due(self, unit: str, is_due: bool) -> None:
        """Remember that a unit has to be restarted, or that it was.

        :raises OSError: it could not be written
        """
        with self._lock:
            others = [name for name in self._values['restarts']
                      if name != unit]
            due = [*others, unit] if is_due else others
            if due != self._values['restarts']:
                self._write(restarts=due)
