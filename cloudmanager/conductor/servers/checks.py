# SPDX-License-Identifier: Apache-2.0
"""Whether an action on a server can be begun, asked before there is a task."""

from typing import Any

from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.conductor.clones import source
from cloudmanager.conductor.servers import balance
from cloudmanager.conductor.servers import evacuation
from cloudmanager.conductor.servers import examine
from cloudmanager.conductor.servers import treatment
from cloudmanager.conductor.tools import Tools
from cloudmanager.planning import remedies


def check(context: RequestContext, tools: Tools, action: str, server_id: str,
          params: dict[str, Any]) -> dict[str, Any]:
    """Check an action on a server.

    :returns: the server's host, ``None`` when it is on none
    :raises CloudManagerException: the action cannot be begun
    """
    server = tools.nova.server(server_id)
    if server is None or server.status == 'DELETED':
        raise exception.ServerNotFound(server=server_id)
    if action == 'balance':
        balance.way_of(tools, server)
    elif action == 'clone':
        source.check(tools, server_id, params)
    else:
        _treatment(context, tools, action, server_id, params)
    return {'host': server.host}


def _treatment(context: RequestContext, tools: Tools, action: str,
               server_id: str,
               params: dict[str, Any]) -> None:
    _, seen = examine.look(tools, server_id)
    decision = treatment.decider(f'server.{action}', params)(seen, ())
    if decision.end is remedies.End.FAILED:
        raise exception.ServerState(server=server_id, reason=decision.text)
    if decision.step == remedies.EVACUATE:
        evacuation.check(context, tools, seen.host, params)
