# SPDX-License-Identifier: Apache-2.0
"""Steps of cloning a server: plan, take snapshots, make, clear up, verify.

One snapshot of each volume, and one image of a root disk that is no volume,
serve all clones of a task: they are like each other. All that, and the key
pair that the clones are made with, is removed at the end, whatever the end is.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.clients import nova_copies
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.tasks import clone_make
from cloudmanager.conductor.tasks import clone_source
from cloudmanager.conductor.tasks import created
from cloudmanager.conductor.tasks import items
from cloudmanager.conductor.tasks import server_step
from cloudmanager.conductor.tasks.base import Step
from cloudmanager.db import tasks as db_tasks

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

IMAGE, KEY = 'image', 'key pair'
#: Statuses of images and snapshots that nothing comes of any more.
_BROKEN = frozenset(('error', 'killed', 'deleted', 'pending_delete',
                     'error_deleting', 'deleting'))
# As many characters of the owner's name of a key as leave room for the id.
_KEY_NAME = 200


class PlanClones(Step):
    """Write an item for each clone, with its name."""

    def do(self) -> None:
        self.run.checkpoint()
        if 'clone' in self.run.memory:
            return
        server_step.check_free(self.run.context, self.run.server_id,
                               self.run.task_id)
        source = clone_source.check(self.tools, self.run.server_id,
                                    self.run.params)
        plan = source.plan
        names = clone_source.names(self.tools, source, self.run.params)
        key = self._key(plan) if plan.key_name else None
        self.run.add_items([
            {'kind': 'clone', 'object_id': f'clone {number}', 'name': name,
             'state': db_tasks.ITEM_PENDING, 'action': 'clone',
             'source': plan.id, 'attempts': 0,
             'created_at': clock.utcnow(),
             'memory': {'number': number}}
            for number, name in enumerate(names, 1)])
        self.run.remember(clone={
            'name': plan.name, 'project': plan.project_id,
            'description': plan.description, 'image': plan.image,
            'volumes': source.volumes,
            'ports': [dataclasses.asdict(port) for port in source.ports],
            'key': key, 'keyless': bool(plan.key_name and key is None)})

    def _key(self, plan: Any) -> dict[str, str] | None:
        """Return a key pair of our own like that of the server.

        Nova takes key pairs of whoever asks for a server only.

        :returns: ``None`` when its owner has removed it
        """
        found = self.tools.nova.keypair(plan.key_name, plan.user_id)
        if found is None:
            return None
        return {'name': f'{found.name[:_KEY_NAME]}-{self.run.task_id}',
                'type': found.type, 'public_key': found.public_key}


class Shared:
    """What all clones of a task are made of."""

    def __init__(self, step: Step) -> None:
        self._run = step.run
        self._tools = step.tools
        self.facts: dict[str, Any] = step.run.memory['clone']
        self.book = created.Book(
            step.run, step.run.memory.get('shared', {}),
            lambda lines: step.run.remember(shared=lines))

    @property
    def project(self) -> str:
        return self.facts['project']

    @property
    def name(self) -> str:
        """The name of the image and the snapshots."""
        return f'{self.facts["name"][:200]}-{self._run.task_id}'

    def keys(self) -> list[str]:
        """Return what is needed, by key."""
        found = [volume['id'] for volume in self.facts['volumes']]
        if self.facts['image']:
            found.append(IMAGE)
        if self.facts['key']:
            found.append(KEY)
        return found

    def ensure(self, key: str) -> str | None:
        """Have one of them created; see ``created.Book.ensure``."""
        return self.book.ensure(key, lambda: self.find(key),
                                lambda: self._create(key))

    def _create(self, key: str) -> str:
        inside = self._tools.in_project(self.project)
        if key == KEY:
            return self._tools.nova.create_keypair(
                nova_copies.KeyPair(**self.facts['key']))
        if key == IMAGE:
            return inside.nova.create_image(self._run.server_id, self.name)
        return inside.cinder.create_snapshot(
            key, self.name, created.mark(self._run, key))

    def find(self, key: str) -> str | None:
        """Look for one of them by its mark."""
        if key == KEY:
            found = self._tools.nova.keypair(self.facts['key']['name'])
            return found.name if found else None
        if key == IMAGE:
            images = self._tools.glance.images_named(self.project, self.name)
            return next((image.id for image in images), None)
        mark = created.mark(self._run, key)
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
        found = self.book.identify(key, lambda: self.find(key))
        if found is None:
            return self.book.is_settled(key)
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


class TakeSnapshots(Step):
    """Take the image and the snapshots that the clones are made of."""

    def do(self) -> None:
        self.run.checkpoint()
        shared = Shared(self)
        # Cinder may need Nova for a snapshot of a volume in use, and Nova
        # does nothing else for a server while it makes an image of it.
        keys = shared.keys()
        self._take(shared, [key for key in keys if key != IMAGE])
        self._take(shared, [key for key in keys if key == IMAGE])

    def _take(self, shared: Shared, waiting: list[str]) -> None:
        """Ask for some of them at once, and wait until they are there."""
        begun = clock.utcnow().isoformat()
        while waiting:
            self.run.checkpoint()
            for key in waiting:
                shared.ensure(key)
            waiting = [key for key in waiting if not self._is_there(
                shared, key, begun)]
            if waiting:
                self.run.pause(CONF.host_tasks.poll_interval)

    def _is_there(self, shared: Shared, key: str, begun: str) -> bool:
        found = shared.book.lines[key].get('id')
        status = shared.status(key, found) if found else 'not found'
        if status in ('active', 'available'):
            return True
        what = 'image of its root disk' if key == IMAGE else (
            f'snapshot of its volume {key}')
        if status in _BROKEN:
            raise exception.TaskFailed(
                reason=f'Server {self.run.server_id} was not cloned: the '
                       f'{what} has the status {status}.')
        if items.seconds_since(begun) > CONF.server_tasks.clone_timeout:
            raise exception.TaskFailed(
                reason=f'Server {self.run.server_id} was not cloned: the '
                       f'{what} was still {status} after '
                       f'{CONF.server_tasks.clone_timeout} s.')
        return False

    def undo(self, causes: list[Any]) -> None:
        outlast(self, lambda: clear_up(self))


class MakeClones(Step):
    """Make the clones, some at a time, each whole or not at all."""

    def do(self) -> None:
        clone_make.Maker(self, Shared(self)).drive()

    def undo(self, causes: list[Any]) -> None:
        """Take away what is not whole, whatever went wrong."""
        outlast(self, lambda: clone_make.Maker(
            self, Shared(self)).give_up(str(causes[0].exception_str)
                                        if causes else 'the task failed'))


class ClearUp(Step):
    """Take away what the clones were made of."""

    def do(self) -> None:
        clear_up(self)


def outlast(step: Step, function: Callable[[], None]) -> None:
    """Call a function until the cloud is there for it, for some time.

    :raises CloudUnreachable: it was away for too long
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
    """Take away image, snapshots and key pair, as far as that goes.

    Some back ends keep a snapshot as long as volumes made of it are there.
    """
    if 'clone' not in step.run.memory:
        return
    shared = Shared(step)
    begun = clock.utcnow().isoformat()
    waiting = [key for key in shared.book.lines if shared.book.is_open(key)]
    while waiting:
        for key in waiting:
            step.run.guard()
            try:
                gone = shared.remove(key)
            except exception.CloudRequestRefused as exc:
                LOG.info('%s', exc)
                gone = False
            if gone:
                shared.book.close(key)
        waiting = [key for key in waiting if shared.book.is_open(key)]
        if not waiting:
            break
        if items.seconds_since(begun) > CONF.server_tasks.clear_timeout:
            _leave(step, shared, waiting)
            break
        step.run.pause(CONF.host_tasks.poll_interval)


