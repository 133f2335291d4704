# SPDX-License-Identifier: Apache-2.0
"""The hardware of a node, as its power controls know it."""

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import power as power_forms
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import nodes as db_nodes
from cloudmanager.domain import power_types
from cloudmanager.policies import nodes as policies


@routing.route('GET', '/v1/nodes/{node_id}/health', policies.HEALTH,
               answers={200: power_forms.HEALTH}, errors=(409, 501))
def show_health(call: routing.Call, node_id: str) -> routing.Document:
    """Read sensors and the event log of a node's power controls."""
    node = db_nodes.get_node(call.context, nodes.node_key(call, node_id))
    if not node['node_controls']:
        raise exception.NoPowerControl(node=node_id)
    for control in node['node_controls']:
        power_types.require_driver(control['control_type'])
    return {'health': rpcapi.ConductorAPI().node_health(call.context,
                                                        node['id'])}
