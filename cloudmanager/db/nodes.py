# SPDX-License-Identifier: Apache-2.0
"""Nodes with their class, type, image and power controls."""

from collections.abc import Collection

from oslo_db import exception as db_exc
import sqlalchemy as sa

from cloudmanager.common import exception
from cloudmanager.db import api
from cloudmanager.db import conditions
from cloudmanager.db import models
from cloudmanager.db import node_addresses
from cloudmanager.db import node_filters  # noqa: F401  registers them
from cloudmanager.db import node_images as db_node_images
from cloudmanager.db import node_rows
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.db import task_targets
from cloudmanager.domain import query as common_query

Columns = node_rows.Columns
#: What a node has one of, and what it may have several of, by the names
#: under which rows have it.
CLASS, TYPE, IMAGE = node_rows.CLASS, node_rows.TYPE, node_rows.IMAGE
CONTROLS, STORAGES = node_rows.CONTROLS, node_rows.STORAGES
# A position in a list, and why what stands there is refused.
Refusal = tuple[int, exception.CloudManagerException]
_CLASS = models.NodeClass
_TYPE = models.NodeType
_IMAGE = models.NodeImage
_LINK = models.NodePowerControl
_CONTROL = models.PowerControl
# Where a node stands; all four together are one place.
_PLACE = ('dtc_number', 'row_number', 'rack_number', 'unit_number')
# Fields on which the condition depends.
_JUDGED = frozenset(('active', 'is_reserved', 'node_class_id',
                     'node_type_id', 'power_state'))
# What is known of the compute host that a node stands for.
_UNBOUND: models.Row = dict.fromkeys((
    'compute_host', 'compute_status', 'compute_state',
    'hypervisor_lost_at'))


@api.reader
def list_nodes(context: api.Context, query: common_query.Query,
               columns: Columns = node_rows.COLUMNS,
               attached: Collection[str] = (CONTROLS, STORAGES)
               ) -> list[models.Row]:
    """Return the nodes that a query asks for, ready to be shown.

    Long lists are faster without columns that nobody needs.

    :param columns: those to read, with the names that rows give them
    :param attached: which of ``CONTROLS`` and ``STORAGES`` to read; nodes
        get an empty list of the other
    """
    found = db_query.fetch_plain(context, node_rows.statement(columns),
                                 models.Node, query)
    nodes = node_rows.nodes_of(context, found, columns)
    node_rows.attach(context, nodes, attached)
    return nodes


@api.reader
def list_by_control(context: api.Context,
                    power_control_id: int) -> list[models.Row]:
    """Return the nodes that a power control is assigned to.

    :raises PowerControlNotFound: there is no such control
    """
    table.require(
        context, _CONTROL, power_control_id,
        exception.PowerControlNotFound(power_control=power_control_id))
    nodes = node_rows.nodes_of(context, context.session.connection().execute(
        node_rows.statement().where(models.Node.id.in_(
            sa.select(_LINK.node_id)
            .where(_LINK.power_control_id == power_control_id)))
        .order_by(models.Node.id)).all())
    node_rows.attach(context, nodes)
    return nodes


@api.reader
def count_nodes(context: api.Context, query: common_query.Query) -> int:
    """Return how many nodes meet the filters of a query."""
    return db_query.count(context, models.Node, query)


@api.reader
def get_node(context: api.Context, node_id: int) -> models.Row:
    """Return a node, ready to be shown.

    Beside its columns it has its ``node_class``, ``node_type``, ``image``,
    ``node_controls`` and ``availability_storages``; its ``agent``, and
    ``settings`` with what is desired of it and the ``generation`` of that,
    both ``None`` if there is nothing.

    :raises NodeNotFound: there is none with this id
    """
    node = node_rows.whole(context, node_id)
    if node is None:
        raise exception.NodeNotFound(node=node_id)
    return node


_PLAIN = sa.select(models.Node.__table__).where(
    models.Node.id == sa.bindparam('node'))


