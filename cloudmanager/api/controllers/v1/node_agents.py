# SPDX-License-Identifier: Apache-2.0
"""What only the agent on a node could do."""

from typing import NoReturn

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.common import exception
from cloudmanager.db import nodes as db_nodes


def refuse(call: routing.Call, node_id: str, what: str) -> NoReturn:
    """Say that this version has no agent to do it.

    :param what: is to be done
    :raises NodeNotFound: there is no such node
    :raises OperationNotImplemented: otherwise
    """
    db_nodes.get_node(call.context, nodes.node_key(call, node_id))
    raise exception.OperationNotImplemented(what=what)
