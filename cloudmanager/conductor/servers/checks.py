# SPDX-License-Identifier: Apache-2.0
"""Check that an action on a server can begin, before its task is created.

Each function returns the server's host as ``host``, ``None`` when it has no
host, and raises a CloudManagerException when the action cannot begin.
"""

from collections.abc import Callable

from cloudmanager.clients import nova_records
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.clones import source
from cloudmanager.conductor.servers import balance as server_balance
from cloudmanager.conductor.servers import deciders
from cloudmanager.conductor.servers import evacuation
from cloudmanager.conductor.servers import examine
from cloudmanager.conductor.tools import Tools
from cloudmanager.planning import remedies

Check = Callable[[RequestContext, Tools, str, JsonObject],
                 JsonObject]


def _find(tools: Tools, server_id: str) -> nova_records.Server:
    server = tools.nova.server(server_id)
    if server is None or server.status == 'DELETED':
        raise exception.ServerNotFound(server=server_id)
    return server


def balance(context: RequestContext, tools: Tools, server_id: str,
            params: JsonObject) -> JsonObject:
    """Check that a server can be moved in its present state."""
    server = _find(tools, server_id)
    server_balance.way_of(tools, server)
    return {'host': server.host}


def clone(context: RequestContext, tools: Tools, server_id: str,
          params: JsonObject) -> JsonObject:
    """Check that a server can be copied, and that there is room."""
    server = _find(tools, server_id)
    source.check(tools, server_id, params)
    return {'host': server.host}


def fix(name: str) -> Check:
    """Return the function that checks that an action can fix a server.

    :param name: the name of the action's tasks
    """
    def check(context: RequestContext, tools: Tools, server_id: str,
              params: JsonObject) -> JsonObject:
        server = _find(tools, server_id)
        _, seen = examine.look(tools, server_id)
        decision = deciders.decider(name, params)(seen, ())
        if decision.end is remedies.End.FAILED:
            raise exception.ServerState(server=server_id,
                                        reason=decision.text)
        if decision.step == remedies.Step.EVACUATE:
            evacuation.check(context, tools, seen.host, params)
        return {'host': server.host}
    return check
