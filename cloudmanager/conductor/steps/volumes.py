# SPDX-License-Identifier: Apache-2.0
"""Steps on volumes: mirror them, and move their data.

LVM does the work by itself once it was told to. What was asked for is
written down before, and what came of it is in the report of the agent, so
that it does not matter who dies in between: conductor, agent or node.
"""

import abc
from typing import Any
from typing import NoReturn

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.records.volumes import VolumeItem
from cloudmanager.conductor.steps.base import Step
from cloudmanager.conductor.volumes import checks
from cloudmanager.conductor.volumes import places
from cloudmanager.domain import lvm
from cloudmanager.domain.task_states import Cancel
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState

CONF = cfg.CONF
#: How often an agent is asked for what it seems to have forgotten.
MAX_REQUESTS = 5
Answer = JsonObject


class VolumeStep(Step):
    """A step on the one volume that the task is about."""

    #: What is done with it, in the item.
    action = ''

    def do(self) -> None:
        item = self._item()
        while item.state in (ItemState.PENDING, ItemState.RUNNING):
            try:
                self._advance(item)
            except exception.CloudUnreachable:
                raise
            except exception.Unavailable as exc:
                self._miss(item, exc)
            else:
                if item.silent_since is not None:
                    item.silent_since = None
                    self.run.save(item)
        self._conclude(item)

    # What the two kinds of work differ in

    @abc.abstractmethod
    def plan(self, place: places.Place, item: VolumeItem) -> None:
        """Fill in what is to be done.

        :raises LogicalVolumeState: it cannot be
        """

    @abc.abstractmethod
    def begin(self, item: VolumeItem) -> None:
        """Ask the agent to begin, or to go on."""

    @abc.abstractmethod
    def follow(self, item: VolumeItem) -> None:
        """Look how far it is."""

    @abc.abstractmethod
    def end(self, item: VolumeItem) -> None:
        """Ask the agent to undo what is under way."""

    @abc.abstractmethod
    def story(self, item: VolumeItem) -> str:
        """Return what came of it, in words that follow the volume's name."""

    # What they have in common

    def _item(self) -> VolumeItem:
        """Return the item of the volume, made if there is none."""
        found = self.run.items(VolumeItem)
        if not found:
            self.run.checkpoint()
            # That a task of the host may begin at the same moment does not
            # matter: both write first, then look.
            checks.check_host(self.run.context, self.run.host,
                              self.run.task_id)
            volume_id = self.run.params['volume_id']
            place = checks.find(self.run.context, self.tools, volume_id)
            item = VolumeItem(
                kind=ItemKind.VOLUME, object_id=volume_id,
                name=place.logical.name, action=self.action,
                host=place.host, group=place.group.name,
                was_active=place.logical.is_active)
            self.plan(place, item)
            self.run.add_items([item])
            found = self.run.items(VolumeItem)
        return found[0]

    def ask(self, item: VolumeItem, operation: str,
            **arguments: Any) -> Answer:
        """Have the agent of the volume do something."""
        answer: Answer = self.tools.agents.call(
            self.run.context, item.host, operation,
            {'vg': item.group, 'lv': item.name, **arguments})
        return answer

    def _request(self, item: VolumeItem) -> str:
        """Return the name of the request that was made last."""
        return f'{self.run.task_id}/{item.attempts}'

    def _advance(self, item: VolumeItem) -> None:
        cancel = self.run.guard()
        if item.state == ItemState.PENDING:
            if cancel:
                return self.ended(item)
            self.request(item)
        elif cancel == Cancel.ABORT and not item.is_ending:
            item.is_ending = True
            self.run.save(item)
        if item.is_ending:
            self.end(item)
        self.follow(item)
        if item.state == ItemState.RUNNING:
            self._check_progress(item)
            self.run.pause(CONF.volumes.poll_interval)

    def request(self, item: VolumeItem) -> None:
        """Ask the agent to begin, having written it down.

        :raises TaskFailed: it says no, or has forgotten it too often
        """
        if item.attempts >= MAX_REQUESTS:
            self.fail(item, f'the agent was asked {item.attempts} times, '
                            'and each time nothing came of it')
        now = clock.utcnow()
        item.state = ItemState.RUNNING
        item.attempts += 1
        item.began_at = item.began_at or now
        item.progress_at = now
        self.run.save(item)
        try:
            self.begin(item)
        except (exception.Conflict, exception.NotFound,
                exception.Invalid) as exc:
            self.fail(item, exc.message)

    def see(self, item: VolumeItem, percent: float | None) -> None:
        """Keep how far it is."""
        if percent is not None and percent != item.percent:
            item.percent, item.progress_at = percent, clock.utcnow()
            item.seconds_left = self._left(item)
            self.run.save(item)

    def _left(self, item: VolumeItem) -> int | None:
        """Return how many seconds the rest takes, if it goes on like this.
        """
        if not item.percent:
            return None
        return round(self.seconds(item) * (100 / item.percent - 1))

    def _check_progress(self, item: VolumeItem) -> None:
        seen = item.progress_at or item.created_at
        if clock.seconds_since(seen) > CONF.volumes.stalled_timeout:
            self.fail(item, f'it stands at {item.percent:.0f}% for '
                            f'{CONF.volumes.stalled_timeout} s; LVM may '
                            'still go on with it')

    def _miss(self, item: VolumeItem, exc: exception.Unavailable) -> None:
        """Wait for an agent, which may be restarting with its node."""
        if item.silent_since is None:
            item.silent_since = clock.utcnow()
            self.run.save(item)
        elif (clock.seconds_since(item.silent_since)
                > CONF.volumes.agent_timeout):
            self.fail(item, f'{exc.message} LVM may still go on with it')
        self.run.pause(CONF.volumes.poll_interval)
        # While the agent was out of reach, no progress could be seen.
        item.progress_at = clock.utcnow()

    def done(self, item: VolumeItem) -> None:
        item.state, item.percent = ItemState.DONE, 100.0
        item.seconds_left = None
        self.run.save(item)

    def ended(self, item: VolumeItem) -> None:
        """Note that all is as it was before."""
        item.state, item.error = ItemState.SKIPPED, 'it was cancelled'
        self.run.save(item)

    def fail(self, item: VolumeItem, text: str) -> NoReturn:
        """End the task as failed.

        :raises TaskFailed: always
        """
        item.state, item.error = ItemState.FAILED, text
        self.run.save(item)
        self._conclude(item)
        raise AssertionError('a failed item concludes with an error')

    def _conclude(self, item: VolumeItem) -> None:
        """Say what came of it.

        :raises TaskFailed: it failed
        :raises TaskCancelled: it was undone
        """
        who = f'Volume {item.object_id} ({item.group}/{item.name})'
        if item.state == ItemState.FAILED:
            raise exception.TaskFailed(
                reason=f'{who}: {(item.error or "").rstrip(".")}.')
        if item.state == ItemState.SKIPPED:
            raise exception.TaskCancelled(task=self.run.task_id)
        self.run.result = f'{who} {self.story(item)}.'

    @staticmethod
    def seconds(item: VolumeItem) -> int:
        """Return how long it took."""
        return round(clock.seconds_since(item.began_at or item.created_at))


