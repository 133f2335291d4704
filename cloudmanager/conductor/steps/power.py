# SPDX-License-Identifier: Apache-2.0
"""Steps that switch nodes and outputs on request. Nova is not asked."""

from concurrent import futures

from oslo_config import cfg

from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor import tools as conductor_tools
from cloudmanager.conductor.engine import run as engine_run
from cloudmanager.conductor.power import nodes as power
from cloudmanager.conductor.records.power import NodeItem
from cloudmanager.conductor.steps.base import Step
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState
from cloudmanager.power import confirm

CONF = cfg.CONF
SOFT = 'soft'
_CANCELLED = 'The task was cancelled.'
_OPEN = (ItemState.PENDING, ItemState.RUNNING)


def manner(params: JsonObject,
           default: confirm.Manner) -> confirm.Manner:
    """Return how a request wants a node to be switched off."""
    kind = params.get('type')
    if kind is None:
        return confirm.Manner(default.soft, default.hard,
                              params.get('soft_timeout'))
    return confirm.Manner(kind == SOFT, kind != SOFT,
                          params.get('soft_timeout'))


def switch(tool: conductor_tools.Power, run: engine_run.Run, node_id: int,
           action: str, journal: confirm.Journal) -> None:
    """Switch a node as a request says. A cancel stops it.

    :param action: ``power-on``, ``power-off`` or ``reset``
    :param journal: of what was done, so that nothing is repeated after a
        crash
    :raises NodeNotFound: the node was deleted meanwhile
    :raises TaskConflict: a task works on a volume of the node
    :raises PowerError: the node did not reach the wanted state
    :raises TaskCancelled: it was cancelled before the device was asked
    """
    node = db_nodes.get_columns(run.context, node_id)
    # A task of a volume may begin at the same moment. Both write first and
    # look then, so one of them sees the other.
    db_tasks.check_may_stop(run.context, node['name'],
                            {**run.params, 'action': action})
    if action == power.ON:
        tool.switch_on(node, run, cancellable=True)
    elif action == power.OFF:
        tool.switch_off(node, run, journal=journal, cancellable=True,
                        manner=manner(run.params, confirm.SOFT_THEN_HARD))
    else:
        tool.reset(node, run, journal=journal, cancellable=True,
                   manner=manner(run.params, confirm.HARD))


class SwitchNode(Step):
    """Switch the node that the task is about."""

    def do(self) -> None:
        self.run.checkpoint()
        params, run = self.run.params, self.run
        switch(self.tools.power, run, params['node_id'], params['action'],
               power.task_journal(run))
        run.result = f'{params["action"]} is confirmed'


class SwitchOutput(Step):
    """Switch an output of a power control."""

    def do(self) -> None:
        self.run.checkpoint()
        params = self.run.params
        control = db_power_controls.get_device(self.run.context,
                                               params['power_control_id'])
        self.tools.power.switch_output(
            control, params['output'], params['action'] == power.ON,
            self.run)
        self.run.result = (f'{params["action"]} of output '
                           f'{params["output"]} is confirmed')


class SwitchNodes(Step):
    """Switch several nodes at the same time, independently of each other."""

    def do(self) -> None:
        self._add_items()
        todo = [item for item in self.run.items(NodeItem)
                if item.state in _OPEN]
        if todo:
            with futures.ThreadPoolExecutor(
                    min(len(todo), CONF.power.batch_workers),
                    thread_name_prefix='switch') as pool:
                for _ in pool.map(self._switch, todo):
                    pass
        self._conclude()

    def _add_items(self) -> None:
        names = db_nodes.names(self.run.context,
                               self.run.params['node_ids'])
        self.run.add_items([
            NodeItem(kind=ItemKind.NODE, object_id=str(key),
                     name=names.get(key), action=self._action)
            for key in self.run.params['node_ids']])

    @property
    def _action(self) -> str:
        # Tasks that reset nodes have no field for the action.
        return str(self.run.params.get('action', power.RESET))

    def _switch(self, item: NodeItem) -> None:
        """Switch one node. If it fails, the others go on."""
        run = self.run
        if run.guard() and item.state == ItemState.PENDING:
            self._end(item, ItemState.SKIPPED, _CANCELLED)
            return
        item.state = ItemState.RUNNING
        item.attempts += 1
        run.save(item)
        journal = power.KeptJournal(item.done, lambda: run.save(item))
        try:
            switch(self.tools.power, run, int(item.object_id),
                   self._action, journal)
        except exception.LeaseLost:
            raise
        except exception.TaskCancelled:
            self._end(item, ItemState.SKIPPED, _CANCELLED)
        except exception.CloudManagerException as exc:
            self._end(item, ItemState.FAILED, str(exc))
        else:
            self._end(item, ItemState.DONE, None)

    def _end(self, item: NodeItem, state: ItemState,
             error: str | None) -> None:
        item.state, item.error = state, error
        self.run.save(item)

    def _conclude(self) -> None:
        """Write the result of the task.

        :raises TaskCancelled: nodes were left out since it was cancelled
        :raises TaskFailed: nodes could not be switched
        """
        items = self.run.items(NodeItem)
        failed = [item for item in items if item.state == ItemState.FAILED]
        done = sum(item.state == ItemState.DONE for item in items)
        self.run.result = (f'{self._action} of {done} of {len(items)} '
                           'node(s) is confirmed')
        if any(item.state == ItemState.SKIPPED for item in items):
            raise exception.TaskCancelled(task=self.run.task_id)
        if failed:
            raise exception.TaskFailed(reason='; '.join(
                f'{item.name or item.object_id}: {item.error}'
                for item in failed))
