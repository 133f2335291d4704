# SPDX-License-Identifier: Apache-2.0
"""Work on single servers that is begun, disturbed and checked."""

from typing import Any

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import slots
from cloudmanager.tests.integration.slots import equal
from cloudmanager.tests.soak import flows

READY_SECONDS = 60
# What Nova is asked for the source of a clone.
IMAGE = 'createImage'
KINDS = (slots.Wakeup, slots.Recover, slots.Repair, slots.Reset)
HOSTS = ('cmp1', 'cmp2', 'cmp3', 'cmp4')


class Servers(flows.Flow):
    """Acts on several servers at a time; one of them may be cloned."""

    def prepare(self) -> None:
        self.cloud, self.project = self.scene.cloud, self.scene.project
        self.ours, self.start = self.scene.ours, self.scene.begin
        servers = [server for server in self.scene.stock(
            self.random.choice(HOSTS), 3) if server != self.scene.source]
        self.slots: list[slots.Slot] = [
            self.random.choice(KINDS)(self, server) for server in servers[:4]]
        if self.random.random() < 0.4:
            self.slots.append(self._clone())
        self.found = self.cloud.all_servers()
        for slot in self.slots:
            slot.prepare()
        cloud.wait(self._ready, READY_SECONDS, 'servers are ready')

    def _clone(self) -> slots.Clone:
        if self.scene.source is None:
            slot = slots.source(self, 'source')
            self.scene.source = slot.server
            return slot
        return slots.Clone(self, self.scene.source)

    def _ready(self) -> bool:
        self.found = self.cloud.all_servers()
        return all(slot.is_ready() for slot in self.slots)

    def begin(self) -> None:
        for slot in self.slots:
            slot.begin()
            self.tasks.append(slot.task)
            self.expected[slot.server][slot.asked or IMAGE] += 1

    def check_task(self, task: dict[str, Any]) -> None:
        (slot,) = [slot for slot in self.slots if slot.task == task['id']]
        if isinstance(slot, slots.Clone):
            slot.check(task)
        else:
            # How often Nova was asked is compared for all servers at once.
            equal('SUCCESS', task['status'], f'{slot.name}: {task["result"]}')

    def clean(self) -> None:
        clones = [slot for slot in self.slots
                  if isinstance(slot, slots.Clone)]
        self.found = self.cloud.all_servers()
        for slot in clones:
            cloud.wait(slot.is_ready, READY_SECONDS, 'the clone is gone', 0.3)
