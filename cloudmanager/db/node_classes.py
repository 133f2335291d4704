# SPDX-License-Identifier: Apache-2.0
"""Classes of nodes and their types.

Every class has at least one type, so that nodes can be put into it. All
changes of one class and its types come one after another: each begins with
the lock of the class's row.
"""

from collections.abc import Collection

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.domain import conditions
from cloudmanager.domain import query as common_query

_CLASS = models.NodeClass
_TYPE = models.NodeType
_NODE = models.Node
_CLASSES = sa.select(*_CLASS.__table__.c)
_TYPES = (sa.select(_TYPE.node_class_id, _TYPE.id, _TYPE.name)
          .order_by(_TYPE.id))
# The name of the type of a class that is created without types.
NAMELESS = ''


def _attach_types(context: api.Context, classes: list[models.Row]) -> None:
    """Put ids and names of their types into classes, by one statement."""
    db_query.attach(context, classes, 'types', _TYPES, _TYPE.node_class_id)


@api.reader
def types_of(context: api.Context, class_ids: Collection[int]
             ) -> dict[int, list[models.Row]]:
    """Return ids and names of the types of node classes, by class."""
    classes: list[models.Row] = [{'id': key} for key in class_ids]
    _attach_types(context, classes)
    return {row['id']: row['types'] for row in classes}


@api.reader
def list_classes(context: api.Context,
                 query: common_query.Query) -> list[models.Row]:
    """Return the classes that a query asks for, with their types."""
    classes = db_query.fetch(context, _CLASSES, _CLASS, query)
    _attach_types(context, classes)
    return classes


@api.reader
def count_classes(context: api.Context, query: common_query.Query) -> int:
    """Return how many classes meet the filters of a query."""
    return db_query.count(context, _CLASS, query)


@api.reader
def get_class(context: api.Context, class_id: int) -> models.Row:
    """Return a class with its types.

    :raises NodeClassNotFound: there is none with this id
    """
    found = table.get(context, _CLASSES.where(_CLASS.id == class_id),
                      exception.NodeClassNotFound(node_class=class_id))
    _attach_types(context, [found])
    return found


def _insert_types(context: api.Context, class_id: int,
                  names: list[str]) -> None:
    if names:
        context.session.execute(
            sa.insert(_TYPE),
            [{'node_class_id': class_id, 'name': name} for name in names])


@api.writer
def _insert(context: api.Context, name: str, names: list[str]) -> int:
    class_id = table.insert(context, _CLASS, {'name': name,
                                              'is_default': False})
    _insert_types(context, class_id, names)
    return class_id


def create_class(context: api.Context, name: str,
                 type_names: list[str]) -> models.Row:
    """Insert a class with its types.

    :param type_names: each once; without any the class gets one type whose
        name is empty
    :raises NameTaken: there is a class of this name
    """
    with table.unique('name', name):
        class_id = _insert(context, name, type_names or [NAMELESS])
    return get_class(context, class_id)


def _lock(context: api.Context, class_id: int,
          to_delete: bool = False) -> db_query.Found:
    """Return name and is_default of a class, its row locked.

    :param to_delete: also against nodes that refer to it, for which
        other changes are no hindrance
    """
    row = context.session.execute(
        sa.select(_CLASS.name, _CLASS.is_default)
        .where(_CLASS.id == class_id)
        .with_for_update(key_share=not to_delete)).first()
    if row is None:
        raise exception.NodeClassNotFound(node_class=class_id)
    return row


def _types(context: api.Context, class_id: int) -> dict[str, int]:
    """Return the ids of the types of a locked class, by name."""
    return {row.name: row.id for row in context.session.execute(
        sa.select(_TYPE.id, _TYPE.name)
        .where(_TYPE.node_class_id == class_id))}


def _remove_types(context: api.Context, types: dict[str, int]) -> None:
    """Remove types.

    :param types: ids by name
    :raises InUse: a node has one of them
    """
    if not types:
        return
    ids = list(types.values())
    used = context.session.execute(
        sa.select(_NODE.id, _NODE.node_type_id)
        .where(_NODE.node_type_id.in_(ids)).limit(1)).first()
    if used is not None:
        raise exception.InUse(what=f'Node type {used.node_type_id}',
                              by=f'node {used.id}')
    try:
        context.session.execute(sa.delete(_TYPE).where(_TYPE.id.in_(ids)))
    except db_exc.DBReferenceError as exc:
        # A node has come in between.
        raise exception.InUse(what='One of the node types',
                              by='a node') from exc