@api.reader
def get_columns(context: api.Context, node_id: int) -> models.Row:
    """Return the columns of a node, without what belongs to it.

    :raises NodeNotFound: there is none with this id
    """
    row = db_query.first(context, _PLAIN, node=node_id)
    if row is None:
        raise exception.NodeNotFound(node=node_id)
    return row


@api.reader
def find_by_name(context: api.Context, name: str) -> models.Row | None:
    """Return the node of exactly this name, if there is one."""
    rows = db_query.rows(context,
                 sa.select(models.Node.__table__)
                 .where(models.Node.name == name))
    # Some collations find more than was asked for.
    return next((row for row in rows if row['name'] == name), None)


@api.reader
def reserved_hosts(context: api.Context) -> list[str]:
    """Return the names of compute hosts whose nodes are in reserve."""
    node = models.Node
    rows = context.session.execute(
        sa.select(node.name, node.compute_host)
        .where(node.is_reserved.is_(True), node.active.is_(True)))
    return [name for row in rows for name in row if name]


@api.reader
def find_by_output(context: api.Context, control_id: int,
                   output: str) -> models.Row | None:
    """Return the node that an output of a power control feeds, if any."""
    return db_query.first(context, sa.select(models.Node.__table__).join(
        _LINK, _LINK.node_id == models.Node.id).where(
            _LINK.power_control_id == control_id,
            _LINK.power_control_port == output))


@api.reader
def control_types(context: api.Context,
                  ids: list[int]) -> dict[int, list[str]]:
    """Return the types of the power controls of some nodes, by id.

    Nodes that do not exist are left out.
    """
    found: dict[int, list[str]] = {}
    for row in context.session.execute(
            sa.select(models.Node.id, _CONTROL.control_type)
            .outerjoin(_LINK, _LINK.node_id == models.Node.id)
            .outerjoin(_CONTROL, _CONTROL.id == _LINK.power_control_id)
            .where(models.Node.id.in_(ids)).order_by(_LINK.id)):
        types = found.setdefault(row.id, [])
        if row.control_type is not None:
            types.append(row.control_type)
    return found


@api.reader
def names(context: api.Context, ids: list[int]) -> dict[int, str | None]:
    """Return the names of those of some nodes that exist, by id."""
    return {row.id: row.name for row in context.session.execute(
        sa.select(models.Node.id, models.Node.name)
        .where(models.Node.id.in_(ids)))}


def _resolve_type(context: api.Context, values: models.Row) -> None:
    """Make the class and the type of a node agree."""
    type_id = values.get('node_type_id')
    class_id = values.get('node_class_id')
    if type_id is not None:
        owner = context.session.scalar(
            sa.select(_TYPE.node_class_id).where(_TYPE.id == type_id))
        if owner is None:
            raise exception.Invalid(
                reason=f'Field node_type_id: there is no type {type_id}.')
        if class_id not in (None, owner):
            raise exception.Invalid(
                reason=f'Field node_type_id: type {type_id} is not one of '
                       f'class {class_id}.')
        values['node_class_id'] = owner
    elif class_id is not None:
        values['node_type_id'] = _first_type(context, class_id)


def _first_type(context: api.Context, class_id: int) -> int:
    """Return the type that nodes of a class get when none is named."""
    found = context.session.scalar(
        sa.select(_TYPE.id).where(_TYPE.node_class_id == class_id)
        .order_by(sa.case((_TYPE.name == '', 0), else_=1), _TYPE.id)
        .limit(1))
    if found is None:
        raise exception.Invalid(
            reason=f'Field node_class_id: there is no class {class_id}, or '
                   'it has no types.')
    return found


def _check_image(context: api.Context, values: models.Row) -> None:
    image_id = values.get('image_id')
    if image_id is not None:
        table.require(context, _IMAGE, image_id, exception.Invalid(
            reason=f'Field image_id: there is no image {image_id}.'))


def _set_defaults(context: api.Context, values: models.Row) -> None:
    if not ('node_class_id' in values or 'node_type_id' in values):
        class_id = context.session.scalar(
            sa.select(_CLASS.id).order_by(_CLASS.is_default.desc(),
                                          _CLASS.id).limit(1))
        if class_id is None:
            raise exception.Conflict(reason='There is no node class.')
        values['node_class_id'] = class_id
    values.setdefault('image_id', db_node_images.DEFAULT)


