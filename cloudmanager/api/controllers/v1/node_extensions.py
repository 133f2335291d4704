# SPDX-License-Identifier: Apache-2.0
"""What answers about compute hosts have from other services."""

from cloudmanager.api import backends
from cloudmanager.api import routing
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import models
from cloudmanager.domain import conditions

OS_OBJECT, HWINFO = 'with_os_object', 'with_hwinfo'
#: So many nodes a warning names, and so many warnings there are.
MAX_NAMED = 10
MAX_REASONS = 5
_NO_HWINFO = 'hwinfo of {} could not be read: {}.'
_NO_NAS = 'nas of {} could not be read: {}.'


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
    warnings = list(found.warnings)
    for node in hosts:
        node.update(found.of(node['hypervisor_id']))
    if with_hwinfo:
        warnings += _add_hwinfo(call, hosts, wait)
    if alone and (with_os_object or with_hwinfo):
        for node in hosts:
            warnings += _add_nas(call, node, wait)
    return {'warnings': warnings} if warnings else {}


def _add_hwinfo(call: routing.Call, nodes: list[models.Row],
                wait: bool) -> list[str]:
    """Add the hardware to nodes, as their agents tell it.

    :param wait: whether agents may be asked
    :returns: warnings, as few as there are different reasons
    """
    names = [node['name'] for node in nodes if node['name']]
    found: dict[str, models.Row] = {}
    trouble = 'agents are not asked for it here'
    if wait and names:
        try:
            found = rpcapi.ConductorAPI().node_facts(call.context, names)
        except exception.Unavailable as exc:
            trouble = exc.message
    missing: dict[str, list[str]] = {}
    for node in nodes:
        told = found.get(node['name'], {})
        node['hwinfo'] = told.get('hwinfo')
        if node['hwinfo'] is None:
            reason = told.get('reason', trouble if node['name']
                              else 'the node has no name')
            missing.setdefault(reason, []).append(
                node['name'] or str(node['id']))
    if len(missing) > 1 and len(nodes) > MAX_REASONS:
        nodes_without = sum(missing.values(), [])
        return [_NO_HWINFO.format(_named(nodes_without),
                                  'show one of them to see why')]
    return [_NO_HWINFO.format(_named(names), reason.rstrip('.'))
            for reason, names in missing.items()]


def _add_nas(call: routing.Call, node: models.Row,
             wait: bool) -> list[str]:
    """Add the attached targets to a node, as its agent tells them.

    :param wait: whether the agent may be asked
    :returns: a warning if it does not
    """
    node['nas'] = None
    trouble = 'agents are not asked for it here'
    if not node['name']:
        trouble = 'the node has no name'
    elif wait:
        try:
            node['nas'] = rpcapi.ConductorAPI().attached_targets(
                call.context, node['name'])
            return []
        except exception.Unavailable as exc:
            trouble = exc.message
    return [_NO_NAS.format(node['name'] or node['id'], trouble.rstrip('.'))]


def _named(names: list[str]) -> str:
    more = ', ...' if len(names) > MAX_NAMED else ''
    return ', '.join(names[:MAX_NAMED]) + more
