# SPDX-License-Identifier: Apache-2.0
"""The servers of clones: creating them, awaiting them, removing them."""

import dataclasses

from cloudmanager.clients import nova_records
from cloudmanager.conductor.clones import items
from cloudmanager.conductor.clones import source
from cloudmanager.conductor.clones import templates
from cloudmanager.conductor.clones import volumes
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.clones import CloneItem
from cloudmanager.conductor.tools import Tools
from cloudmanager.planning import copies

#: The key of the server in the journal of a clone.
KEY = 'server'


class Servers:
    """The servers of the clones of a task.

    :param shared: what the clones are made of
    """

    def __init__(self, run: engine_run.Run, tools: Tools,
                 shared: templates.Templates) -> None:
        self._run = run
        self._tools = tools
        self._shared = shared
        self._source: source.Source | None = None

    def _find(self, item: CloneItem) -> str | None:
        mark = items.mark(self._run, item, KEY)
        found = self._tools.nova.servers_of(self._shared.project)
        return next((key for key, description in found.items()
                     if description == mark), None)

    def _create(self, item: CloneItem) -> str:
        """Request the server, from its source as it is now."""
        if self._source is None:
            self._source = source.read(self._tools, self._run.server_id)
        facts, journal = self._shared.facts, items.journal(self._run, item)
        inside = self._tools.in_project(self._shared.project)
        return inside.nova.create_server(copies.body(
            self._source.plan, self._source.ports, name=item.name or '',
            description=items.mark(self._run, item, KEY),
            image_id=(self._shared.journal.id_of(templates.IMAGE)
                      if facts.image else None),
            key_name=facts.key.name if facts.key else None,
            volumes=[dataclasses.replace(
                volume, id=journal.id_of(volumes.key_of(volume)))
                for volume in facts.volumes]))

    def make(self, item: CloneItem) -> str | None:
        """Have the server of a clone made; see ``CreationJournal.ensure``."""
        return items.journal(self._run, item).ensure(
            KEY, lambda: self._find(item), lambda: self._create(item))

    def look(self, item: CloneItem) -> nova_records.Server | None:
        """Return the server of a clone, ``None`` if it is gone."""
        return self._tools.nova.server(item.object_id)

    def secure(self, item: CloneItem) -> None:
        """Give each port the security groups of the port that it copies."""
        made = self._tools.neutron.ports_of(item.object_id)
        for port, other in copies.pairs(self._shared.facts.ports, made):
            if (port.security, port.security_groups) != (
                    other.security, other.security_groups):
                self._run.guard()
                self._tools.neutron.set_security(
                    other.id, port.security, port.security_groups)

    def describe(self, item: CloneItem) -> None:
        """Give the server the description of its source."""
        self._tools.nova.describe(item.object_id,
                                  self._shared.facts.description)

    def remove(self, item: CloneItem) -> bool:
        """Remove the server; tell whether it is gone."""
        journal = items.journal(self._run, item)
        if not journal.is_open(KEY):
            return True
        self._run.guard()
        found = journal.identify(KEY, lambda: self._find(item))
        if found is None:
            if journal.is_settled(KEY):
                journal.close(KEY)
            return False
        server = self._tools.nova.server(found)
        if server is None or server.status == 'DELETED':
            journal.close(KEY)
        elif server.task_state != 'deleting':
            self._tools.nova.delete_server(found)
        return False
