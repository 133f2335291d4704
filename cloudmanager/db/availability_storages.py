# SPDX-License-Identifier: Apache-2.0
"""Availability storages and the nodes that they are assigned to.

Assignments can be changed from either side. Each change first locks the row of
its own side, so that two changes that replace all assignments do not mix.
"""

from collections.abc import Collection
import dataclasses

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.domain import query as common_query

_STORAGE = models.AvailabilityStorage
_LINK = models.NodeAvailabilityStorage
_NODE = models.Node
_STORAGES = sa.select(*_STORAGE.__table__.c)
_NODES = (sa.select(_LINK.availability_storage_id, _NODE.id, _NODE.name)
          .join(_NODE, _NODE.id == _LINK.node_id).order_by(_NODE.id))
_OF_NODES = (
    sa.select(_LINK.node_id, _STORAGE.id, _STORAGE.name,
              _STORAGE.compute_path, _STORAGE.controller_path)
    .join(_STORAGE, _STORAGE.id == _LINK.availability_storage_id)
    .order_by(_STORAGE.id))
_PATHS = (
    sa.select(_LINK.node_id, _STORAGE.id, _STORAGE.compute_path.label('path'))
    .join(_STORAGE, _STORAGE.id == _LINK.availability_storage_id)
    .order_by(_LINK.node_id, _STORAGE.id))
# How many ids one error names.
MAX_NAMED = 20


def _attach_nodes(context: api.Context, storages: list[models.Row]) -> None:
    """Put ids and names of nodes into storages."""
    db_query.attach(context, storages, 'nodes', _NODES,
                    _LINK.availability_storage_id)


def attach_to_nodes(context: api.Context, nodes: list[models.Row],
                    name: str) -> None:
    """Put the list of storages into each node, by one statement.

    :param name: of the list
    """
    db_query.attach(context, nodes, name, _OF_NODES, _LINK.node_id)


@api.reader
def paths_of_nodes(context: api.Context, node_id: int | None = None
                   ) -> dict[int, list[models.Row]]:
    """Return ``id`` and ``path`` of the storages of nodes, by node.

    ``path`` is where the node has it mounted.

    :param node_id: of the only node that is wanted
    """
    found: dict[int, list[models.Row]] = {}
    statement = (_PATHS if node_id is None
                 else _PATHS.where(_LINK.node_id == node_id))
    for row in db_query.rows(context, statement):
        found.setdefault(row['node_id'], []).append(
            {'id': row['id'], 'path': row['path']})
    return found


@api.reader
def list_storages(context: api.Context,
                  query: common_query.Query) -> list[models.Row]:
    """Return the storages that a query asks for, with their nodes."""
    storages = db_query.fetch(context, _STORAGES, _STORAGE, query)
    _attach_nodes(context, storages)
    return storages


@api.reader
def count_storages(context: api.Context, query: common_query.Query) -> int:
    """Return how many storages meet the filters of a query."""
    return db_query.count(context, _STORAGE, query)


@api.reader
def get_storage(context: api.Context, storage_id: int) -> models.Row:
    """Return a storage with its nodes.

    :raises AvailabilityStorageNotFound: there is none with this id
    """
    storage = table.get(
        context, _STORAGES.where(_STORAGE.id == storage_id),
        exception.AvailabilityStorageNotFound(storage=storage_id))
    _attach_nodes(context, [storage])
    return storage


def create_storage(context: api.Context, values: models.Row) -> models.Row:
    """Insert a storage.

    :param values: ``name``, ``compute_path`` and ``controller_path``
    :raises NameTaken: there is a storage of this name
    """
    with table.unique('name', values['name']):
        storage_id = table.create(context, _STORAGE, values)
    return get_storage(context, storage_id)


@api.writer
def _update(context: api.Context, storage_id: int, values: models.Row) -> None:
    table.update(context, _STORAGE, storage_id, values)


def update_storage(context: api.Context, storage_id: int,
                   values: models.Row) -> models.Row:
    """Change a storage.

    :raises AvailabilityStorageNotFound: there is none with this id
    :raises NameTaken: another storage has the new name
    """
    with table.unique('name', values.get('name')):
        _update(context, storage_id, values)
    return get_storage(context, storage_id)


@api.writer
def delete_storage(context: api.Context, storage_id: int) -> None:
    """Remove a storage.

    :raises AvailabilityStorageNotFound: there is none with this id
    :raises InUse: it is assigned to a node
    """
    with table.unused(
            context, f'Availability storage {storage_id}',
            sa.select(_LINK.node_id)
            .where(_LINK.availability_storage_id == storage_id)):
        table.delete(
            context, _STORAGE, storage_id,
            exception.AvailabilityStorageNotFound(storage=storage_id))


# Assignments