class MirrorVolume(VolumeStep):
    """Change how many copies of its data a volume keeps."""

    action = 'mirror'

    def plan(self, place: places.Place, item: VolumeItem) -> None:
        item.copies = self.run.params['mirror_count'] + 1
        item.copies_before = place.logical.copies
        added = max(0, item.copies - item.copies_before)
        item.size = added * place.logical.size
        item.source = _joined(place.group.devices_of(place.logical))

    def begin(self, item: VolumeItem) -> None:
        self.ask(item, 'lvm.mirror.begin', copies=item.copies,
                 request=self._request(item))

    def end(self, item: VolumeItem) -> None:
        if item.copies > item.copies_before:
            self._undo(item)

    def _undo(self, item: VolumeItem) -> None:
        try:
            self.ask(item, 'lvm.mirror.begin', copies=item.copies_before)
        except exception.Conflict as exc:
            self.fail(item, 'it was cancelled, but its copies could not be '
                            f'given up: {exc.message}')

    def follow(self, item: VolumeItem) -> None:
        found = self.ask(item, 'lvm.mirror.status',
                         request=self._request(item))
        undoes = item.is_ending and item.copies > item.copies_before
        wanted = item.copies_before if undoes else item.copies
        if found['copies'] == wanted:
            self._arrive(item, found, undoes)
        elif found['error'] and not found['running']:
            self.fail(item, found['error'])
        elif not found['running'] and not undoes:
            self.request(item)

    def _arrive(self, item: VolumeItem, found: Answer,
                undoes: bool) -> None:
        """Wait until its copies are complete."""
        if found['running']:
            return
        if not found['in_sync'] and not undoes:
            self.see(item, found['percent'])
            if not found['active']:
                # After a restart of its node; copies are made of what is
                # active only.
                self.begin(item)
            return
        if not item.was_active:
            self.ask(item, 'lvm.mirror.end')
        item.destination = _joined(found['devices'])
        if undoes:
            self.ended(item)
        else:
            self.done(item)

    def story(self, item: VolumeItem) -> str:
        copies = f'{item.copies} {"copy" if item.copies == 1 else "copies"}'
        if item.copies == item.copies_before:
            return f'keeps {copies} of its data already'
        if not item.size:
            return f'keeps {copies} of its data now, on {item.destination}'
        return (f'keeps {copies} of its data now: '
                f'{lvm.size_text(item.size)} were copied from '
                f'{item.source}, it is on {item.destination}, in '
                f'{self.seconds(item)} s')


class MigrateVolume(VolumeStep):
    """Move the data of a volume off a physical volume."""

    action = 'pv-migrate'

    def plan(self, place: places.Place, item: VolumeItem) -> None:
        item.source = self.run.params['source_pv']
        item.destination = self.run.params.get('dest_pv')
        item.size = place.group.bytes_on(place.logical, item.source)

    def begin(self, item: VolumeItem) -> None:
        self.ask(item, 'lvm.migrate.begin', source=item.source,
                 destination=item.destination,
                 request=self._request(item))

    def end(self, item: VolumeItem) -> None:
        self.ask(item, 'lvm.migrate.cancel', source=item.source)

    def follow(self, item: VolumeItem) -> None:
        found = self.ask(item, 'lvm.migrate.status', source=item.source,
                         request=self._request(item))
        if found['moving']:
            if item.destination is None and found['destinations']:
                item.destination = _joined(found['destinations'])
                self.run.save(item)
            self.see(item, found['percent'])
        elif not found['left']:
            item.destination = item.destination or _joined(found['devices'])
            self.done(item)
        elif found['running']:
            return
        elif item.is_ending:
            self.ended(item)
        elif found['error']:
            self.fail(item, found['error'])
        else:
            self.request(item)

    def story(self, item: VolumeItem) -> str:
        return (f'was moved: {lvm.size_text(item.size)} from {item.source} '
                f'to {item.destination} in {self.seconds(item)} s')


def _joined(devices: Any) -> str:
    """Return devices as the item has them."""
    return ', '.join(sorted(devices))[:255]
