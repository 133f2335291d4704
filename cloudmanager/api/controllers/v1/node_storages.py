# SPDX-License-Identifier: Apache-2.0
"""Availability storages of nodes."""

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import availability_storages
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import availability_storages as storage_types
from cloudmanager.db import availability_storages as db_storages
from cloudmanager.policies import availability_storages as policies

_LIST = '/v1/nodes/{node_id}/availability-storages'
_ONE = _LIST + '/{availability_storage_id}'


@routing.route('POST', _LIST, policies.ASSIGN, body=storage_types.Storages,
               answers={204: None})
def add_storages(call: routing.Call, node_id: str) -> None:
    """Assign availability storages to a node; it keeps others."""
    db_storages.assign_storages(call.context, nodes.node_key(call, node_id),
                                call.values['availability_storages'])


@routing.route('PUT', _LIST, policies.ASSIGN, body=storage_types.Storages,
               answers={204: None})
def replace_storages(call: routing.Call, node_id: str) -> None:
    """Assign these availability storages to a node and no others."""
    db_storages.assign_storages(call.context, nodes.node_key(call, node_id),
                                call.values['availability_storages'],
                                replace=True)


@routing.route('DELETE', _ONE, policies.ASSIGN, answers={204: None})
def remove_storage(call: routing.Call, node_id: str,
                   availability_storage_id: str) -> None:
    """Take an availability storage from a node."""
    db_storages.unassign_storage(
        call.context, nodes.node_key(call, node_id),
        availability_storages.storage_key(availability_storage_id))
