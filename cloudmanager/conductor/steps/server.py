# SPDX-License-Identifier: Apache-2.0
"""What all steps on single servers have in common."""

from typing import Any
from typing import NoReturn

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.moves import items
from cloudmanager.conductor.steps.base import Step
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain.task_states import ItemState

CONF = cfg.CONF


def item_of(server: nova_records.Server) -> dict[str, Any]:
    """Return the row of ``task_items`` for a server that is acted on."""
    return {'kind': 'server', 'object_id': server.id, 'name': server.name,
            'state': ItemState.PENDING, 'source': server.host,
            'attempts': 0, 'created_at': clock.utcnow(), 'memory': {}}


class ServerStep(Step):
    """A step on the one server that the task is about."""

    @property
    def server_id(self) -> str:
        return self.run.server_id

    def item(self) -> dict[str, Any]:
        """Return the item of the server, made when there is none.

        :raises TaskConflict: a task of its host works on it, too
        :raises ServerNotFound: it was deleted
        """
        found = self.run.items()
        if not found:
            server = self.tools.nova.server(self.server_id)
            if server is None:
                raise exception.ServerNotFound(server=self.server_id)
            self.run.add_items([item_of(server)])
            found = self.run.items()
        if not found[0]['memory']:
            # Nothing was done yet. That a task of the host may begin at
            # the same moment does not matter: both write first, then look.
            check_free(self.run.context, self.server_id, self.run.task_id)
        return found[0]

    def wait(self, item: dict[str, Any], what: str) -> None:
        """Wait for what Nova is doing, but not for ever.

        :raises TaskFailed: it takes too long
        """
        since = item['memory'].get('waiting_since')
        if since is None:
            self.run.update_item(item, state=ItemState.RUNNING, memory={
                **item['memory'],
                'waiting_since': clock.utcnow().isoformat()})
        elif items.seconds_since(since) > CONF.host_tasks.settle_timeout:
            self.fail(item, self.story(
                item, f'{what} and did not end within '
                      f'{CONF.host_tasks.settle_timeout} s'))
        self.run.pause(CONF.host_tasks.poll_interval)

    def story(self, item: dict[str, Any], end: str) -> str:
        """Return what was done and how it ended, in words.

        :param end: the last thing to say
        """
        return end

    def fail(self, item: dict[str, Any], text: str) -> NoReturn:
        """End the task as failed.

        :raises TaskFailed: always
        """
        self.run.update_item(item, state=ItemState.FAILED, error=text)
        raise exception.TaskFailed(
            reason=f'Server {item["name"]} ({item["object_id"]}): '
                   f'{text.rstrip(".")}.')


def check_free(context: RequestContext, server_id: str,
               task_id: str | None = None) -> None:
    """Check that no other task has a server among its items.

    :param task_id: the task that asks, if it exists already
    :raises TaskConflict: one has
    """
    holder = db_tasks.find_mover(context, server_id, task_id)
    if holder is not None:
        raise exception.TaskConflict(task=holder['id'], name=holder['name'],
                                     target=f'server:{server_id}')
