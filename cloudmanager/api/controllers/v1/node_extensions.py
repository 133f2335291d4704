# SPDX-License-Identifier: Apache-2.0
"""What answers about compute hosts have from other services."""

from cloudmanager.api import backends
from cloudmanager.api import routing
from cloudmanager.db import models
from cloudmanager.domain import conditions

OS_OBJECT, HWINFO = 'with_os_object', 'with_hwinfo'
# What only the agent of a node can tell, and there is none yet.
_OF_AGENTS = '{} could not be read: no agent answers for the node.'


def extend(call: routing.Call, nodes: list[models.Row], *,
           alone: bool = False, wait: bool = True) -> models.Row:
    """Add what other services know to the nodes of an answer.

    A service that is out of reach leaves null in its place.

    :param nodes: as they are rendered; changed in place
    :param alone: it is the answer about one node
    :param wait: wait, for a bounded time, for what was not read lately
    :returns: ``warnings`` for the answer, if there are any
    """
    with_os_object, with_hwinfo = (
        call.flags.get(name, False) for name in (OS_OBJECT, HWINFO))
    hosts = [node for node in nodes
             if node['node_class']['name'] == conditions.HYPERVISOR]
    if not hosts:
        return {}
    found = backends.get().read(
        {node['hypervisor_id'] for node in hosts} - {None},
        with_os_object, wait)
    of_agents = ['hwinfo'] if with_hwinfo else []
    if alone and (with_os_object or with_hwinfo):
        of_agents.append('nas')
    nothing = dict.fromkeys(of_agents)
    for node in hosts:
        node.update(found.of(node['hypervisor_id']), **nothing)
    warnings = found.warnings + [_OF_AGENTS.format(name)
                                 for name in of_agents]
    return {'warnings': warnings} if warnings else {}
