# SPDX-License-Identifier: Apache-2.0
"""The volumes of clones: making them of snapshots, and removing them."""

import functools

from cloudmanager.common import exception
from cloudmanager.conductor.clones import creations
from cloudmanager.conductor.clones import items
from cloudmanager.conductor.clones import templates
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.clones import CloneItem
from cloudmanager.conductor.records.clones import Volume
from cloudmanager.conductor.tools import Tools

#: Statuses of new volumes that will never become usable.
_BROKEN = frozenset(('error', 'error_deleting', 'deleting', 'error_restoring'))


def key_of(volume: Volume) -> str:
    """Return the key of the copy of a volume in the journal of a clone."""
    return f'volume {volume.id}'


class Volumes:
    """The volumes of the clones of a task.

    :param shared: what the clones are made of
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 shared: templates.Templates) -> None:
        self._run = run
        self._tools = tools
        self._shared = shared

    def _name(self, item: CloneItem, volume: Volume) -> str:
        return f'{(item.name or "")[:240]}-{volume.device}'[:255]

    def _find(self, item: CloneItem, volume: Volume) -> str | None:
        mark = items.mark(self._run, item, key_of(volume))
        return next((
            piece.id for piece in self._tools.cinder.volumes_named(
                self._shared.project, self._name(item, volume))
            if piece.description == mark), None)

    def _create(self, item: CloneItem, volume: Volume) -> str:
        inside = self._tools.in_project(self._shared.project)
        return inside.cinder.create_volume(
            self._shared.journal.id_of(volume.id), volume.size_gb,
            self._name(item, volume),
            items.mark(self._run, item, key_of(volume)))

    def make(self, item: CloneItem) -> bool:
        """Have the volumes of a clone made; tell whether all are ready.

        :raises ServerState: one of them will never be ready
        """
        journal = items.journal(self._run, item)
        made = [journal.ensure(
            key_of(volume), functools.partial(self._find, item, volume),
            functools.partial(self._create, item, volume))
            for volume in self._shared.facts.volumes]
        statuses = [self._status(key) for key in made if key]
        for status in statuses:
            if status in _BROKEN or status == 'gone':
                raise exception.ServerState(
                    server=self._run.server_id,
                    reason=f'a copy of a volume has the status {status}')
        return (len(statuses) == len(made)
                and all(status == 'available' for status in statuses))

    def _status(self, volume_id: str) -> str:
        piece = self._tools.cinder.piece(volume_id)
        return piece.status if piece else 'gone'

    def describe(self, item: CloneItem) -> None:
        """Give each copy the description of its original volume."""
        journal = items.journal(self._run, item)
        for volume in self._shared.facts.volumes:
            self._tools.cinder.describe(journal.id_of(key_of(volume)),
                                        volume.description)

    def remove(self, item: CloneItem) -> None:
        """Remove the volumes, as far as that is possible now."""
        journal = items.journal(self._run, item)
        for volume in self._shared.facts.volumes:
            if journal.is_open(key_of(volume)):
                self._run.guard()
                self._remove(item, journal, volume)

    def _remove(self, item: CloneItem, journal: creations.CreationJournal,
                volume: Volume) -> None:
        key = key_of(volume)
        found = journal.identify(key, lambda: self._find(item, volume))
        if found is None:
            if journal.is_settled(key):
                journal.close(key)
            return
        piece = self._tools.cinder.piece(found)
        if piece is None:
            journal.close(key)
        elif piece.status != 'deleting':
            self._tools.cinder.delete_volume(found)
