# SPDX-License-Identifier: Apache-2.0
"""Treats one server: look, decide, take a step, look again.

The decisions are in ``cloudmanager.planning.remedies``. The item of the
server has what a successor needs: the step that is being taken, and those
that were.
"""

from typing import Any

from oslo_log import log as logging

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.servers import evacuation
from cloudmanager.conductor.servers import examine
from cloudmanager.conductor.servers import operations
from cloudmanager.conductor.servers import treatment
from cloudmanager.conductor.steps import server as server_step
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import remedies

LOG = logging.getLogger(__name__)

class TreatServer(server_step.ServerStep):
    """Take the steps that the action of the task decides on."""

    def do(self) -> None:
        item = self.item()
        decide = treatment.decider(self.run.name, self.run.params)
        while True:
            if item['memory'].get('step'):
                self._end_step(item, self._take(item))
            self.run.checkpoint()
            server, seen = examine.look(
                self.tools, self.server_id, ask_guest=True)
            decision = decide(seen, self._history(item))
            if decision.end is remedies.End.STEP:
                self._begin_step(item, server, decision)
            elif decision.end is remedies.End.WAIT:
                self.wait(item, decision.text)
            else:
                self._end(item, server, decision)
                return

    @staticmethod
    def _history(item: dict[str, Any]) -> list[remedies.Tried]:
        return [remedies.Tried(**values) for values in
                item['memory'].get('history', ())]

    def _begin_step(self, item: dict[str, Any], server: nova_records.Server,
                    decision: remedies.Decision) -> None:
        """Write down which step is about to be taken."""
        LOG.info('Server %(server)s: %(why)s; next is %(step)s.', {
            'server': server.id, 'why': decision.text,
            'step': decision.step})
        memory = item['memory']
        self.run.update_item(
            item, state=ItemState.RUNNING, action=decision.step,
            source=server.host, attempts=item['attempts'] + 1,
            memory={**memory, 'step': decision.step, 'asked': None,
                    'waiting_since': None, 'diagnosis': memory.get(
                        'diagnosis') or decision.text})

    def _take(self, item: dict[str, Any]) -> str:
        """Take the step that is written down, or go on with it.

        :returns: why it failed; empty when it did not
        """
        step = item['memory']['step']
        if step == remedies.EVACUATE:
            try:
                return evacuation.evacuate(self.run, self.tools,
                                           item)
            except exception.Conflict as exc:
                return str(exc)
        if step == remedies.RESET:
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

    def _end_step(self, item: dict[str, Any], error: str) -> None:
        memory = item['memory']
        tried = {'step': memory['step'], 'error': error}
        self.run.update_item(
            item, state=ItemState.RUNNING, error=error or None,
            memory={**memory, 'step': None, 'history': [
                *memory.get('history', ()), tried]})

    def _end(self, item: dict[str, Any], server: nova_records.Server,
             decision: remedies.Decision) -> None:
        text = self.story(item, decision.text)
        if decision.end is remedies.End.FAILED:
            self.fail(item, text)
        self.run.update_item(item, state=ItemState.DONE, error=None,
                             destination=server.host)
        self.run.result = f'Server {server.name} ({server.id}): {text}.'

    def story(self, item: dict[str, Any], end: str) -> str:
        """Return the diagnosis, the steps, and the end, in words."""
        history = self._history(item)
        if not history:
            return end
        # What it failed by in the end need not be said twice.
        steps = [f'{tried.step} failed ({tried.error})' if tried.error
                 else tried.step for tried in history
                 if not tried.error or tried.error not in end]
        return '; '.join(text for text in (
            item['memory']['diagnosis'], ', '.join(steps), end) if text)

    def undo(self, causes: list[Any]) -> None:
        """Take a lock of ours off; all else is left for another try."""
        for item in self.run.items():
            evacuation.release(self.run, self.tools, item)
