# SPDX-License-Identifier: Apache-2.0
"""What each kind of task is: how it is checked, and which flow it runs.

A new action has its line here, and nowhere else in the conductor.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

from taskflow import flow as tf_flow

from cloudmanager import version
from cloudmanager.common import exception
from cloudmanager.conductor.engine.run import Run
from cloudmanager.conductor.flows import hosts
from cloudmanager.conductor.flows import power
from cloudmanager.conductor.flows import servers
from cloudmanager.conductor.hosts import checks as host_checks
from cloudmanager.conductor.servers import checks as server_checks
from cloudmanager.conductor.tools import Tools

Build = Callable[[Run, Tools], tf_flow.Flow]


@dataclasses.dataclass(frozen=True)
class Action:
    """A kind of task.

    :ivar flow: makes the flow of a run
    :ivar check: asked before there is a task whether it can be begun; its
        parameters are those of the functions in ``hosts.checks`` or
        ``servers.checks``
    :ivar needs_cloud: false for those that work where none is configured
    """

    flow: Build
    check: Callable[..., dict[str, Any]] | None = None
    needs_cloud: bool = True


#: By the names of tasks.
ACTIONS: dict[str, Action] = {
    'host.shutdown': Action(hosts.shutdown, host_checks.shutdown),
    'host.evacuate': Action(hosts.evacuate, host_checks.evacuate),
    'host.decommission': Action(hosts.decommission,
                                host_checks.decommission),
    # A part of a task on several hosts; that one is checked.
    'host.restart': Action(hosts.restart),
    'hosts.restart': Action(hosts.restart_many, host_checks.restart),
    'server.balance': Action(servers.balance_server, server_checks.balance),
    'server.clone': Action(servers.clone_server, server_checks.clone),
    'server.recover': Action(servers.treat_server,
                             server_checks.treatment('server.recover')),
    'server.repair': Action(servers.treat_server,
                            server_checks.treatment('server.repair')),
    'server.reset-reboot': Action(
        servers.treat_server, server_checks.treatment('server.reset-reboot')),
    'server.wakeup': Action(servers.treat_server,
                            server_checks.treatment('server.wakeup')),
    'node.power': Action(power.node_power, needs_cloud=False),
    'nodes.power': Action(power.switch_nodes, needs_cloud=False),
    'nodes.reset': Action(power.switch_nodes, needs_cloud=False),
    'output.power': Action(power.output_power, needs_cloud=False),
}


def _unknown(name: str) -> exception.ActionUnknown:
    return exception.ActionUnknown(
        action=name, version=version.version_info.version_string())


def get(name: str) -> Action:
    """Return an action.

    :param name: of its tasks
    :raises ActionUnknown: a newer API asks for it, or a newer conductor
    """
    if name not in ACTIONS:
        raise _unknown(name)
    return ACTIONS[name]


def check(name: str) -> Callable[..., dict[str, Any]]:
    """Return what checks an action before there is a task.

    :raises ActionUnknown: nobody asks for it that way in this version
    """
    found = get(name).check
    if found is None:
        raise _unknown(name)
    return found
