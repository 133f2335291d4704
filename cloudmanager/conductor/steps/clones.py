# SPDX-License-Identifier: Apache-2.0
"""Steps that clone a server: plan, take snapshots, create, clean up, verify.

All clones of a task are made from the same snapshots of the volumes, and from
one image of the root disk if that is not a volume. These, and the key pair
that the clones are created with, are removed at the end, whatever happened.
"""

from collections.abc import Callable
import datetime

from oslo_config import cfg
from oslo_log import log as logging
from taskflow.types import failure

from cloudmanager.clients import nova_copies
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.clones import maker
from cloudmanager.conductor.clones import source as clone_source
from cloudmanager.conductor.clones import templates
from cloudmanager.conductor.records.clones import CloneItem
from cloudmanager.conductor.records.clones import CloneMemory
from cloudmanager.conductor.records.clones import Facts
from cloudmanager.conductor.steps import server
from cloudmanager.conductor.steps.base import Step
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: Statuses of images and snapshots that will never be usable.
_BROKEN = frozenset(('error', 'killed', 'deleted', 'pending_delete',
                     'error_deleting', 'deleting'))
# How many characters of the owner's key name are used: the id needs the rest.
_KEY_NAME = 200


class PlanClones(Step):
    """Write an item for each clone, with its name."""

    def do(self) -> None:
        self.run.checkpoint()
        memory = self.run.recall(CloneMemory)
        if memory.clone is not None:
            return
        server.check_free(self.run.context, self.run.server_id,
                          self.run.task_id)
        source = clone_source.check(self.tools, self.run.server_id,
                                    self.run.params)
        plan = source.plan
        names = clone_source.names(self.tools, source, self.run.params)
        key = (self._key(plan.key_name, plan.user_id) if plan.key_name
               else None)
        self.run.add_items([
            CloneItem(kind=ItemKind.CLONE, object_id=f'clone {number}',
                      name=name, action='clone', source=plan.id,
                      number=number)
            for number, name in enumerate(names, 1)])
        memory.clone = Facts(
            name=plan.name, project=plan.project_id,
            description=plan.description, image=plan.image,
            volumes=source.volumes, ports=source.ports, key=key,
            keyless=bool(plan.key_name and key is None))
        self.run.keep(memory)

    def _key(self, name: str, user_id: str) -> nova_copies.KeyPair | None:
        """Return a key pair of our own with the public key of the server's.

        Nova accepts only key pairs of the user that asks for a server.

        :param name: of the server's key pair
        :param user_id: its owner
        :returns: ``None`` if the owner has removed it
        """
        found = self.tools.nova.keypair(name, user_id)
        if found is None:
            return None
        return nova_copies.KeyPair(
            f'{found.name[:_KEY_NAME]}-{self.run.task_id}', found.type,
            found.public_key)


class TakeSnapshots(Step):
    """Take the image and the snapshots from which clones are made."""

    def do(self) -> None:
        self.run.checkpoint()
        shared = templates.Templates(self.run, self.tools)
        # Cinder may need Nova for a snapshot of a volume in use, and Nova
        # does nothing else for a server while it makes an image of it.
        keys = shared.keys()
        self._take(shared, [key for key in keys if key != templates.IMAGE])
        self._take(shared, [key for key in keys if key == templates.IMAGE])

    def _take(self, shared: templates.Templates, waiting: list[str]) -> None:
        """Ask for some of them together, and wait until all are ready."""
        begun = clock.utcnow()
        while waiting:
            self.run.checkpoint()
            for key in waiting:
                shared.ensure(key)
            waiting = [key for key in waiting if not self._is_there(
                shared, key, begun)]
            if waiting:
                self.run.pause(CONF.host_tasks.poll_interval)

    def _is_there(self, shared: templates.Templates, key: str,
                  begun: datetime.datetime) -> bool:
        found = shared.journal.entries[key].id
        status = shared.status(key, found) if found else 'not found'
        if status in ('active', 'available'):
            return True
        what = 'image of its root disk' if key == templates.IMAGE else (
            f'snapshot of its volume {key}')
        if status in _BROKEN:
            raise exception.TaskFailed(
                reason=f'Server {self.run.server_id} was not cloned: the '
                       f'{what} has the status {status}.')
        if clock.seconds_since(begun) > CONF.server_tasks.clone_timeout:
            raise exception.TaskFailed(
                reason=f'Server {self.run.server_id} was not cloned: the '
                       f'{what} was still {status} after '
                       f'{CONF.server_tasks.clone_timeout} s.')
        return False

    def undo(self, causes: list[failure.Failure]) -> None:
        outlast(self, lambda: clear_up(self))