@dataclasses.dataclass(frozen=True)
class _Side:
    """One side of assignments.

    :ivar own: table of the object whose assignments are changed
    :ivar own_id: name of the link's column that has its id
    :ivar other: table of what is assigned
    :ivar other_id: name of the link's column that has the id of that
    :ivar field: what requests call the others
    """

    own: db_query.Model
    own_id: str
    other: db_query.Model
    other_id: str
    field: str

    def missing(self, own_id: int) -> exception.NotFound:
        if self.own is _NODE:
            return exception.NodeNotFound(node=own_id)
        return exception.AvailabilityStorageNotFound(storage=own_id)


_OF_STORAGE = _Side(_STORAGE, 'availability_storage_id', _NODE, 'node_id',
                    'nodes')
_OF_NODE = _Side(_NODE, 'node_id', _STORAGE, 'availability_storage_id',
                 'availability_storages')
# Columns of the link, by name.
_IDS = _LINK.__table__.c


def _lock(context: api.Context, side: _Side, own_id: int) -> None:
    # The lock does not block those who only refer to the row, as a change
    # from the other side does.
    table.lock(context, side.own, own_id, side.missing(own_id),
               from_references=False)


def _check(context: api.Context, side: _Side, ids: Collection[int]) -> None:
    """Check that all of the others exist.

    :raises Invalid: some do not; they are named
    """
    other_id = side.other.__table__.c.id
    known: set[int] = set()
    for chunk in db_query.chunks(sorted(ids)):
        known.update(context.session.scalars(
            sa.select(other_id).where(other_id.in_(chunk))))
    unknown = sorted(set(ids) - known)
    if unknown:
        named = ', '.join(map(str, unknown[:MAX_NAMED]))
        more = len(unknown) - MAX_NAMED
        raise exception.Invalid(
            reason=f'Field {side.field}: there is no {named}'
                   + (f' and {more} more.' if more > 0 else '.'))


# Each change of one of the other objects can cause one conflict.
@api.again_after(db_exc.DBDuplicateEntry, db_exc.DBReferenceError, times=20)
@api.writer
def _assign(context: api.Context, side: _Side, own_id: int,
            other_ids: Collection[int], replace: bool) -> None:
    _lock(context, side, own_id)
    present = set(context.session.scalars(
        sa.select(_IDS[side.other_id])
        .where(_IDS[side.own_id] == own_id)))
    wanted = set(other_ids)
    _check(context, side, wanted - present)
    if replace:
        for chunk in db_query.chunks(sorted(present - wanted)):
            context.session.execute(
                sa.delete(_LINK).where(_IDS[side.own_id] == own_id,
                                       _IDS[side.other_id].in_(chunk)))
    new = [{side.own_id: own_id, side.other_id: other_id}
           for other_id in sorted(wanted - present)]
    if new:
        context.session.execute(sa.insert(_LINK), new)


@api.writer
def _unassign(context: api.Context, side: _Side, storage_id: int,
              node_id: int) -> None:
    _lock(context, side, node_id if side is _OF_NODE else storage_id)
    if not table.changed(
            context, sa.delete(_LINK)
            .where(_LINK.availability_storage_id == storage_id,
                   _LINK.node_id == node_id)):
        raise exception.StorageNotAssigned(storage=storage_id, node=node_id)


def assign_nodes(context: api.Context, storage_id: int,
                 node_ids: Collection[int], replace: bool = False) -> None:
    """Assign a storage to nodes.

    :param replace: whether those are its only nodes from now on
    :raises AvailabilityStorageNotFound: there is no such storage
    :raises Invalid: some of the nodes do not exist; nothing is changed
    """
    _assign(context, _OF_STORAGE, storage_id, node_ids, replace)


def assign_storages(context: api.Context, node_id: int,
                    storage_ids: Collection[int],
                    replace: bool = False) -> None:
    """Assign storages to a node.

    :param replace: whether those are its only storages from now on
    :raises NodeNotFound: there is no such node
    :raises Invalid: some of the storages do not exist; nothing is changed
    """
    _assign(context, _OF_NODE, node_id, storage_ids, replace)


def unassign_node(context: api.Context, storage_id: int, node_id: int) -> None:
    """Remove the assignment of a storage to a node, from the storage's side.

    :raises AvailabilityStorageNotFound: there is no such storage
    :raises StorageNotAssigned: it is not assigned to the node
    """
    _unassign(context, _OF_STORAGE, storage_id, node_id)


def unassign_storage(context: api.Context, node_id: int,
                     storage_id: int) -> None:
    """Remove the assignment of a storage to a node, from the node's side.

    :raises NodeNotFound: there is no such node
    :raises StorageNotAssigned: the storage is not assigned to it
    """
    _unassign(context, _OF_NODE, storage_id, node_id)
