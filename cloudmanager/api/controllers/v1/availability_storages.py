# SPDX-License-Identifier: Apache-2.0
"""Availability storages, and the nodes that they are assigned to."""

from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import availability_storages as storage_types
from cloudmanager.common import exception
from cloudmanager.db import availability_storages as db_storages
from cloudmanager.db import models
from cloudmanager.policies import availability_storages as policies

Storage, ONE_STORAGE = storage_types.Storage, storage_types.ONE_STORAGE
_LIST = '/v1/availability-storages'
_ONE = '/v1/availability-storages/{availability_storage_id}'
_NODES = f'{_ONE}/nodes'


def storage_key(storage_id: str) -> int:
    """Return the id of a storage in a path."""
    return routing.integer(
        storage_id,
        exception.AvailabilityStorageNotFound(storage=storage_id))


def render(row: models.Row) -> models.Row:
    """Return a storage as it is answered."""
    return Storage.render(row) | {'nodes': row['nodes']}


@routing.route('GET', _LIST, policies.LIST,
               query=Parameters(Storage, paged=True),
               answers={200: answers.page(Storage)})
def list_storages(call: routing.Call) -> routing.Document:
    """List availability storages."""
    return listing.page(call, db_storages.list_storages,
                        lambda rows: [render(row) for row in rows])


@routing.route('GET', f'{_LIST}/count', policies.LIST,
               query=Parameters(Storage), answers={200: answers.Count})
def count_storages(call: routing.Call) -> routing.Document:
    """Count availability storages."""
    return listing.count(call, db_storages.count_storages)


@routing.route('POST', _LIST, policies.CREATE, body=Storage,
               answers={201: ONE_STORAGE}, errors=(409,))
def create_storage(call: routing.Call) -> routing.Document:
    """Create an availability storage."""
    row = db_storages.create_storage(call.context, call.values)
    return {'availability_storage': render(row)}


@routing.route('GET', _ONE, policies.GET, answers={200: ONE_STORAGE})
def show_storage(call: routing.Call,
                 availability_storage_id: str) -> routing.Document:
    """Show an availability storage."""
    row = db_storages.get_storage(call.context,
                                  storage_key(availability_storage_id))
    return {'availability_storage': render(row)}


@routing.route('PUT', _ONE, policies.UPDATE, body=Storage,
               answers={200: ONE_STORAGE}, errors=(409,))
def update_storage(call: routing.Call,
                   availability_storage_id: str) -> routing.Document:
    """Change an availability storage; what is left out stays."""
    row = db_storages.update_storage(
        call.context, storage_key(availability_storage_id), call.values)
    return {'availability_storage': render(row)}


@routing.route('DELETE', _ONE, policies.DELETE, answers={204: None},
               errors=(409,))
def delete_storage(call: routing.Call,
                   availability_storage_id: str) -> None:
    """Delete an availability storage."""
    db_storages.delete_storage(call.context,
                               storage_key(availability_storage_id))


# Nodes of a storage

@routing.route('POST', _NODES, policies.ASSIGN, body=storage_types.Nodes,
               answers={204: None})
def add_nodes(call: routing.Call, availability_storage_id: str) -> None:
    """Assign an availability storage to nodes; others keep it."""
    db_storages.assign_nodes(call.context,
                             storage_key(availability_storage_id),
                             call.values['nodes'])


@routing.route('PUT', _NODES, policies.ASSIGN, body=storage_types.Nodes,
               answers={204: None})
def replace_nodes(call: routing.Call, availability_storage_id: str) -> None:
    """Assign an availability storage to these nodes and to no others."""
    db_storages.assign_nodes(call.context,
                             storage_key(availability_storage_id),
                             call.values['nodes'], replace=True)


@routing.route('DELETE', _NODES + '/{node_id}', policies.ASSIGN,
               answers={204: None})
def remove_node(call: routing.Call, availability_storage_id: str,
                node_id: str) -> None:
    """Take a node from an availability storage."""
    db_storages.unassign_node(call.context,
                              storage_key(availability_storage_id),
                              nodes.node_key(call, node_id))
