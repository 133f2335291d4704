# SPDX-License-Identifier: Apache-2.0
"""A rolling restart: restarts many hosts, each by a task of its own.

The items of the task are the hosts. For each host there is a task
``host.restart``. Its id is stored before it is created, so that a successor
neither loses nor repeats one. The targets of the rolling restart keep other
tasks off all its hosts; the tasks of single hosts have no targets.
"""

import datetime

from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import uuidutils

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conductor.hosts import unavailable
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.restarts import HostItem
from cloudmanager.conductor.steps.base import Step
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import task_states
from cloudmanager.domain.task_states import Cancel
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState
from cloudmanager.domain.task_states import TaskStatus
from cloudmanager.planning import rolling_restart
from cloudmanager.planning.cloud import model

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
#: The task that restarts one of the hosts.
PART = 'host.restart'
HANDED_DOWN = ('allow_off_vm', 'allow_evacuate', 'allow_data_loss',
               'settle_seconds', 'return_servers', 'max_moves',
               'slow_migration', 'force')


def _names(items: list[HostItem]) -> list[str]:
    return [item.object_id for item in items]


class RollingRestart(Step):
    """Begin hosts while there is room, until none is left."""

    def do(self) -> None:
        self.run.add_items([
            HostItem(kind=ItemKind.HOST, object_id=name, name=name,
                     action='restart', source=name)
            for name in self.run.params['hosts']])
        self._short_since: datetime.datetime | None = None
        while self._round():
            self.run.pause(CONF.host_tasks.gate_interval)
        self._conclude()

    # One round

    def _round(self) -> bool:
        cancel = self.run.guard()
        items = self.run.items(HostItem)
        running = self._of(items, ItemState.RUNNING)
        for item in running:
            self._look_at(item, cancel)
        running = self._of(items, ItemState.RUNNING)
        pending = self._of(items, ItemState.PENDING)
        failed = self._of(items, ItemState.FAILED)
        if cancel and not running:
            raise exception.TaskCancelled(task=self.run.task_id)
        if cancel:
            return True
        most = self.run.params.get('max_failures') or 0
        if len(failed) > most:
            for item in pending:
                self._end(item, ItemState.SKIPPED,
                          'not begun: too many hosts failed before')
            pending = []
        if pending:
            self._begin_some(items)
        return any(item.state in (ItemState.PENDING, ItemState.RUNNING)
                   for item in items)

    @staticmethod
    def _of(items: list[HostItem],
            state: ItemState) -> list[HostItem]:
        return [item for item in items if item.state == state]

    def _end(self, item: HostItem, state: ItemState,
             error: str | None) -> None:
        item.state, item.error = state, error
        self.run.save(item)

    def _look_at(self, item: HostItem, cancel: Cancel | None) -> None:
        """Note how the task of a host has ended, if it has."""
        child_id = item.task or ''
        try:
            child = db_tasks.get_task(self.run.context, child_id)
        except exception.TaskNotFound:
            # The process died after the id was stored and before the task
            # was created.
            self._put_back(item)
            return
        if child['status'] == TaskStatus.SUCCESS:
            self._end(item, ItemState.DONE, None)
        elif child['status'] not in task_states.ACTIVE:
            why = child['result'] or child['status']
            self._end(item, ItemState.FAILED, f'task {child_id}: {why}')
        elif cancel and child['cancel'] != cancel:
            db_tasks.request_cancel(self.run.context, child_id, cancel)

    # Beginning hosts

    def _begin_some(self, items: list[HostItem]) -> None:
        """Begin as many hosts as limits and room allow."""
        pending = self._of(items, ItemState.PENDING)
        busy = _names(self._of(items, ItemState.RUNNING))
        at_once, in_all = unavailable.limits(self.run.params)
        if len(busy) >= at_once:
            return
        since = clock.utcnow() - migrations.CLOCK_SKEW
        names = _names(pending)
        cloud = plans.load_beside(self.tools, [*names, *busy])
        # Hosts of ours that have failed do not count: max_failures does.
        short, held = self._out_of_use(cloud, since, {
            *busy, *_names(self._of(items, ItemState.FAILED))})
        flags = plans.plan_options(
            self.run.params, cannot_fence=plans.cannot_fence(
                self.tools, (*names, *busy)))
        while names and len(busy) < at_once:
            # To begin a host that is out of use already takes no room.
            free = [name for name in names if cloud.host(name).up
                    and (name in short or len(short) + len(busy) < in_all)]
            if not free:
                self._wait_for_room(pending, busy, short, held)
                return
            self._short_since = None
            choice = rolling_restart.choose(cloud, names, busy, flags, free)
            if choice is None:
                return
            item = next(entry for entry in pending
                        if entry.object_id == choice.host)
            names.remove(choice.host)
            if not choice.fits and not self.run.params.get('force'):
                self._refuse(item, choice)
                return
            room = None if choice.host in short else db_tasks.Room(
                in_all, frozenset((*short, *busy)), since)
            if not self._begin(item, names, room):
                return
            busy.append(choice.host)

    def _out_of_use(self, cloud: model.Cloud, since: datetime.datetime,
                    ours: set[str]) -> tuple[dict[str, str], set[str]]:
        """Return which hosts are out of use and why, and which by tasks."""
        # This task holds the targets of our hosts, so no other task does.
        held = db_tasks.hosts_in_work(
            self.run.context, since, self.run.task_id).difference(
                self.run.params['hosts'])
        return {**rolling_restart.unavailable(cloud, ours),
                **dict.fromkeys(held, 'a task works on it')}, held

    def _refuse(self, item: HostItem,
                choice: rolling_restart.NextHost) -> None:
        """Note that a host cannot be emptied. Nothing was done to it."""
        self._end(item, ItemState.FAILED,
                  'it cannot be emptied: ' + '; '.join(
                      found.text for found in choice.plan.blockers))

    def _wait_for_room(self, pending: list[HostItem],
                       busy: list[str], short: dict[str, str],
                       held: set[str]) -> None:
        """Wait until fewer other hosts are out of use.

        Tasks end by themselves. If hosts are out of use for other reasons,
        the wait ends after ``[host_tasks] restart_timeout`` seconds.
        """
        if busy or held:
            self._short_since = None
            return
        self._short_since = self._short_since or clock.utcnow()
        waited = clock.seconds_since(self._short_since)
        if waited > CONF.host_tasks.restart_timeout:
            for item in pending:
                self._end(item, ItemState.FAILED,
                          'not begun: other hosts are out of use: '
                          + unavailable.describe(short))

    def _begin(self, item: HostItem, waiting: list[str],
               room: db_tasks.Room | None) -> bool:
        """Store the id of a host's task, then create the task.

        :param waiting: hosts that get servers only if no other host can
        :returns: false if too many hosts are out of use by now
        """
        task_id = str(uuidutils.generate_uuid())
        item.state, item.attempts, item.task = ItemState.RUNNING, 1, task_id
        self.run.save(item)
        params = {name: self.run.params[name] for name in HANDED_DOWN
                  if name in self.run.params}
        try:
            self.run.begin_part(
                task_id, PART, item.object_id,
                {**params, 'avoid_hosts': waiting}, room)
        except exception.HostsOutOfUse as exc:
            LOG.info('Host %(host)s waits: %(why)s', {
                'host': item.object_id, 'why': exc})
            self._put_back(item)
            return False
        LOG.info('Host %(host)s is the next to be restarted by task '
                 '%(task)s.', {'host': item.object_id,
                               'task': self.run.task_id})
        return True

    def _put_back(self, item: HostItem) -> None:
        """Let a host wait again, since its task was not created."""
        item.state, item.attempts, item.task = ItemState.PENDING, 0, None
        self.run.save(item)

    def _conclude(self) -> None:
        items = self.run.items(HostItem)
        failed = [item for item in items
                  if item.state == ItemState.FAILED]
        done = len(self._of(items, ItemState.DONE))
        self.run.result = f'{done} of {len(items)} host(s) restarted'
        if failed:
            raise exception.TaskFailed(
                reason=f'{self.run.result}; failed: ' + '; '.join(
                    f'{item.name}: {item.error}' for item in failed))