def _replace_types(context: api.Context, class_id: int,
                   names: list[str]) -> None:
    """Give a locked class exactly these types; those it has keep ids."""
    present = _types(context, class_id)
    _remove_types(context, {name: type_id
                            for name, type_id in present.items()
                            if name not in names})
    _insert_types(context, class_id,
                  [name for name in names if name not in present])


@api.writer
def _update(context: api.Context, class_id: int, name: str | None,
            type_names: list[str] | None) -> None:
    row = _lock(context, class_id)
    if name is not None and name != row.name:
        if row.name == conditions.HYPERVISOR:
            raise exception.Conflict(
                reason=f'The class {row.name} cannot be renamed: compute '
                       'hosts are known by it.')
        table.update(context, _CLASS, class_id, {'name': name})
    if type_names is not None:
        _replace_types(context, class_id, type_names or [NAMELESS])


def update_class(context: api.Context, class_id: int, name: str | None = None,
                 type_names: list[str] | None = None) -> models.Row:
    """Rename a class, or replace its types; ``None`` changes nothing.

    :param type_names: the names of all its types, each once; those that
        are there keep their ids
    :raises NodeClassNotFound: there is none with this id
    :raises NameTaken: another class has the new name
    :raises InUse: a node has a type that is to go
    :raises Conflict: the service goes by the present name
    """
    with table.unique('name', name):
        _update(context, class_id, name, type_names)
    return get_class(context, class_id)


@api.writer
def delete_class(context: api.Context, class_id: int) -> None:
    """Remove a class and its types.

    :raises NodeClassNotFound: there is none with this id
    :raises InUse: a node is in it
    :raises Conflict: new nodes get it, or the service goes by it
    """
    row = _lock(context, class_id, to_delete=True)
    if row.is_default or row.name == conditions.HYPERVISOR:
        raise exception.Conflict(
            reason=f'The class {row.name} cannot be deleted: '
                   + ('new nodes get it.' if row.is_default else
                      'compute hosts are known by it.'))
    with table.unused(
            context, f'Node class {class_id}',
            sa.select(_NODE.id).where(_NODE.node_class_id == class_id)):
        context.session.execute(
            sa.delete(_TYPE).where(_TYPE.node_class_id == class_id))
        table.delete(context, _CLASS, class_id,
                     exception.NodeClassNotFound(node_class=class_id))


# Types by themselves

@api.reader
def get_type(context: api.Context, class_id: int, type_id: int) -> models.Row:
    """Return a type of a class.

    :raises NodeClassNotFound: there is no such class
    :raises NodeTypeNotFound: the class has no such type
    """
    types: list[models.Row] = get_class(context, class_id)['types']
    for row in types:
        if row['id'] == type_id:
            return row
    raise exception.NodeTypeNotFound(node_type=type_id)


@api.writer
def _insert_type(context: api.Context, class_id: int, name: str) -> int:
    _lock(context, class_id)
    return table.insert(context, _TYPE, {'node_class_id': class_id,
                                         'name': name})


def create_type(context: api.Context, class_id: int, name: str) -> models.Row:
    """Add a type to a class.

    :raises NodeClassNotFound: there is no such class
    :raises NameTaken: the class has a type of this name
    """
    with table.unique('name', name):
        type_id = _insert_type(context, class_id, name)
    return get_type(context, class_id, type_id)


def _lock_type(context: api.Context, class_id: int,
               type_id: int) -> dict[str, int]:
    """Lock a class; return its types, of which this must be one."""
    _lock(context, class_id)
    types = _types(context, class_id)
    if type_id not in types.values():
        raise exception.NodeTypeNotFound(node_type=type_id)
    return types


@api.writer
def _rename_type(context: api.Context, class_id: int, type_id: int,
                 name: str) -> None:
    _lock_type(context, class_id, type_id)
    table.update(context, _TYPE, type_id, {'name': name})


def rename_type(context: api.Context, class_id: int, type_id: int,
                name: str) -> models.Row:
    """Rename a type of a class; its nodes keep it.

    :raises NodeClassNotFound: there is no such class
    :raises NodeTypeNotFound: the class has no such type
    :raises NameTaken: another type of the class has the name
    """
    with table.unique('name', name):
        _rename_type(context, class_id, type_id, name)
    return get_type(context, class_id, type_id)


@api.writer
def delete_type(context: api.Context, class_id: int, type_id: int) -> None:
    """Remove a type from a class.

    :raises NodeClassNotFound: there is no such class
    :raises NodeTypeNotFound: the class has no such type
    :raises InUse: a node has it
    :raises Conflict: the class has no other
    """
    types = _lock_type(context, class_id, type_id)
    if len(types) == 1:
        raise exception.Conflict(
            reason=f'Node type {type_id} is the only one of its class.')
    _remove_types(context, {name: found for name, found in types.items()
                            if found == type_id})
