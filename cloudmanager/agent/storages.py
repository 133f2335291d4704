# SPDX-License-Identifier: Apache-2.0
"""Writes the states of the node's guests to its availability storages.

Each storage has a thread, so that one that hangs does not delay the others.
The control plane gives the path, so the file is written as the agent's own
user: nobody must be able to have other places overwritten through the agent.
"""

from collections.abc import Callable
import pathlib
import threading
from typing import Protocol

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.agent.operations import operation
from cloudmanager.agent.store import Store
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import mounted
from cloudmanager.common import signing
from cloudmanager.common.json_types import JsonObject
from cloudmanager.domain import state_files
from cloudmanager.domain import storages as rules

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
_BOOT_ID = pathlib.Path('/proc/sys/kernel/random/boot_id')
# How many generations one process of the agent can use.
_LIFE = 1_000_000


class _Writer(threading.Thread):
    """Writes to one storage, always the newest content only."""

    def __init__(self, storage: JsonObject, name: str,
                 changed: Callable[[], None]) -> None:
        super().__init__(name=f'storage-{storage["id"]}', daemon=True)
        self.storage = storage
        self._file = name
        self._changed = changed
        self._directory = mounted.Directory(
            storage['path'], CONF.agent.storage_timeout,
            CONF.agent.storage_must_be_mounted)
        self._wanted = threading.Event()
        self._ended = False
        self._content = b''
        self._written_at: str | None = None
        self._reason: str | None = 'nothing was written yet'
        self.start()

    def offer(self, content: bytes) -> None:
        """Have a content written soon."""
        self._content = content
        self._wanted.set()

    def end(self) -> None:
        """Stop writing."""
        self._ended = True
        self._wanted.set()

    def state(self) -> JsonObject:
        """Return the state of the storage.

        Only a storage that fails has ``written_at``; for others it would
        change all the time.
        """
        reason = self._reason
        return {**self.storage, 'reason': reason,
                'written_at': None if reason is None else self._written_at}

    def run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._ended:
                return
            before, reason = self._reason, None
            try:
                self._directory.write(self._file, self._content)
                self._written_at = clock.isoformat(clock.utcnow())
            except exception.CloudManagerException as exc:
                reason = exc.message
            except Exception:
                # Boundary of the thread; the next content is tried again.
                LOG.exception('Storage %s failed.', self.storage['id'])
                reason = 'the agent failed; its log tells why'
            self._reason = reason
            if reason != before:
                self._changed()
            if reason is not None and reason != before:
                LOG.warning('The states of guests cannot be written to '
                            'storage %(id)s: %(why)s', {
                                'id': self.storage['id'], 'why': reason})
            elif reason is None and before is not None:
                LOG.info('The states of guests are written to storage %s.',
                         self.storage['id'])


class Storages:
    """The availability storages of the node.

    :param host: name of the node
    :param store: has the list of storages
    :param changed: called when a storage begins to fail, or to work
    """

    def __init__(self, host: str, store: Store,
                 changed: Callable[[], None]) -> None:
        self._host = host
        self._changed = changed
        self._store = store
        self._lock = threading.Lock()
        self._writers: dict[int, _Writer] = {}
        # Based on the clock, so that it also grows when the store was lost.
        self._generation = store.begin_life(int(clock.timestamp())) * _LIFE
        self._boot_id = _BOOT_ID.read_text('ascii').strip()

    def states(self) -> list[JsonObject]:
        """Return the state of each storage, in the order of their ids."""
        with self._lock:
            return [writer.state() for _, writer in
                    sorted(self._writers.items())]

    def write(self, key: signing.Key, guests: list[JsonObject] | None,
              reason: str | None) -> None:
        """Have the states of the guests written to all storages.

        This does not wait for the writing.

        :param key: signs the file
        :param guests: ``None`` if they are not known
        :param reason: why they are not
        """
        with self._lock:
            self._follow()
            if not self._writers:
                return
            self._generation += 1
            content = state_files.pack(signing.sign(
                key, signing.Kind.STATE, self._host, signing.CONTROL, {
                    'host': self._host, 'generation': self._generation,
                    'time': clock.timestamp(),
                    'interval': CONF.agent.state_interval,
                    'boot_id': self._boot_id, 'guests': guests,
                    'reason': reason}))
            for writer in self._writers.values():
                writer.offer(content)

    def _follow(self) -> None:
        """Have a writer for each storage that is assigned now."""
        wanted = {storage['id']: storage for storage in self._store.storages}
        for key, writer in list(self._writers.items()):
            if wanted.get(key) != writer.storage:
                writer.end()
                del self._writers[key]
        for key, storage in wanted.items():
            if key not in self._writers:
                self._writers[key] = _Writer(
                    storage, state_files.name_of(self._host),
                    self._changed)


class Agent(Protocol):
    """What these operations need of the agent."""

    store: Store

    def observe_soon(self) -> None:
        """Have the guests looked at immediately."""


@operation('storages.apply', version='1.0')
def apply(agent: Agent, storages: object) -> JsonObject:
    """Accept the availability storages that are assigned to the node.

    :param storages: ``id`` and ``path`` of all of them
    :returns: ``storages``
    """
    found = rules.check(storages)
    agent.store.set_storages(found)
    agent.observe_soon()
    return {'storages': found}