def _taken(exc: db_exc.DBDuplicateEntry,
           values: models.Row) -> exception.NameTaken:
    # Of PostgreSQL's constraint names oslo.db cuts the last word off.
    columns = ' '.join(exc.columns or ())
    field = next((name for name, part in (
        ('hypervisor_id', 'hypervisor'), ('mac_address', 'mac'))
        if part in columns), 'name')
    return exception.NameTaken(field=field, value=values.get(field))


def _check_place(context: api.Context, values: models.Row,
                 node_id: int | None = None) -> None:
    """Check that no other node stands where this one is put.

    If two nodes are put there at the same time, the second transaction waits
    for the first: both lock the image that always exists.

    :param values: with the whole place
    :raises PlaceTaken: another node does
    """
    place = {name: values.get(name) for name in _PLACE}
    if place['rack_number'] is None or place['unit_number'] is None:
        return
    context.session.execute(
        sa.select(_IMAGE.id).where(_IMAGE.id == db_node_images.DEFAULT)
        .with_for_update())
    node = models.Node
    statement = sa.select(node.id).where(*(
        getattr(node, name) == number if number is not None
        else getattr(node, name).is_(None)
        for name, number in place.items())).limit(1)
    if node_id is not None:
        statement = statement.where(node.id != node_id)
    other = context.session.scalar(statement.with_for_update())
    if other is not None:
        raise exception.PlaceTaken(
            place=', '.join(f'{name} {number}'
                            for name, number in place.items()), node=other)


def _insert_one(context: api.Context, values: models.Row, force: bool) -> int:
    """Insert a node within the caller's transaction."""
    values = dict(values)
    _set_defaults(context, values)
    _resolve_type(context, values)
    _check_image(context, values)
    if not force:
        _check_place(context, values)
    values['ip_addresses'] = values.get('ip_addresses') or []
    node_id = table.insert(context, models.Node, values)
    if values['ip_addresses']:
        node_addresses.write(context, {node_id: values['ip_addresses']})
    return node_id


@api.again_after(db_exc.DBReferenceError)
@api.writer
def _insert(context: api.Context, values: models.Row, force: bool) -> int:
    return _insert_one(context, values, force)


def create_node(context: api.Context, values: models.Row, *,
                force: bool = False) -> models.Row:
    """Insert a node.

    :param force: put it even where another one stands
    :raises NameTaken: another node has its name, hypervisor or MAC address
    :raises PlaceTaken: another node stands there
    :raises Invalid: the class, type or image does not exist
    """
    try:
        node_id = _insert(context, values, force)
    except db_exc.DBDuplicateEntry as exc:
        raise _taken(exc, values) from exc
    _judge(context, node_id, values)
    return get_node(context, node_id)


class _Undone(Exception):
    """Takes back what a transaction has inserted.

    :ivar refused: positions of values, and why they were refused
    """

    def __init__(self, refused: list[Refusal]) -> None:
        super().__init__()
        self.refused = refused


@api.again_after(db_exc.DBReferenceError)
@api.writer
def _insert_all(context: api.Context, nodes: list[models.Row], force: bool,
                dry_run: bool) -> list[int]:
    created: list[int] = []
    refused: list[Refusal] = []
    for position, values in enumerate(nodes):
        try:
            # One that fails must leave the transaction as it was.
            with context.session.begin_nested():
                created.append(_insert_one(context, values, force))
        except db_exc.DBDuplicateEntry as exc:
            refused.append((position, _taken(exc, values)))
        except (exception.Invalid, exception.Conflict) as exc:
            refused.append((position, exc))
    if refused or dry_run:
        raise _Undone(refused)
    return created