class MakeClones(Step):
    """Create the clones, several at a time, each completely or not at all."""

    def do(self) -> None:
        self._maker().drive()

    def undo(self, causes: list[failure.Failure]) -> None:
        """Remove clones that are not complete, whatever the failure."""
        outlast(self, lambda: self._maker().give_up(
            str(causes[0].exception_str) if causes else 'the task failed'))

    def _maker(self) -> maker.Maker:
        return maker.Maker(self.run, self.tools, templates.Templates(
            self.run, self.tools))


class ClearUp(Step):
    """Remove the image, the snapshots and the key pair."""

    def do(self) -> None:
        clear_up(self)


def outlast(step: Step, function: Callable[[], None]) -> None:
    """Call a function, and repeat it while the cloud cannot be reached.

    :raises CloudUnreachable: the cloud was away for too long
    """
    begun = clock.monotonic()
    while True:
        try:
            return function()
        except exception.CloudUnreachable:
            if clock.monotonic() - begun > CONF.cloud.outage_timeout:
                raise
            step.run.pause(CONF.cloud.retry_max_delay)


def clear_up(step: Step) -> None:
    """Remove image, snapshots and key pair, as far as possible.

    Some back ends keep a snapshot as long as volumes made from it exist.
    """
    if step.run.recall(CloneMemory).clone is None:
        return
    shared = templates.Templates(step.run, step.tools)
    begun = clock.utcnow()
    journal = shared.journal
    waiting = [key for key in journal.entries if journal.is_open(key)]
    while waiting:
        for key in waiting:
            step.run.guard()
            try:
                gone = shared.remove(key)
            except exception.CloudRequestRefused as exc:
                LOG.info('%s', exc)
                gone = False
            if gone:
                journal.close(key)
        waiting = [key for key in waiting if journal.is_open(key)]
        if not waiting:
            break
        if clock.seconds_since(begun) > CONF.server_tasks.clear_timeout:
            _leave(step, shared, waiting)
            break
        step.run.pause(CONF.host_tasks.poll_interval)


def _leave(step: Step, shared: templates.Templates, keys: list[str]) -> None:
    """Say what could not be removed."""
    entries = shared.journal.entries
    left = ', '.join(
        f'image {entries[key].id}' if key == templates.IMAGE else
        f'snapshot {entries[key].id}' for key in keys)
    LOG.warning('Task %(task)s leaves behind: %(what)s', {
        'task': step.run.task_id, 'what': left})
    memory = step.run.recall(CloneMemory)
    memory.left = left
    step.run.keep(memory)


class VerifyClones(Step):
    """Report the clones; the task fails if one of them is missing."""

    def do(self) -> None:
        found = self.run.items(CloneItem)
        made = [item for item in found if item.state == ItemState.DONE]
        failed = [item for item in found if item.state != ItemState.DONE]
        name = self.run.recall(CloneMemory).facts.name
        text = (f'{len(made)} of {len(found)} clone(s) of {name} '
                f'({self.run.server_id}) made')
        if made:
            text += ': ' + ', '.join(
                f'{item.name} ({item.object_id})' for item in made)
        notes = self._notes()
        if failed:
            raise exception.TaskFailed(reason='; '.join((
                text, *(f'{item.name} failed: {item.error}'
                        for item in failed), *notes)))
        self.run.result = '; '.join((text, *notes)) + '.'

    def _notes(self) -> list[str]:
        memory, found = self.run.recall(CloneMemory), []
        if memory.left:
            found.append(f'left behind: {memory.left}')
        if memory.facts.keyless:
            found.append('without a key pair, since its owner has removed it')
        return found
