# SPDX-License-Identifier: Apache-2.0
"""Freeing locks of volumes whose owner is proven to be gone."""

from collections.abc import Mapping

from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import checks
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.records.item import Item
from cloudmanager.conductor.steps.nodes import AgentStep
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import locks as volume_locks
from cloudmanager.domain import locks
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState

LOG = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
#: So many times as long as it takes a host to fall silent is waited for it.
_PATIENCE = 2
#: So many I/O timeouts are waited for a node to join its groups again.
_JOIN_TIMEOUTS = 60
#: What is kept of why a lock is not free.
_MAX_TEXT = 1000
#: The action of items that are groups, which the node joins again.
_JOIN = 'join'


class RepairLocks(AgentStep):
    """Free the locks of dead hosts that keep a node from volumes.

    Each look and each release bears being made twice: what was freed before
    a crash is found free after it.
    """

    def __init__(self, run: engine_run.Run, tools: Tools) -> None:
        super().__init__(run, tools)
        #: Why the daemons of the node are not in order.
        self._left: list[str] = []

    def do(self) -> None:
        self.run.checkpoint()
        host = checks.host_of(self._node())
        spaces = self._await_silence(host, self._put_in_order(host))
        volume_locks.check_any(host, spaces)
        doubts: dict[tuple[str, int], str] = {}
        self._note(volume_locks.findings(spaces, doubts))
        for space in spaces:
            for member in volume_locks.silent(space):
                why = self._free(host, space, member)
                if why:
                    doubts[space.group, member.host_id] = why
        self._conclude(self._look(host), doubts)

    def _put_in_order(self, host: str) -> list[locks.Lockspace]:
        """Put the daemons of locks of the node in order.

        lvmlockd takes over what it has left. If that is not enough, all of
        them are started anew, unless something on the node needs the locks.

        :returns: the locks after that
        """
        self._left.clear()
        spaces = self._look(host)
        if any(space.adoptable for space in spaces):
            self._order(host, 'adopt')
            spaces = self._look(host)
        if any(space.disorder for space in spaces):
            done = self._order(host, 'reset')
            spaces = self._look(host)
            if done.get('reset'):
                # An agent that is not upgraded yet joins all groups.
                self._note_joining(done.get(
                    'joining', [space.group for space in spaces]))
        return self._await_joined(host, spaces)

    def _order(self, host: str, name: str) -> JsonObject:
        """Have the agent do something; return its answer, empty if not."""
        self.run.guard()
        try:
            found: JsonObject = self._ask(host, f'locks.{name}', {})
            return found
        except (exception.Conflict, exception.CommandFailed) as exc:
            # What is left is told of, lock by lock.
            LOG.warning('Task %(task)s: %(why)s', {
                'task': self.run.task_id, 'why': exc.message})
            self._left.append(exc.message.rstrip('.'))
            return {}

    def _note_joining(self, groups: list[str]) -> None:
        """Have an item for each group that the node joins again."""
        self.run.add_items([Item(kind=ItemKind.LOCK, object_id=group,
                                 name=f'group {group}', action=_JOIN)
                            for group in groups])

    def _await_joined(self, host: str, spaces: list[locks.Lockspace]
                      ) -> list[locks.Lockspace]:
        """Return the locks when the node has joined its groups again.

        That takes long if its old leases were not given back. Items tell
        what is waited for.
        """
        deadline = clock.monotonic() + max(
            (_JOIN_TIMEOUTS * space.io_timeout for space in spaces),
            default=0)
        while self._is_joining(spaces, clock.monotonic() >= deadline):
            self.run.checkpoint()
            self.run.pause(_POLL_SECONDS)
            spaces = self._look(host)
        return spaces

    def _is_joining(self, spaces: list[locks.Lockspace],
                    is_over: bool) -> bool:
        """Say of each group that is being joined what it waits for.

        :param is_over: whether it is not waited for any longer
        :returns: whether something is waited for
        """
        troubles = {space.group: space.trouble for space in spaces}
        goes_on = False
        for item in self.run.items(Item):
            if item.action != _JOIN or item.state not in (
                    ItemState.PENDING, ItemState.RUNNING):
                continue
            known = item.state, item.error
            trouble = troubles.get(item.object_id)
            if not trouble:
                item.state, item.error = ItemState.DONE, None
            elif is_over:
                item.state, item.error = ItemState.SKIPPED, trouble
            else:
                goes_on = True
                item.state = ItemState.RUNNING
                item.error = f'waiting until the node has joined: {trouble}'
            if (item.state, item.error) != known:
                self.run.save(item)
        return goes_on

    def _look(self, host: str) -> list[locks.Lockspace]:
        return self._patiently(lambda: volume_locks.read(
            self.run.context, self.tools.agents, host))

    def _await_silence(self, host: str, spaces: list[locks.Lockspace]
                       ) -> list[locks.Lockspace]:
        """Return the locks when hosts that are off have fallen silent.

        One that was switched off a moment ago has renewed its lease just
        before.
        """
        deadline = clock.monotonic() + max(
            (_PATIENCE * locks.SILENT_TIMEOUTS * space.io_timeout
             for space in spaces), default=0)
        while clock.monotonic() < deadline and any(
                not space.is_silent(member)
                and not volume_locks.why_alive(self.run, self.tools, member)
                for space in spaces
                for member in volume_locks.owners(space)):
            self.run.checkpoint()
            self.run.pause(_POLL_SECONDS)
            spaces = self._look(host)
        return spaces

    def _note(self, findings: list[volume_locks.Finding]) -> None:
        """Have an item for each lock."""
        self.run.add_items([
            Item(kind=ItemKind.LOCK, object_id=found.key, name=found.about,
                 action='repair', source=', '.join(found.owners)[:255])
            for found in findings])

    def _free(self, host: str, space: locks.Lockspace,
              member: locks.Member) -> str:
        """Free what a silent host holds in a group.

        :returns: why not, if it is so
        """
        self.run.checkpoint()
        # The last look before what cannot be undone; the agent takes
        # another one at the lease itself.
        why = volume_locks.why_alive(self.run, self.tools, member)
        if why:
            return why
        self.run.guard()
        try:
            self._ask(host, 'locks.release', {
                'group': space.group, 'host_id': member.host_id,
                'generation': member.generation,
                'timestamp': member.timestamp})
        except (exception.Conflict, exception.CommandFailed) as exc:
            LOG.warning('Task %(task)s: %(why)s', {
                'task': self.run.task_id, 'why': exc.message})
            return exc.message.rstrip('.')
        return ''

    def _conclude(self, spaces: list[locks.Lockspace],
                  doubts: Mapping[tuple[str, int], str]) -> None:
        """Say of each lock whether it is free, and why not."""
        findings = volume_locks.findings(spaces, doubts)
        self._note(findings)
        now = {found.key: found for found in findings}
        free, kept = [], []
        for item in self.run.items(Item):
            if item.action == _JOIN:
                continue
            found = now.get(item.object_id)
            # One that is not told of any more was taken by the node.
            if found is None or found.is_free:
                item.state, item.error = ItemState.DONE, None
                free.append(item.object_id)
            else:
                item.state = ItemState.SKIPPED
                item.error = found.text[:_MAX_TEXT]
                kept.append(f'{item.object_id}: {found.text}')
            self.run.save(item)
        if not free and not kept and not self._left:
            self.run.result = 'No lock is in the way.'
            return
        self.run.result = '\n'.join([
            f'{len(free)} lock(s) are free, {len(kept)} are kept.',
            *(f'Not put in order: {why}' for why in self._left),
            *(f'Unprotected: {name}' for name in sorted({
                guest for space in spaces for lock, _ in space.unprotected
                for guest in lock.guests})),
            *(f'Free: {key}' for key in free),
            *(f'Kept: {text}' for text in kept)])
