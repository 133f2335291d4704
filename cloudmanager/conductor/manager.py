# SPDX-License-Identifier: Apache-2.0
"""RPC endpoints of the conductor."""

from typing import Any

from oslo_config import cfg
from oslo_log import log as logging
import oslo_messaging as messaging

from cloudmanager.common import exception
from cloudmanager.conductor.tasks import plans

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class ConductorManager:
    """What API processes may ask of a conductor.

    :param worker: the engine
    :param tools: returns the clients; fails when no cloud is configured
    """

    target = messaging.Target(version='1.0')

    def __init__(self, worker: Any, tools: Any) -> None:
        self._worker = worker
        self._tools = tools

    def run_task(self, context: Any, task_id: str) -> None:
        """Put a task on the jobboard."""
        self._worker.post(task_id)

    @messaging.expected_exceptions(exception.CloudManagerException)
    def check_host_action(self, context: Any, action: str, host: str,
                          params: dict[str, Any]) -> dict[str, Any]:
        """Check that an action can be begun; see rpcapi."""
        tools = self._tools()
        service = tools.nova.service(host)
        if service is None:
            raise exception.HostNotFound(host=host)
        if params.get('dry_run'):
            plan = plans.make_plan(tools, action, host, params)
            return {'plan': plan.to_dict()}
        if action == 'evacuate':
            self._check_evacuation(context, tools, host, params, service)
        return {}

    @staticmethod
    def _check_evacuation(context: Any, tools: Any, host: str,
                          params: dict[str, Any], service: Any) -> None:
        if not CONF.host_tasks.allow_evacuate_host:
            raise exception.Conflict(
                reason='[host_tasks] allow_evacuate_host is off.')
        if host in CONF.host_tasks.deny_evacuate:
            raise exception.Conflict(
                reason=f'[host_tasks] deny_evacuate names {host}.')
        if params.get('fenced'):
            return
        if tools.power.node_of_host(context, host) is None:
            raise exception.HostNotFenced(
                host=host, reason=f'its nova-compute is {service.state} and '
                                  'no power control is assigned to it')