def create_nodes(context: api.Context, nodes: list[models.Row], *,
                 force: bool = False, dry_run: bool = False
                 ) -> tuple[list[int | None], list[Refusal]]:
    """Insert all of some nodes, or none of them.

    :param nodes: values of each, see ``create_node``
    :param dry_run: only find out whether they could be inserted
    :returns: their ids, ``None`` for each that was not inserted; and the
        positions of those that were refused, with the reasons
    """
    try:
        created = _insert_all(context, nodes, force, dry_run)
    except _Undone as undone:
        return [None] * len(nodes), undone.refused
    conditions.refresh(context, [
        node_id for node_id, values in zip(created, nodes, strict=True)
        if _JUDGED & values.keys() and 'condition' not in values])
    return list(created), []


def _judge(context: api.Context, node_id: int, values: models.Row) -> None:
    """Update the condition of a node after a change.

    A condition that was written itself stays until the next comparison
    with the cloud.
    """
    if _JUDGED & values.keys() and 'condition' not in values:
        conditions.refresh(context, [node_id])


@api.again_after(db_exc.DBReferenceError)
@api.writer
def _update(context: api.Context, node_id: int, values: models.Row,
            force: bool) -> None:
    values = dict(values)
    current = context.session.execute(
        sa.select(models.Node.node_class_id, models.Node.name,
                  models.Node.hypervisor_id, models.Node.compute_status,
                  *(getattr(models.Node, name) for name in _PLACE))
        .where(models.Node.id == node_id)).first()
    if current is None:
        raise exception.NodeNotFound(node=node_id)
    if (values.get('node_class_id') == current.node_class_id
            and 'node_type_id' not in values):
        del values['node_class_id']
    _resolve_type(context, values)
    _check_image(context, values)
    place = {name: getattr(current, name) for name in _PLACE}
    if not force and any(values.get(name, number) != number
                         for name, number in place.items()):
        _check_place(context, place | values, node_id)
    if _rebinds(current, values):
        values |= _UNBOUND
    if 'ip_addresses' in values:
        values['ip_addresses'] = values['ip_addresses'] or []
        node_addresses.write(context, {node_id: values['ip_addresses']})
    table.update(context, models.Node, node_id, values)


def _rebinds(current: db_query.Found, values: models.Row) -> bool:
    """Tell whether an operator binds a node to its compute host again.

    Naming the same hypervisor again accepts the name that Nova has for it now.
    """
    return (values.get('name', current.name) != current.name
            or values.get('hypervisor_id',
                          current.hypervisor_id) != current.hypervisor_id
            or (current.compute_status == 'renamed'
                and 'hypervisor_id' in values))


def update_node(context: api.Context, node_id: int, values: models.Row, *,
                force: bool = False) -> models.Row:
    """Change a node.

    :param force: put it even where another one stands
    :raises NodeNotFound: there is none with this id
    :raises NameTaken: another node has its new name, hypervisor or MAC
        address
    :raises PlaceTaken: another node stands where it is put
    :raises Invalid: the class, type or image does not exist
    """
    try:
        _update(context, node_id, values, force)
    except db_exc.DBDuplicateEntry as exc:
        raise _taken(exc, values) from exc
    _judge(context, node_id, values)
    return get_node(context, node_id)


@api.writer
def retire(context: api.Context, node_id: int, reason: str) -> None:
    """Put a node out of service; Nova knows its host no longer."""
    table.update(context, models.Node, node_id, {
        'condition': 0, 'condition_reason': reason[:255],
        'hypervisor_id': None, **_UNBOUND})


@api.writer
def delete_node(context: api.Context, node_id: int) -> str | None:
    """Remove a node and its assignments.

    :returns: the MAC address that it had
    :raises NodeNotFound: there is none with this id
    :raises TaskConflict: a task acts on it
    """
    # Locked against new assignments, as those lock it.
    node = context.session.execute(
        sa.select(models.Node.mac_address).where(models.Node.id == node_id)
        .with_for_update()).first()
    if node is None:
        raise exception.NodeNotFound(node=node_id)
    (mac_address,) = node
    task_targets.require_free_node(context, node_id)
    for model in (_LINK, models.NodeAvailabilityStorage,
                  models.PowerAction):
        context.session.execute(
            sa.delete(model).where(model.node_id == node_id))
    context.session.execute(
        sa.delete(models.Node).where(models.Node.id == node_id))
    return mac_address
