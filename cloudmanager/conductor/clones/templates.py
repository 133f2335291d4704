# SPDX-License-Identifier: Apache-2.0
"""What all clones of a task are made of: snapshots, an image, a key pair."""

from cloudmanager.conductor.clones import creations
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.clones import CloneMemory
from cloudmanager.conductor.tools import Tools

IMAGE, KEY = 'image', 'key pair'


class Templates:
    """What all clones of a task are made of."""

    def __init__(self, run: engine_run.Run, tools: Tools) -> None:
        self._run = run
        self._tools = tools
        memory = run.recall(CloneMemory)
        self.facts = memory.facts
        self.journal = creations.CreationJournal(
            run, memory.shared, lambda: run.keep(memory))

    @property
    def project(self) -> str:
        return self.facts.project

    @property
    def name(self) -> str:
        """The name of the image and the snapshots."""
        return f'{self.facts.name[:200]}-{self._run.task_id}'

    def keys(self) -> list[str]:
        """Return the keys of the resources that the clones need."""
        found = [volume.id for volume in self.facts.volumes]
        if self.facts.image:
            found.append(IMAGE)
        if self.facts.key:
            found.append(KEY)
        return found

    def ensure(self, key: str) -> str | None:
        """Have one of them created; see ``CreationJournal.ensure``."""
        return self.journal.ensure(key, lambda: self.find(key),
                                   lambda: self._create(key))

    def _create(self, key: str) -> str:
        owner = self._tools.in_project(self.project)
        if key == KEY and self.facts.key:
            return self._tools.nova.create_keypair(self.facts.key)
        if key == IMAGE:
            return owner.nova.create_image(self._run.server_id, self.name)
        return owner.cinder.create_snapshot(
            key, self.name, creations.mark(self._run, key))

    def find(self, key: str) -> str | None:
        """Look for one of them by its mark."""
        if key == KEY and self.facts.key:
            found = self._tools.nova.keypair(self.facts.key.name)
            return found.name if found else None
        if key == IMAGE:
            images = self._tools.glance.images_named(self.project, self.name)
            return next((image.id for image in images), None)
        mark = creations.mark(self._run, key)
        return next((piece.id for piece in
                     self._tools.cinder.snapshots_named(
                         self.project, self.name)
                     if piece.description == mark), None)

    def status(self, key: str, found: str) -> str:
        """Return the status of one of them, by its id."""
        if key == KEY:
            return 'active'
        piece = (self._tools.glance.image(found) if key == IMAGE
                 else self._tools.cinder.snapshot(found))
        return piece.status if piece is not None else 'deleted'

    def remove(self, key: str) -> bool:
        """Take one of them away; tell whether it is gone."""
        found = self.journal.identify(key, lambda: self.find(key))
        if found is None:
            return self.journal.is_settled(key)
        if key == KEY:
            self._tools.nova.delete_keypair(found)
            return True
        if key == IMAGE:
            self._tools.glance.delete_image(found)
            return True
        status = self.status(key, found)
        if status == 'deleted':
            return True
        if status != 'deleting':
            self._tools.cinder.delete_snapshot(found)
        return False
