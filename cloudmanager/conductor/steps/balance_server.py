# SPDX-License-Identifier: Apache-2.0
"""Moves one server to a host with less load, if there is one."""

from oslo_config import cfg

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.conductor.moves import mover
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.records.moves import MoveItem
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
        self.item()
        while not self._is_over():
            self.run.checkpoint()
            server = self.tools.nova.server(self.server_id)
            if server is None:
                raise exception.ServerNotFound(server=self.server_id)
            way = server_balance.way_of(self.tools, server)
            if way.action == Action.WAIT:
                self.wait(self.item(), way.reason)
            else:
                self._decide(server, way.action)

    def _move(self) -> MoveItem:
        """Return the item of the server's move as it is now."""
        return self.run.items(MoveItem)[0]

    def _is_over(self) -> bool:
        """Make the move that is written down; tell whether that is all.

        :raises TaskFailed: the last host did not take it either
        """
        move = self._move()
        if not move.is_planned:
            return False
        if move.state in (ItemState.PENDING, ItemState.RUNNING):
            # The server may have moved since the request.
            mover.Mover(self.run, self.tools, _ACTIONS,
                        source=move.source or '').drive()
            move = self._move()
        if move.state != ItemState.FAILED:
            self.run.result = self._story(move)
            return True
        if move.attempts >= CONF.server_tasks.balance_tries:
            self.fail(move, move.error or 'it was not moved')
        return False

    def _story(self, move: MoveItem) -> str:
        who = f'Server {move.name} ({move.object_id})'
        if move.state == ItemState.SKIPPED:
            return f'{who} stays on {move.source}: {move.error}.'
        return (f'{who} was moved from {move.source} to {move.destination} '
                f'by {move.action}: {move.why}.')

    def _decide(self, server: nova_records.Server, action: Action) -> None:
        """Write down where the server goes, or that it stays."""
        refused = tuple(self._move().refused)
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
        self._write(server, found, choice)

    def _write(self, server: nova_records.Server, found: model.Server,
               choice: balance.BalanceDecision) -> None:
        # What was asked before must not be taken for the next request.
        known = next(iter(self.tools.nova.actions(server.id)), None)
        move = self._move()
        move.ladder = [choice.action] if choice.action else []
        move.status = classify.base_status(found)
        move.wait, move.fixed, move.waiting_since = False, True, None
        move.tries = {}
        move.group_id, move.size_mb = found.group_id, found.size_mb
        move.known_request = known.request_id if known else None
        move.slow = found.metadata.get(
            CONF.host_tasks.slow_migration_key) or ''
        move.why, move.source = choice.reason, server.host
        if choice.action:
            move.state, move.error = ItemState.PENDING, None
            move.action, move.destination = choice.action, choice.host
        else:
            move.state, move.error = ItemState.SKIPPED, choice.reason
        self.run.save(move)
