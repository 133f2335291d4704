# SPDX-License-Identifier: Apache-2.0
"""Classes of nodes and their types."""

from typing import Any

from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api import types
from cloudmanager.api.types import node_classes as class_types
from cloudmanager.common import exception
from cloudmanager.db import node_classes as db_node_classes
from cloudmanager.policies import node_classes as policies

NODE_CLASS = class_types.NODE_CLASS
NODE_TYPE = class_types.NODE_TYPE
_LIST = '/v1/node-classes'
_ONE = '/v1/node-classes/{class_id}'
_TYPES = f'{_ONE}/types'
_TYPE = _TYPES + '/{type_id}'


def _class_key(class_id: str) -> int:
    return routing.integer(class_id, exception.NodeClassNotFound(
        node_class=class_id))


def _type_key(type_id: str) -> int:
    return routing.integer(type_id, exception.NodeTypeNotFound(
        node_type=type_id))


def render(row: dict[str, Any]) -> dict[str, Any]:
    """Return a class as it is answered."""
    return NODE_CLASS.render(row) | {
        'node_types': [NODE_TYPE.render(kind) for kind in row['types']]}


@routing.route('GET', _LIST, policies.LIST)
def list_classes(call: routing.Call) -> Any:
    """List classes."""
    return listing.page(call, NODE_CLASS, db_node_classes.list_classes,
                        lambda rows: [render(row) for row in rows])


@routing.route('GET', f'{_LIST}/count', policies.LIST)
def count_classes(call: routing.Call) -> Any:
    """Count classes."""
    return listing.count(call, NODE_CLASS, db_node_classes.count_classes)


@routing.route('POST', _LIST, policies.CREATE)
def create_class(call: routing.Call) -> Any:
    """Create a class."""
    call.no_params()
    values = types.parse(NODE_CLASS, call.body, 'create')
    row = db_node_classes.create_class(call.context, values['name'],
                                       values.get('node_types', []))
    return routing.Answer(201, {'node_class': render(row)})


@routing.route('GET', _ONE, policies.GET)
def show_class(call: routing.Call, class_id: str) -> Any:
    """Show a class."""
    call.no_params()
    row = db_node_classes.get_class(call.context, _class_key(class_id))
    return {'node_class': render(row)}


@routing.route('PUT', _ONE, policies.UPDATE)
def update_class(call: routing.Call, class_id: str) -> Any:
    """Rename a class, or replace its types."""
    call.no_params()
    values = types.parse(NODE_CLASS, call.body, 'update')
    row = db_node_classes.update_class(
        call.context, _class_key(class_id), values.get('name'),
        values.get('node_types'))
    return {'node_class': render(row)}


@routing.route('DELETE', _ONE, policies.DELETE)
def delete_class(call: routing.Call, class_id: str) -> Any:
    """Delete a class with its types."""
    call.no_params()
    db_node_classes.delete_class(call.context, _class_key(class_id))
    return routing.Answer(204)


# Types of a class

@routing.route('GET', _TYPES, policies.GET)
def list_types(call: routing.Call, class_id: str) -> Any:
    """List the types of a class."""
    call.no_params()
    row = db_node_classes.get_class(call.context, _class_key(class_id))
    return {'node_types': [NODE_TYPE.render(kind) for kind in row['types']]}


@routing.route('POST', _TYPES, policies.UPDATE)
def create_type(call: routing.Call, class_id: str) -> Any:
    """Add a type to a class."""
    call.no_params()
    values = types.parse(NODE_TYPE, call.body, 'create')
    row = db_node_classes.create_type(
        call.context, _class_key(class_id),
        values.get('name', db_node_classes.NAMELESS))
    return routing.Answer(201, {'node_type': NODE_TYPE.render(row)})


@routing.route('PUT', _TYPE, policies.UPDATE)
def update_type(call: routing.Call, class_id: str, type_id: str) -> Any:
    """Rename a type of a class."""
    call.no_params()
    values = types.parse(NODE_TYPE, call.body, 'update')
    keys = _class_key(class_id), _type_key(type_id)
    if values.get('id', keys[1]) != keys[1]:
        raise exception.Invalid(
            reason='Field type_id must be the id in the path.')
    row = (db_node_classes.rename_type(call.context, *keys, values['name'])
           if 'name' in values
           else db_node_classes.get_type(call.context, *keys))
    return {'node_type': NODE_TYPE.render(row)}


@routing.route('DELETE', _TYPE, policies.UPDATE)
def delete_type(call: routing.Call, class_id: str, type_id: str) -> Any:
    """Delete a type of a class."""
    call.no_params()
    db_node_classes.delete_type(call.context, _class_key(class_id),
                                _type_key(type_id))
    return routing.Answer(204)