def _leave(step: Step, shared: Shared, keys: list[str]) -> None:
    """Say what could not be removed."""
    left = ', '.join(
        f'image {shared.book.lines[key]["id"]}' if key == IMAGE else
        f'snapshot {shared.book.lines[key]["id"]}' for key in keys)
    LOG.warning('Task %(task)s leaves behind: %(what)s', {
        'task': step.run.task_id, 'what': left})
    step.run.remember(left=left)


class VerifyClones(Step):
    """Say what was made; end the task as failed if not all was."""

    def do(self) -> None:
        found = self.run.items()
        made = [item for item in found
                if item['state'] == db_tasks.ITEM_DONE]
        failed = [item for item in found
                  if item['state'] != db_tasks.ITEM_DONE]
        name = self.run.memory['clone']['name']
        text = (f'{len(made)} of {len(found)} clone(s) of {name} '
                f'({self.run.server_id}) made')
        if made:
            text += ': ' + ', '.join(
                f'{item["name"]} ({item["object_id"]})' for item in made)
        notes = self._notes()
        if failed:
            raise exception.TaskFailed(reason='; '.join((
                text, *(f'{item["name"]} failed: {item["error"]}'
                        for item in failed), *notes)))
        self.run.result = '; '.join((text, *notes)) + '.'

    def _notes(self) -> list[str]:
        found = []
        if self.run.memory.get('left'):
            found.append(f'left behind: {self.run.memory["left"]}')
        if self.run.memory['clone']['keyless']:
            found.append('without a key pair, as its owner has removed it')
        return found
