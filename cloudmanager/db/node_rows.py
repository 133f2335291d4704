# SPDX-License-Identifier: Apache-2.0
"""Reading nodes with everything that answers show of them.

A list takes one statement for the nodes, and one for each kind of object that
a node can have several of. A single node takes only one statement: sending a
second one would take longer than carrying it out.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
import functools
from typing import NamedTuple

import sqlalchemy as sa

from cloudmanager.db import api
from cloudmanager.db import availability_storages as db_storages
from cloudmanager.db import models
from cloudmanager.db import query as db_query

Columns = tuple[tuple[str, str], ...]
COLUMNS: Columns = tuple((name, name)
                         for name in models.Node.__table__.c.keys())
_NODE = models.Node
_CLASS = models.NodeClass
_TYPE = models.NodeType
_IMAGE = models.NodeImage
_LINK = models.NodePowerControl
_CONTROL = models.PowerControl
_STORAGE = models.AvailabilityStorage
_STORAGE_LINK = models.NodeAvailabilityStorage
_AGENT = models.Agent
_SETTINGS = models.NodeSettings
#: The names under which a row has what a node may have several of.
CONTROLS, STORAGES = 'controls', 'availability_storages'
_Column = sa.ColumnElement[object]


class Kinds(NamedTuple):
    """What a node has one of: rows with its ids and names.

    Nodes of a list that are of the same kinds share them, so nobody may
    change them.
    """

    node_class: models.Row
    node_type: models.Row
    image: models.Row


def _columns(model: db_query.Model, *names: str) -> list[_Column]:
    return [model.__table__.c[name] for name in names]


#: What answers show of an assigned power control.
ASSIGNMENT = [
    *_columns(_LINK, 'power_control_id', 'power_control_port', 'is_default',
              'is_initialized'),
    *_columns(_CONTROL, 'control_type', 'protocol_type'),
    _CONTROL.__table__.c.title.label('power_control_title')]
# What a node has one of, and what it may have several of. Each list begins
# with what tells two of them apart. Of an agent it is what answers show, which
# its keys are not.
_KINDS = [_columns(_CLASS, 'id', 'name', 'is_default'),
          _columns(_TYPE, 'id', 'name'), _columns(_IMAGE, 'id', 'name')]
_SEVERAL = [
    [*_columns(_LINK, 'id'), *ASSIGNMENT],
    _columns(_STORAGE, 'id', 'name', 'compute_path', 'controller_path')]
_SETTING = _columns(_SETTINGS, 'node_id', 'generation', 'settings')
_REPORT = _columns(
    _AGENT, 'host', 'contact_at', 'reported_at', 'version', 'capabilities',
    'generation', 'modes', 'checked_at', 'guests', 'facts')


# Callers choose columns, in any number of ways.
@functools.lru_cache(maxsize=100)
def statement(columns: Columns = COLUMNS) -> db_query.Statement:
    """Select nodes with what has exactly one row for each of them.

    The joins are outer ones so that databases begin with the nodes, in
    their order, and stop at the end of a page. MariaDB would begin with the
    only image and sort all nodes.

    :param columns: those to read, with the names that rows give them
    """
    return (sa.select(*(_NODE.__table__.c[column].label(name)
                        for name, column in columns), *sum(_KINDS, []))
            .outerjoin(_CLASS, _CLASS.id == _NODE.node_class_id)
            .outerjoin(_TYPE, _TYPE.id == _NODE.node_type_id)
            .outerjoin(_IMAGE, _IMAGE.id == _NODE.image_id))


@functools.cache
def _assignments() -> db_query.Statement:
    """Select assignments: the node, and what answers show of them."""
    return (sa.select(_LINK.node_id, *ASSIGNMENT)
            .join(_CONTROL, _CONTROL.id == _LINK.power_control_id)
            .order_by(_LINK.id))


def _kinds_maker() -> Callable[[tuple[object, ...]], Kinds]:
    """Return what makes kinds of their columns, alike ones only once."""
    names = [[str(column.key) for column in columns] for columns in _KINDS]

    @functools.cache
    def make(found: tuple[object, ...]) -> Kinds:
        values = iter(found)
        return Kinds(*({name: next(values) for name in some}
                       for some in names))
    return make


def nodes_of(found: Sequence[db_query.Found],
             columns: Columns = COLUMNS) -> list[models.Row]:
    """Return nodes with their ``kinds``.

    :param found: what ``statement`` has selected
    :param columns: what it was asked for
    """
    names = [name for name, _ in columns]
    start, kinds, nodes = len(names), _kinds_maker(), []
    for row in found:
        # It ends with the names: what follows are the columns of kinds.
        node: models.Row = dict(zip(names, row))
        node['kinds'] = kinds(row[start:])
        nodes.append(node)
    return nodes


def attach(context: api.Context, nodes: list[models.Row],
           wanted: Collection[str] = (CONTROLS, STORAGES)) -> None:
    """Put into each node lists of what there may be several of.

    :param wanted: lists that are to be filled; the others stay empty
    """
    for name in {CONTROLS, STORAGES}.difference(wanted):
        for node in nodes:
            node[name] = []
    if CONTROLS in wanted:
        db_query.attach(context, nodes, CONTROLS, _assignments(),
                        _LINK.node_id)
    if STORAGES in wanted:
        db_storages.attach_to_nodes(context, nodes, STORAGES)


class _Part:
    """Some columns of a statement that make a row of their own.

    :param columns: the first one identifies the row
    """

    def __init__(self, columns: Sequence[_Column], start: int) -> None:
        self._names = [str(column.key) for column in columns]
        self._start, self._end = start, start + len(columns)

    def of(self, found: Sequence[db_query.Found]) -> list[models.Row]:
        """Return the different rows, in their order."""
        rows = {row[self._start]: row for row in found
                if row[self._start] is not None}
        return [dict(zip(self._names, row[self._start:self._end],
                         strict=True)) for row in rows.values()]


class _Whole:
    """The statement for one node, and what its rows are made of.

    The node's controls and its storages multiply each other, which makes a
    handful of rows of a handful.
    """

    def __init__(self) -> None:
        base = statement()
        columns: list[_Column] = list(base.selected_columns)
        self._node = _Part(columns[:len(COLUMNS)], 0)
        start = len(COLUMNS)
        self._parts = []
        for some in _KINDS + _SEVERAL + [_SETTING, _REPORT]:
            self._parts.append(_Part(some, start))
            start += len(some)
        columns += sum(_SEVERAL, []) + _SETTING + _REPORT
        self.statement = (
            base.with_only_columns(*columns, maintain_column_froms=True)
            .outerjoin(_LINK, _LINK.node_id == _NODE.id)
            .outerjoin(_CONTROL, _CONTROL.id == _LINK.power_control_id)
            .outerjoin(_STORAGE_LINK, _STORAGE_LINK.node_id == _NODE.id)
            .outerjoin(_STORAGE, _STORAGE.id
                       == _STORAGE_LINK.availability_storage_id)
            .outerjoin(_SETTINGS, _SETTINGS.node_id == _NODE.id)
            .outerjoin(_AGENT, _AGENT.host == _NODE.name)
            .where(_NODE.id == sa.bindparam('node'))
            .order_by(_LINK.id, _STORAGE.id))

    def of(self, found: Sequence[db_query.Found]) -> models.Row:
        """Return the node with all that belongs to it."""
        (node,) = self._node.of(found)
        (classes, types, images, node[CONTROLS], node[STORAGES], settings,
         agents) = (part.of(found) for part in self._parts)
        for control in node[CONTROLS]:
            del control['id']
        node['kinds'] = Kinds(classes[0], types[0], images[0])
        node['settings'] = settings[0] if settings else None
        # Some collations find more than was asked for.
        node['agent'] = next((agent for agent in agents
                              if agent['host'] == node['name']), None)
        return node


_whole = functools.cache(_Whole)


def whole(context: api.Context, node_id: int) -> models.Row | None:
    """Return a node with all that belongs to it, if there is one."""
    made = _whole()
    found = context.session.connection().execute(
        made.statement, {'node': node_id}).all()
    return made.of(found) if found else None
