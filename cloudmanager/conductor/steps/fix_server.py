# SPDX-License-Identifier: Apache-2.0
"""Wakes, resets, recovers or repairs one server, step by step.

It reads the server, decides on the next step, takes it, and reads again.
``cloudmanager.planning.remedies`` decides. The item of the server has what a
successor needs: the step that is being taken, and those before it.
"""


from oslo_log import log as logging
from taskflow.types import failure

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.records.moves import MoveItem
from cloudmanager.conductor.records.servers import ServerItem
from cloudmanager.conductor.servers import deciders
from cloudmanager.conductor.servers import evacuation
from cloudmanager.conductor.servers import examine
from cloudmanager.conductor.servers import operations
from cloudmanager.conductor.steps import server as server_step
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import remedies

LOG = logging.getLogger(__name__)


class FixServer(server_step.ServerStep):
    """Take one step after the other, as the rules of the action decide."""

    def do(self) -> None:
        item = self.item()
        decide = deciders.decider(self.run.name, self.run.params)
        while True:
            step = item.step
            if step is not None:
                error = self._take(item, step)
                # A move writes to the item, too.
                item = self.item()
                self._end_step(item, step, error)
            self.run.checkpoint()
            server, seen = examine.look(
                self.tools, self.server_id, ask_guest=True)
            decision = decide(seen, item.history)
            if server is None:
                # It was deleted, so whatever was decided comes too late.
                self.fail(item, self.story(item, decision.text))
            if decision.end is remedies.End.STEP:
                self._begin_step(item, server, decision)
            elif decision.end is remedies.End.WAIT:
                self.wait(item, decision.text)
            else:
                self._end(item, server, decision)
                return

    def _begin_step(self, item: ServerItem, server: nova_records.Server,
                    decision: remedies.NextStep) -> None:
        """Write down which step is about to be taken."""
        LOG.info('Server %(server)s: %(why)s; next is %(step)s.', {
            'server': server.id, 'why': decision.text,
            'step': decision.step})
        item.state, item.action = ItemState.RUNNING, decision.step
        item.source = server.host
        item.attempts += 1
        item.step, item.asked, item.waiting_since = decision.step, None, None
        item.diagnosis = item.diagnosis or decision.text
        self.run.save(item)

    def _take(self, item: ServerItem, step: remedies.Step) -> str:
        """Begin the step that is written down, or go on with it.

        :returns: why it failed; empty if it succeeded
        """
        if step == remedies.Step.EVACUATE:
            try:
                return evacuation.evacuate(self.run, self.tools)
            except exception.Conflict as exc:
                return str(exc)
        if step == remedies.Step.RESET:
            return self._reset()
        return operations.Asker(self.run, self.tools.nova, item,
                                step).carry_out()

    def _reset(self) -> str:
        self.run.guard()
        try:
            self.tools.nova.reset_state(self.server_id, 'active')
        except (exception.CloudRequestRefused, exception.NotFound) as exc:
            return str(exc)
        return ''

    def _end_step(self, item: ServerItem, step: remedies.Step,
                  error: str) -> None:
        item.state, item.error = ItemState.RUNNING, error or None
        item.step = None
        item.history = [*item.history, remedies.Tried(step, error)]
        self.run.save(item)

    def _end(self, item: ServerItem, server: nova_records.Server,
             decision: remedies.NextStep) -> None:
        text = self.story(item, decision.text)
        if decision.end is remedies.End.FAILED:
            self.fail(item, text)
        item.state, item.error = ItemState.DONE, None
        item.destination = server.host
        self.run.save(item)
        self.run.result = f'Server {server.name} ({server.id}): {text}.'

    def story(self, item: ServerItem, end: str) -> str:
        """Tell the diagnosis, the steps, and the end."""
        if not item.history:
            return end
        # The last error may be part of the end, and is not said twice.
        steps = [f'{tried.step} failed ({tried.error})' if tried.error
                 else tried.step for tried in item.history
                 if not tried.error or tried.error not in end]
        return '; '.join(text for text in (
            item.diagnosis, ', '.join(steps), end) if text)

    def undo(self, causes: list[failure.Failure]) -> None:
        """Take our lock off. The rest is left for another attempt."""
        for item in self.run.items(MoveItem):
            evacuation.release(self.run, self.tools, item)
