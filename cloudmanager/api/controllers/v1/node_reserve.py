# SPDX-License-Identifier: Apache-2.0
"""Nodes in reserve."""

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import nodes as node_types
from cloudmanager.db import nodes as db_nodes
from cloudmanager.policies import nodes as policies


@routing.route('POST', '/v1/nodes/{node_id}/actions/reserve',
               policies.RESERVE, body=node_types.Reservation,
               answers={204: None}, errors=(409, 503))
def reserve(call: routing.Call, node_id: str) -> None:
    """Take a node into reserve or out of it."""
    row = db_nodes.get_node(call.context, nodes.node_key(call, node_id))
    nodes.set_reserved(call, row, call.values['is_reserved'])
