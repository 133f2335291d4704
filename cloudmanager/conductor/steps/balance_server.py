# SPDX-License-Identifier: Apache-2.0
"""Moves one server to a host with less load, if there is one."""

from typing import Any

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.servers import balance as server_balance
from cloudmanager.conductor.steps import server as server_step
from cloudmanager.domain.task_states import ItemState
from cloudmanager.planning import balance
from cloudmanager.planning import classify
from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action

CONF = cfg.CONF
_ACTIONS = frozenset((Action.LIVE, Action.COLD))


class BalanceServer(server_step.ServerStep):
    """Move the server once, or say why it stays."""

    def do(self) -> None:
        item = self.item()
        while not self._is_over(item):
            self.run.checkpoint()
            server = self.tools.nova.server(self.server_id)
            if server is None:
                raise exception.ServerNotFound(server=self.server_id)
            way = server_balance.way_of(self.tools, server)
            if way.action == Action.WAIT:
                self.wait(item, way.reason)
            else:
                self._decide(item, server, way.action)

    def _is_over(self, item: dict[str, Any]) -> bool:
        """Make the move that is written down; tell whether that is all.

        :raises TaskFailed: the last host did not take it either
        """
        if 'ladder' not in item['memory']:
            return False
        if item['state'] in (ItemState.PENDING, ItemState.RUNNING):
            # The server may have moved since the request.
            mover.Mover(self.run, self.tools, _ACTIONS,
                        source=item['source']).drive()
            item.update(self.run.items()[0])
        if item['state'] != ItemState.FAILED:
            self.run.result = self._story(item)
            return True
        if item['attempts'] >= CONF.server_tasks.balance_tries:
            self.fail(item, item['error'])
        return False

    def _story(self, item: dict[str, Any]) -> str:
        who = f'Server {item["name"]} ({item["object_id"]})'
        if item['state'] == ItemState.SKIPPED:
            return f'{who} stays on {item["source"]}: {item["error"]}.'
        return (f'{who} was moved from {item["source"]} to '
                f'{item["destination"]} by {item["action"]}: '
                f'{item["memory"]["why"]}.')

    def _decide(self, item: dict[str, Any], server: nova_records.Server,
                action: Action) -> None:
        """Write down where the server goes, or that it stays."""
        refused = tuple(item['memory'].get('refused', ()))
        cloud = plans.load_cloud(self.tools, [server.host or ''])
        found = cloud.servers.get(server.id)
        if found is None:
            # It left its host between two readings.
            self.run.pause(CONF.host_tasks.poll_interval)
            return
        try:
            choice = balance.choose(
                cloud, server.id, action,
                plans.plan_options({}, refused={server.id: refused}),
                CONF.server_tasks.balance_gain)
        except model.UnknownHost:
            raise exception.HostNotFound(host=server.host) from None
        self._write(item, server, found, choice)

    def _write(self, item: dict[str, Any], server: nova_records.Server,
               found: model.Server,
               choice: balance.Choice) -> None:
        # What was asked before must not be taken for the next request.
        known = next(iter(self.tools.nova.actions(server.id)), None)
        memory = {
            **item['memory'], 'wait': False, 'fixed': True,
            'waiting_since': None,
            'ladder': [choice.action] if choice.action else [],
            'status': classify.base_status(found), 'tries': {},
            'group_id': found.group_id, 'size_mb': found.size_mb,
            'known_request': known.request_id if known else None,
            'slow': found.metadata.get(CONF.host_tasks.slow_migration_key),
            'why': choice.reason}
        if choice.action:
            self.run.update_item(
                item, state=ItemState.PENDING, source=server.host,
                destination=choice.host, action=choice.action, error=None,
                memory=memory)
        else:
            self.run.update_item(
                item, state=ItemState.SKIPPED, source=server.host,
                error=choice.reason, memory=memory)
