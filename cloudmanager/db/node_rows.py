# SPDX-License-Identifier: Apache-2.0
"""Reading nodes with everything that answers show of them.

A list takes one statement for the nodes, one for their classes, types and
images, and one for each kind of object that a node can have several of. A
single node takes only one statement: sending a second one would take longer
than carrying it out.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
import functools
import itertools

from oslo_db import exception as db_exc
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
#: The names under which a row has what a node has one of. Nodes of a list
#: that are of the same kinds share these rows, so nobody may change them.
CLASS, TYPE, IMAGE = 'node_class', 'node_type', 'image'
#: The names under which it has what a node may have several of.
CONTROLS, STORAGES = 'node_controls', 'availability_storages'
_Column = sa.ColumnElement[object]


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
_KINDS = {CLASS: _columns(_CLASS, 'id', 'name', 'is_default'),
          TYPE: _columns(_TYPE, 'id', 'name'),
          IMAGE: _columns(_IMAGE, 'id', 'name')}
_SEVERAL = [
    [*_columns(_LINK, 'id'), *ASSIGNMENT],
    _columns(_STORAGE, 'id', 'name', 'compute_path', 'controller_path')]
_SETTING = _columns(_SETTINGS, 'node_id', 'generation', 'settings')
_REPORT = _columns(
    _AGENT, 'host', 'contact_at', 'reported_at', 'version', 'capabilities',
    'generation', 'modes', 'checked_at', 'guests', 'facts')
# The columns of a node with the ids of its kinds, in their order.
_KIND_IDS = _columns(_NODE, 'node_class_id', 'node_type_id', 'image_id')


# Callers choose columns, in any number of ways.
@functools.lru_cache(maxsize=100)
def statement(columns: Columns = COLUMNS) -> db_query.Statement:
    """Select nodes, with the ids of their kinds at the end of each row.

    Nodes of a list share few kinds. With joins the database would look up
    three rows for each node, which takes longer than reading all kinds.

    :param columns: those to read, with the names that rows give them
    """
    return sa.select(
        *(_NODE.__table__.c[column].label(name) for name, column in columns),
        *(column.label(f'of_{column.key}') for column in _KIND_IDS))


@functools.cache
def _all_kinds() -> sa.CompoundSelect[*tuple[object, ...]]:
    """Select all classes, types and images, each with what it is."""
    width = max(map(len, _KINDS.values()))
    return sa.union_all(*(
        sa.select(sa.literal_column(f"'{kind}'").label('kind'), *columns,
                  *[sa.null()] * (width - len(columns)))
        for kind, columns in _KINDS.items()))


@functools.cache
def _assignments() -> db_query.Statement:
    """Select assignments: the node, and what answers show of them."""
    return (sa.select(_LINK.node_id, *ASSIGNMENT)
            .join(_CONTROL, _CONTROL.id == _LINK.power_control_id)
            .order_by(_LINK.id))


def _kinds_maker(context: api.Context
                 ) -> Callable[[tuple[object, ...]], models.Row]:
    """Return what finds the kinds of a node by their ids.

    It raises ``RetryRequest`` if there are none, as some were deleted after
    the node was read: a database need not show all statements of a reader the
    same moment.
    """
    names = {kind: [str(column.key) for column in columns]
             for kind, columns in _KINDS.items()}
    rows: dict[tuple[str, object], models.Row] = {}
    for row in context.session.connection().execute(_all_kinds()).all():
        kind = str(row[0])
        rows[kind, row[1]] = dict(zip(names[kind], row[1:]))

    @functools.cache
    def make(ids: tuple[object, ...]) -> models.Row:
        try:
            return {kind: rows[kind, key]
                    for kind, key in zip(_KINDS, ids, strict=True)}
        except KeyError as exc:
            raise db_exc.RetryRequest(exc) from exc
    return make


def nodes_of(context: api.Context, found: Sequence[db_query.Found],
             columns: Columns = COLUMNS) -> list[models.Row]:
    """Return nodes with their class, type and image.

    :param found: what ``statement`` has selected
    :param columns: what it was asked for
    """
    if not found:
        return []
    names = [name for name, _ in columns]
    start, kinds, nodes = len(names), _kinds_maker(context), []
    for row in found:
        # It ends with the names: what follows are the ids of kinds.
        node: models.Row = dict(zip(names, row))
        node.update(kinds(row[start:]))
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
        groups: list[list[_Column]] = [
            _columns(_NODE, *(name for _, name in COLUMNS)),
            *_KINDS.values(), *_SEVERAL, _SETTING, _REPORT]
        starts = itertools.accumulate(map(len, groups), initial=0)
        self._node, *self._parts = map(_Part, groups, starts)
        self.statement = (
            sa.select(*itertools.chain(*groups)).select_from(_NODE)
            .join(_CLASS, _CLASS.id == _NODE.node_class_id)
            .join(_TYPE, _TYPE.id == _NODE.node_type_id)
            .join(_IMAGE, _IMAGE.id == _NODE.image_id)
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
        node[CLASS], node[TYPE], node[IMAGE] = (
            classes[0], types[0], images[0])
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
