# SPDX-License-Identifier: Apache-2.0
"""Which flow carries out which task."""

from collections.abc import Callable
from typing import Any

from cloudmanager.conductor.flows import hosts
from cloudmanager.conductor.flows import power
from cloudmanager.conductor.flows import servers

BUILDERS: dict[str, Callable[[Any, Any], Any]] = {
    'host.shutdown': hosts.shutdown,
    'host.evacuate': hosts.evacuate,
    'host.restart': hosts.restart,
    'hosts.restart': hosts.restart_many,
    'host.decommission': hosts.decommission,
    'node.power': power.node_power,
    'server.balance': servers.balance_server,
    'server.clone': servers.clone_server,
    'server.recover': servers.treat_server,
    'server.repair': servers.treat_server,
    'server.reset-reboot': servers.treat_server,
    'server.wakeup': servers.treat_server,
    'nodes.power': power.switch_nodes,
    'nodes.reset': power.switch_nodes,
    'output.power': power.output_power,
}

# Tasks that need no cloud.
WITHOUT_CLOUD = frozenset(('node.power', 'nodes.power', 'nodes.reset',
                           'output.power'))
