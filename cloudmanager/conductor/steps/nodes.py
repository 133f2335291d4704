# SPDX-License-Identifier: Apache-2.0
"""Steps that the agent of a node carries out."""

from collections.abc import Callable
from typing import Any
from typing import TypeVar

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.agents import checks
from cloudmanager.conductor.steps.base import Step
from cloudmanager.db import node_settings as db_settings
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db.models import Row
from cloudmanager.domain import node_modes

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
#: Modes that the service only stores so far.
_KEPT_ONLY = frozenset((node_modes.NODESAFE,))
_POLL_SECONDS = 2.0
T = TypeVar('T')
#: After so many readings a job that does not run counts as lost.
_LOST_LOOKS = 3


class AgentStep(Step):
    """A step on the node that the task is about."""

    def _node(self) -> Row:
        return db_nodes.get_columns(self.run.context,
                                    self.run.params['node_id'])

    def _ask(self, host: str, operation: str,
             arguments: JsonObject) -> Any:
        """Have the agent do something that may be asked for twice.

        If the agent is away, it may be restarting, and is waited for.

        :raises AgentUnreachable: it is away for too long
        """
        return self._patiently(lambda: self.tools.agents.call(
            self.run.context, host, operation, arguments))

    def _patiently(self, ask: Callable[[], T]) -> T:
        deadline = clock.monotonic() + CONF.agent.outage_timeout
        while True:
            self.run.guard()
            try:
                return ask()
            except exception.AgentUnreachable as exc:
                if clock.monotonic() > deadline:
                    raise
                LOG.warning('Task %(task)s waits for an agent: %(why)s', {
                    'task': self.run.task_id, 'why': exc})
            self.run.pause(_POLL_SECONDS)


class SetModes(AgentStep):
    """Set modes of a node, and have its agent apply them.

    The settings are in the database before the agent is asked. It also gets
    them in answer to its reports, so asking twice does no harm.
    """

    def do(self) -> None:
        self.run.checkpoint()
        node = self._node()
        host = checks.host_of(node)
        changes = node_modes.check(self.run.params['changes'])
        checks.check_dcc(self.run.context, node, changes)
        wished = db_settings.change(self.run.context, node['id'], changes)
        try:
            found = self._ask(host, 'modes.apply', {
                'generation': wished['generation'],
                'settings': wished['settings']})
        except exception.AgentUnreachable as exc:
            raise exception.TaskFailed(
                reason=f'{exc} The setting is kept; the agent gets it with '
                       'its next report.') from exc
        self._conclude(found['modes'], changes)

    def _conclude(self, modes: JsonObject,
                  changes: node_modes.Settings) -> None:
        """Write the result of the task.

        :raises TaskFailed: a mode of the node is not as it was set
        """
        wrong = {mode: modes[mode]['reason'] or 'it is not so yet'
                 for mode, value in changes.items()
                 if modes[mode]['actual'] != value or modes[mode]['reason']}
        failed = {mode: why for mode, why in wrong.items()
                  if mode not in _KEPT_ONLY}
        if failed:
            raise exception.TaskFailed(reason='; '.join(
                f'{mode}: {why}' for mode, why in failed.items())
                + ' The setting is kept; the agent goes on trying.')
        self.run.result = '; '.join(
            f'{mode}: {wrong.get(mode, "set")}' for mode in changes)


class UpdateSystem(AgentStep):
    """Upgrade the packages of a node.

    The id of the task is that of the job on the node, which runs once,
    whoever asks for it how often.
    """

    def do(self) -> None:
        node = self._node()
        host = checks.host_of(node)
        job = {'job': self.run.task_id}
        if self._ask(host, 'packages.status', job)['state'] == 'unknown':
            # Once it has begun it cannot be stopped without harm.
            self.run.checkpoint()
            if not self.run.params.get('force'):
                checks.check_unused(self.run.context, self.tools, node)
            self._ask(host, 'packages.upgrade', job)
        self._conclude(self._await(host, job))

    def _await(self, host: str, job: dict[str, str]) -> JsonObject:
        """Wait for the end of the job.

        :raises TaskFailed: it does not end in time
        """
        deadline = clock.monotonic() + CONF.agent.upgrade_timeout
        lost = 0
        while clock.monotonic() < deadline:
            found: JsonObject = self._ask(host, 'packages.status', job)
            # It may be just about to begin.
            lost = lost + 1 if found['state'] == 'lost' else 0
            if found['state'] != 'running' and lost in (0, _LOST_LOOKS):
                return found
            self.run.pause(_POLL_SECONDS)
        raise exception.TaskFailed(
            reason='The upgrade did not end within '
                   f'{CONF.agent.upgrade_timeout:g} s; it may still run.')

    def _conclude(self, found: JsonObject) -> None:
        """Keep the output, and say what came of it.

        :raises TaskFailed: it failed
        """
        output = found['output']
        if found['state'] == 'done':
            need = {True: 'The node must be restarted for it.',
                    False: 'No restart is needed.'}.get(
                        found['reboot_required'],
                        'Whether a restart is needed is not known.')
            self.run.result = f'The packages are upgraded. {need}\n{output}'
        elif found['state'] == 'failed':
            raise exception.TaskFailed(
                reason=f'The upgrade ended with status {found["code"]}.\n'
                       f'{output}')
        else:
            raise exception.TaskFailed(
                reason='The upgrade was cut off, as by a restart of the '
                       f'node. Begin it again to finish it.\n{output}')
