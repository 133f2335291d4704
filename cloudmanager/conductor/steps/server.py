# SPDX-License-Identifier: Apache-2.0
"""What all steps on single servers have in common."""

from typing import NoReturn

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.records.item import Item
from cloudmanager.conductor.records.servers import ServerItem
from cloudmanager.conductor.steps.base import Step
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import ItemKind
from cloudmanager.domain.task_states import ItemState

CONF = cfg.CONF


def item_of(server: nova_records.Server) -> ServerItem:
    """Return the item of a server that is acted on."""
    return ServerItem(kind=ItemKind.SERVER, object_id=server.id,
                      name=server.name, source=server.host)


class ServerStep(Step):
    """A step on the one server that the task is about."""

    @property
    def server_id(self) -> str:
        return self.run.server_id

    def item(self) -> ServerItem:
        """Return the stored item of the server; create it if there is none.

        :raises TaskConflict: a task of its host acts on it, too
        :raises ServerNotFound: the server was deleted
        """
        found = self.run.items(ServerItem)
        if not found:
            server = self.tools.nova.server(self.server_id)
            if server is None:
                raise exception.ServerNotFound(server=self.server_id)
            self.run.add_items([item_of(server)])
            found = self.run.items(ServerItem)
        if found[0].is_untouched:
            # A task of the host may begin at the same moment. Both write
            # their item first and look then, so one of them sees the other.
            check_free(self.run.context, self.server_id, self.run.task_id)
        return found[0]

    def wait(self, item: ServerItem, what: str) -> None:
        """Wait a little for what Nova is doing.

        :param what: what Nova is doing, in words
        :raises TaskFailed: it has taken too long
        """
        if item.waiting_since is None:
            item.state, item.waiting_since = ItemState.RUNNING, clock.utcnow()
            self.run.save(item)
        elif (clock.seconds_since(item.waiting_since)
                > CONF.host_tasks.settle_timeout):
            self.fail(item, self.story(
                item, f'{what} and did not end within '
                      f'{CONF.host_tasks.settle_timeout} s'))
        self.run.pause(CONF.host_tasks.poll_interval)

    def story(self, item: ServerItem, end: str) -> str:
        """Tell what was done and how it ended.

        :param end: how it ended
        """
        return end

    def fail(self, item: Item, text: str) -> NoReturn:
        """End the task as failed.

        :raises TaskFailed: always
        """
        item.state, item.error = ItemState.FAILED, text
        self.run.save(item)
        raise exception.TaskFailed(
            reason=f'Server {item.name} ({item.object_id}): '
                   f'{text.rstrip(".")}.')


def check_free(context: RequestContext, server_id: str,
               task_id: str | None = None) -> None:
    """Check that no other task moves a server.

    :param task_id: the task that asks, if it exists already
    :raises TaskConflict: another task does
    """
    holder = db_tasks.find_mover(context, server_id, task_id)
    if holder is not None:
        raise exception.TaskConflict(task=holder['id'], name=holder['name'],
                                     target=f'server:{server_id}')
