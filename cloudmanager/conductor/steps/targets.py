# SPDX-License-Identifier: Apache-2.0
"""The step that attaches targets of storages to a node.

A few targets are asked for at a time, under a name that follows from the
task. Whoever asks by that name again gets how the same request stands; an
agent that was restarted begins it anew, which does no harm to what is
attached already.
"""

from collections.abc import Iterator
import hashlib

from oslo_config import cfg

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.agents import checks
from cloudmanager.conductor.records.item import Item
from cloudmanager.conductor.steps.nodes import AgentStep
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState

CONF = cfg.CONF
#: So many targets are asked for at a time.
BATCH = 8
_OPEN = (ItemState.PENDING, ItemState.RUNNING)
#: So many targets a result names.
_MAX_NAMED = 20
_MAX_ID = 255


def _object_id(portal: str, target: str) -> str:
    found = f'{portal} {target}'
    return (found if len(found) <= _MAX_ID
            else hashlib.sha256(found.encode()).hexdigest())


def _name(item: Item) -> str:
    return f'{item.name} on {item.source}'


class AttachTargets(AgentStep):
    """Attach targets, each of which is an item."""

    def do(self) -> None:
        node = self._node()
        host = checks.host_of(node)
        if not self.run.items(Item):
            self.run.checkpoint()
            if 'vendor' in self.run.params:
                checks.check_components(self.run.context, node,
                                        'name vendor and product')
            self.run.add_items(list(self._new_items()))
        items = self.run.items(Item)
        is_cancelled = False
        for number in range(0, len(items), BATCH):
            batch = items[number:number + BATCH]
            is_cancelled = is_cancelled or bool(self.run.guard())
            if is_cancelled:
                self._leave(batch)
            elif any(item.state in _OPEN for item in batch):
                self._attach(host, f'{self.run.task_id}/{number}', batch)
        self._conclude(items)

    def _new_items(self) -> Iterator[Item]:
        for portal, targets in self.run.params['targets'].items():
            for target in targets:
                yield Item(kind=ItemKind.TARGET, name=target, source=portal,
                           object_id=_object_id(portal, target),
                           action='attach')

    def _leave(self, batch: list[Item]) -> None:
        """Leave out what was not begun before the task was cancelled."""
        for item in batch:
            if item.state in _OPEN:
                item.state, item.error = (ItemState.SKIPPED,
                                          'it was cancelled')
                self.run.save(item)

    def _attach(self, host: str, request: str, batch: list[Item]) -> None:
        """Have the agent attach some targets, and wait for the end of it."""
        for item in batch:
            if item.state == ItemState.PENDING:
                item.state = ItemState.RUNNING
                item.attempts += 1
                self.run.save(item)
        deadline = clock.monotonic() + CONF.nas.attach_timeout
        error = None
        try:
            while self._look(host, request, batch):
                if clock.monotonic() > deadline:
                    error = ('the agent has not told of it within '
                             f'{CONF.nas.attach_timeout} s')
                    break
                self.run.pause(CONF.nas.poll_interval)
        except exception.LeaseLost:
            raise
        except exception.CloudManagerException as exc:
            # The agent is away for too long, or refuses it as a whole.
            error = exc.message
        for item in batch:
            if item.state in _OPEN:
                self._end(item, error or 'the agent does not tell of it')

    def _look(self, host: str, request: str, batch: list[Item]) -> bool:
        """Ask how a request stands; return whether it goes on."""
        targets: dict[str, list[str | None]] = {}
        for item in batch:
            targets.setdefault(item.source or '', []).append(item.name)
        found = self._ask(host, 'nas.attach', {
            'request': request, 'targets': targets,
            **{name: self.run.params[name] for name in ('vendor', 'product')
               if name in self.run.params}})
        told: dict[tuple[str, str], str | None] = {
            (portal, target): why
            for portal, target, why in found['outcomes']}
        for item in batch:
            key = (item.source or '', item.name or '')
            if item.state in _OPEN and key in told:
                self._end(item, told[key])
        if found['error'] and not found['running']:
            self._complain(batch, found['error'])
        return bool(found['running'])

    def _end(self, item: Item, error: str | None) -> None:
        item.state = ItemState.DONE if error is None else ItemState.FAILED
        item.error = error
        self.run.save(item)

    def _complain(self, batch: list[Item], error: str) -> None:
        """Note of attached targets what is wrong with them all."""
        for item in batch:
            if item.state == ItemState.DONE and item.error is None:
                item.error = f'it is attached, but: {error}'
                self.run.save(item)

    def _conclude(self, items: list[Item]) -> None:
        """Say what came of it.

        :raises TaskFailed: something failed; what is attached stays
        :raises TaskCancelled: something was left out
        """
        done = [item for item in items if item.state == ItemState.DONE]
        wrong = [f'{_name(item)}: {(item.error or "").rstrip(".")}'
                 for item in items if item.state != ItemState.SKIPPED
                 and item.error is not None]
        text = f'{len(done)} of {len(items)} target(s) are attached'
        if wrong:
            raise exception.TaskFailed(
                reason=f'{text}. {"; ".join(wrong[:_MAX_NAMED])}.')
        if len(done) < len(items):
            raise exception.TaskCancelled(task=self.run.task_id)
        names = ', '.join(_name(item) for item in done[:_MAX_NAMED])
        more = ', ...' if len(done) > _MAX_NAMED else ''
        self.run.result = f'{text}: {names}{more}.'
