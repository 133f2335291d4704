# SPDX-License-Identifier: Apache-2.0
"""Classes of nodes and their types."""

from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import node_classes as class_types
from cloudmanager.common import exception
from cloudmanager.db import models
from cloudmanager.db import node_classes as db_node_classes
from cloudmanager.policies import node_classes as policies

NodeClass = class_types.NodeClass
NodeType = class_types.NodeType
_LIST = '/v1/node-classes'
_ONE = '/v1/node-classes/{class_id}'
_TYPES = f'{_ONE}/types'
_TYPE = _TYPES + '/{type_id}'
ONE_CLASS, ONE_TYPE = class_types.ONE_CLASS, class_types.ONE_TYPE


def _class_key(class_id: str) -> int:
    return routing.integer(class_id, exception.NodeClassNotFound(
        node_class=class_id))


def _type_key(type_id: str) -> int:
    return routing.integer(type_id, exception.NodeTypeNotFound(
        node_type=type_id))


def render(row: models.Row) -> models.Row:
    """Return a class as it is answered."""
    return NodeClass.render(row) | {
        'node_types': [NodeType.render(kind) for kind in row['types']]}


@routing.route('GET', _LIST, policies.LIST,
               query=Parameters(NodeClass, paged=True),
               answers={200: answers.page(NodeClass)})
def list_classes(call: routing.Call) -> routing.Document:
    """List classes."""
    return listing.page(call, db_node_classes.list_classes,
                        lambda rows: [render(row) for row in rows])


@routing.route('GET', f'{_LIST}/count', policies.LIST,
               query=Parameters(NodeClass), answers={200: answers.Count})
def count_classes(call: routing.Call) -> routing.Document:
    """Count classes."""
    return listing.count(call, db_node_classes.count_classes)


@routing.route('POST', _LIST, policies.CREATE, body=NodeClass,
               answers={201: ONE_CLASS}, errors=(409,))
def create_class(call: routing.Call) -> routing.Document:
    """Create a class."""
    values = call.values
    row = db_node_classes.create_class(call.context, values['name'],
                                       values.get('node_types', []))
    return {'node_class': render(row)}


@routing.route('GET', _ONE, policies.GET, answers={200: ONE_CLASS})
def show_class(call: routing.Call, class_id: str) -> routing.Document:
    """Show a class."""
    row = db_node_classes.get_class(call.context, _class_key(class_id))
    return {'node_class': render(row)}


@routing.route('PUT', _ONE, policies.UPDATE, body=NodeClass,
               answers={200: ONE_CLASS}, errors=(409,))
def update_class(call: routing.Call, class_id: str) -> routing.Document:
    """Rename a class, or replace its types."""
    values = call.values
    row = db_node_classes.update_class(
        call.context, _class_key(class_id), values.get('name'),
        values.get('node_types'))
    return {'node_class': render(row)}


@routing.route('DELETE', _ONE, policies.DELETE, answers={204: None},
               errors=(409,))
def delete_class(call: routing.Call, class_id: str) -> None:
    """Delete a class with its types."""
    db_node_classes.delete_class(call.context, _class_key(class_id))


# Types of a class

@routing.route('GET', _TYPES, policies.GET,
               answers={200: answers.many(NodeType)})
def list_types(call: routing.Call, class_id: str) -> routing.Document:
    """List the types of a class."""
    row = db_node_classes.get_class(call.context, _class_key(class_id))
    return {'node_types': [NodeType.render(kind) for kind in row['types']]}


@routing.route('POST', _TYPES, policies.UPDATE, body=NodeType,
               answers={201: ONE_TYPE}, errors=(409,))
def create_type(call: routing.Call, class_id: str) -> routing.Document:
    """Add a type to a class."""
    values = call.values
    row = db_node_classes.create_type(
        call.context, _class_key(class_id),
        values.get('name', db_node_classes.NAMELESS))
    return {'node_type': NodeType.render(row)}


@routing.route('PUT', _TYPE, policies.UPDATE, body=NodeType,
               answers={200: ONE_TYPE}, errors=(409,))
def update_type(call: routing.Call, class_id: str,
                type_id: str) -> routing.Document:
    """Rename a type of a class."""
    values = call.values
    keys = _class_key(class_id), _type_key(type_id)
    if values.get('id', keys[1]) != keys[1]:
        raise exception.Invalid(
            reason='Field type_id must be the id in the path.')
    row = (db_node_classes.rename_type(call.context, *keys, values['name'])
           if 'name' in values
           else db_node_classes.get_type(call.context, *keys))
    return {'node_type': NodeType.render(row)}


@routing.route('DELETE', _TYPE, policies.UPDATE, answers={204: None},
               errors=(409,))
def delete_type(call: routing.Call, class_id: str, type_id: str) -> None:
    """Delete a type of a class."""
    db_node_classes.delete_type(call.context, _class_key(class_id),
                                _type_key(type_id))
