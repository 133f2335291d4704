# SPDX-License-Identifier: Apache-2.0
"""RPC endpoints of the conductor."""

from collections.abc import Callable

import oslo_messaging as messaging

from cloudmanager.common import rpc
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor import actions
from cloudmanager.conductor.agents import facts
from cloudmanager.conductor.agents import nas
from cloudmanager.conductor.audits import backtests
from cloudmanager.conductor.engine.worker import Worker
from cloudmanager.conductor.power import health
from cloudmanager.conductor.tools import Tools


class ConductorManager:
    """What API processes may ask of a conductor.

    :param worker: the engine
    :param tools: returns the clients; fails when no cloud is configured
    :param without_cloud: returns those that work all the same; ``tools`` by
        default
    """

    target = messaging.Target(version='1.8')

    def __init__(self, worker: Worker, tools: Callable[[], Tools],
                 without_cloud: Callable[[], Tools] | None = None
                 ) -> None:
        self._worker = worker
        self._tools = tools
        self._without_cloud = without_cloud or tools

    def run_task(self, context: RequestContext, task_id: str) -> None:
        """Put a task on the jobboard."""
        self._worker.post(task_id)

    @rpc.answers_errors
    def check_host_action(self, context: RequestContext, action: str,
                          host: str | None,
                          params: JsonObject) -> JsonObject:
        """Check that an action can be begun; see rpcapi."""
        name = f'{"hosts" if host is None else "host"}.{action}'
        return actions.check(name)(context, self._tools(), host, params)

    @rpc.answers_errors
    def check_server_action(self, context: RequestContext, action: str,
                            server_id: str,
                            params: JsonObject) -> JsonObject:
        """Check that an action on a server can be begun; see rpcapi."""
        return actions.check(f'server.{action}')(
            context, self._tools(), server_id, params)

    @rpc.answers_errors
    def check_node_action(self, context: RequestContext, action: str,
                          node_id: int,
                          params: JsonObject) -> JsonObject:
        """Check that an action can be begun; see rpcapi."""
        name = f'node.{action}'
        tools = (self._tools if actions.get(name).needs_cloud
                 else self._without_cloud)
        return actions.check(name)(context, tools(), node_id, params)

    @rpc.answers_errors
    def node_facts(self, context: RequestContext,
                   hosts: list[str]) -> dict[str, JsonObject]:
        """Ask agents for the hardware of their nodes; see rpcapi."""
        return facts.hwinfo(context, self._without_cloud().agents, hosts)

    @rpc.answers_errors
    def attached_targets(self, context: RequestContext,
                         host: str) -> dict[str, list[str]]:
        """Ask an agent for the targets of its node; see rpcapi."""
        return nas.attached(context, self._without_cloud().agents, host)

    @rpc.answers_errors
    def discover_targets(self, context: RequestContext, node_id: int,
                         storage_id: int) -> JsonObject:
        """Ask a storage for its targets; see rpcapi."""
        return nas.discover(context, self._without_cloud().agents, node_id,
                            storage_id)

    @rpc.answers_errors
    def check_volume_action(self, context: RequestContext, action: str,
                            volume_id: str,
                            params: JsonObject) -> JsonObject:
        """Check that an action on a volume can be begun; see rpcapi."""
        return actions.check(f'volume.{action}')(
            context, self._tools(), volume_id, params)

    @rpc.answers_errors
    def backtest_aggregate(self, context: RequestContext, aggregate_id: int,
                           params: JsonObject) -> JsonObject:
        """Replay the loads of an aggregate; see rpcapi."""
        return backtests.run(self._tools(), aggregate_id, params)

    @rpc.answers_errors
    def check_task_action(self, context: RequestContext, action: str,
                          task_id: str, params: JsonObject) -> JsonObject:
        """Check that an action can be begun; see rpcapi."""
        return actions.check(f'task.{action}')(
            context, self._tools(), task_id, params)

    @rpc.answers_errors
    def check_aggregate_action(self, context: RequestContext, action: str,
                               aggregate_id: int,
                               params: JsonObject) -> JsonObject:
        """Check that an action on an aggregate can be begun; see rpcapi."""
        return actions.check(f'aggregate.{action}')(
            context, self._tools(), aggregate_id, params)

    @rpc.answers_errors
    def node_health(self, context: RequestContext,
                    node_id: int) -> JsonObject:
        """Read the hardware health of a node; see rpcapi."""
        return health.read(context, node_id)
