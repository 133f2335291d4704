# SPDX-License-Identifier: Apache-2.0
"""Power controls and their assignments to nodes.

A node with power controls has exactly one default among them.
"""


from oslo_db import exception as db_exc
from oslo_log import log as logging
import sqlalchemy as sa

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.db import api
from cloudmanager.db import models
from cloudmanager.db import node_rows
from cloudmanager.db import query as db_query
from cloudmanager.db import table
from cloudmanager.db import task_targets
from cloudmanager.domain import query as common_query

LOG = logging.getLogger(__name__)

_LINK = models.NodePowerControl
_CONTROL = models.PowerControl
# Without the secrets: what is not read cannot leak.
_CONTROLS = sa.select(*(column for column in _CONTROL.__table__.c
                        if column.name not in ('password', 'ssh_key')))
_OUTPUTS = (
    sa.select(_LINK.power_control_id, _LINK.power_control_port,
              _LINK.is_default, _LINK.is_initialized, _LINK.node_id,
              models.Node.name.label('node_name'), _LINK.power_state)
    .join(models.Node, models.Node.id == _LINK.node_id)
    .order_by(_LINK.id))
REENCRYPT_BATCH = 100
_UNREAD: models.Row = {
    'is_initialized': False, 'power_state': None, 'power_state_at': None}
# The columns that decide whether a device answers. After a change of one of
# them nothing is proven any more, and the device is read again soon.
_ACCESS = {'control_type', 'host', 'port_number', 'login', 'password',
           'ssh_key', 'options'}
_UNPROVEN: models.Row = {
    'failures': 0, 'last_error': None, 'last_success_at': None,
    'retry_at': None}


def _attach_outputs(context: api.Context, controls: list[models.Row]) -> None:
    """Put the assigned outputs into each control."""
    db_query.attach(context, controls, 'outputs', _OUTPUTS,
                    _LINK.power_control_id)


@api.reader
def list_controls(context: api.Context,
                  query: common_query.Query) -> list[models.Row]:
    """Return the power controls that a query asks for."""
    controls = db_query.fetch(context, _CONTROLS, _CONTROL, query)
    _attach_outputs(context, controls)
    return controls


@api.reader
def count_controls(context: api.Context, query: common_query.Query) -> int:
    """Return how many power controls meet the filters of a query."""
    return db_query.count(context, _CONTROL, query)


@api.reader
def get_control(context: api.Context, control_id: int) -> models.Row:
    """Return a power control, ready to be shown.

    :raises PowerControlNotFound: there is none with this id
    """
    control = table.get(
        context, _CONTROLS.where(_CONTROL.id == control_id),
        exception.PowerControlNotFound(power_control=control_id))
    _attach_outputs(context, [control])
    return control


@api.reader
def get_device(context: api.Context, control_id: int) -> models.Row:
    """Return all columns of a power control, secrets encrypted.

    :raises PowerControlNotFound: there is none with this id
    """
    return table.get(
        context,
        sa.select(_CONTROL.__table__).where(_CONTROL.id == control_id),
        exception.PowerControlNotFound(power_control=control_id))


def _address(values: models.Row) -> str:
    return (f'{values["control_type"]}@{values["host"]}:'
            f'{values["port_number"]}')


def create_control(context: api.Context, values: models.Row) -> models.Row:
    """Insert a power control.

    :param values: by column, secrets encrypted
    :raises NameTaken: there is one of this type at this address
    """
    with table.unique('address', _address(values)):
        control_id = table.create(context, _CONTROL, values)
    return get_control(context, control_id)


@api.writer
def _update(context: api.Context, control_id: int, values: models.Row) -> None:
    if not _ACCESS.isdisjoint(values):
        values = {**values, **_UNPROVEN}
        context.session.execute(
            sa.update(_LINK).where(_LINK.power_control_id == control_id)
            .values(is_initialized=False, updated_at=_LINK.updated_at))
    table.update(context, _CONTROL, control_id, values)


def update_control(context: api.Context, control_id: int,
                   values: models.Row) -> models.Row:
    """Change a power control.

    Its assignments count as not initialized after a change of its address,
    credentials or options.

    :raises PowerControlNotFound: there is none with this id
    :raises NameTaken: there is another one at its new address
    """
    current = get_control(context, control_id)
    with table.unique('address', _address({**current, **values})):
        _update(context, control_id, values)
    return get_control(context, control_id)


@api.writer
def delete_control(context: api.Context, control_id: int) -> None:
    """Remove a power control.

    :raises PowerControlNotFound: there is none with this id
    :raises InUse: it is assigned to a node
    :raises TaskConflict: a task switches one of its outputs
    """
    # Locked against tasks that begin, as those lock it.
    missing = exception.PowerControlNotFound(power_control=control_id)
    table.lock(context, _CONTROL, control_id, missing)
    task_targets.require_free_control(context, control_id)
    with table.unused(context, f'Power control {control_id}',
                      sa.select(_LINK.node_id)
                      .where(_LINK.power_control_id == control_id)):
        table.delete(context, _CONTROL, control_id, missing)


def _lock_node(context: api.Context, node_id: int) -> None:
    # So that one node's assignments change one after another.
    table.lock(context, models.Node, node_id,
               exception.NodeNotFound(node=node_id))


# One statement, so that a node that is deleted in the meantime does not look
# like one without power controls.
_OF_NODE = (sa.select(*node_rows.ASSIGNMENT).select_from(models.Node)
            .outerjoin(_LINK, _LINK.node_id == models.Node.id)
            .outerjoin(_CONTROL, _CONTROL.id == _LINK.power_control_id)
            .where(models.Node.id == sa.bindparam('node'))
            .order_by(_LINK.id))


@api.reader
def list_assignments(context: api.Context, node_id: int) -> list[models.Row]:
    """Return the power controls of a node.

    :raises NodeNotFound: there is no such node
    """
    rows = db_query.rows(context, _OF_NODE, node=node_id)
    if not rows:
        raise exception.NodeNotFound(node=node_id)
    return [row for row in rows if row['power_control_id'] is not None]


# Made once: each power action begins with it.
_DEVICES = (sa.select(_LINK.power_control_port, *_CONTROL.__table__.c)
            .join(_CONTROL, _CONTROL.id == _LINK.power_control_id)
            .where(_LINK.node_id == sa.bindparam('node'))
            .order_by(_LINK.is_default.desc(), _LINK.id))


@api.reader
def devices_of(context: api.Context,
               node_id: int) -> list[tuple[str, models.Row]]:
    """Return the outputs that feed a node, the default one first.

    :returns: outputs, and all columns of their power controls, secrets
        encrypted
    """
    rows = db_query.rows(context, _DEVICES, node=node_id)
    return [(row.pop('power_control_port'), row) for row in rows]


def get_assignment(context: api.Context, node_id: int,
                   control_id: int) -> models.Row:
    """Return one power control of a node.

    :raises AssignmentNotFound: it is not assigned to the node
    """
    for row in list_assignments(context, node_id):
        if row['power_control_id'] == control_id:
            return row
    raise exception.AssignmentNotFound(power_control=control_id,
                                       node=node_id)


def _look_soon(context: api.Context, control_id: int) -> None:
    """Have a device read soon, because its outputs have changed."""
    table.update(context, _CONTROL, control_id, {
        'retry_at': clock.utcnow(), 'updated_at': _CONTROL.updated_at})


def _clear_default(context: api.Context, node_id: int) -> None:
    context.session.execute(
        sa.update(_LINK).where(_LINK.node_id == node_id)
        .values(is_default=False))


@api.writer
def _assign(context: api.Context, node_id: int, values: models.Row) -> None:
    values = dict(values)
    _lock_node(context, node_id)
    control_id = values['power_control_id']
    table.require(context, _CONTROL, control_id,
                  exception.PowerControlNotFound(power_control=control_id))
    first = context.session.scalar(
        sa.select(_LINK.id).where(_LINK.node_id == node_id)
        .limit(1)) is None
    if first:
        values['is_default'] = True
    elif values.get('is_default'):
        _clear_default(context, node_id)
    table.insert(context, _LINK, {'node_id': node_id, **values})
    _look_soon(context, control_id)


def assign(context: api.Context, node_id: int,
           values: models.Row) -> models.Row:
    """Assign an output of a power control to a node.

    :raises NodeNotFound: there is no such node
    :raises PowerControlNotFound: there is no such control
    :raises InUse: the output is taken, or the control is this node's
    """
    try:
        _assign(context, node_id, values)
    except db_exc.DBDuplicateEntry as exc:
        raise _output_taken(values['power_control_id'],
                            values['power_control_port']) from exc
    except db_exc.DBReferenceError as exc:
        # The node is locked; so the control was deleted meanwhile.
        raise exception.PowerControlNotFound(
            power_control=values['power_control_id']) from exc
    return get_assignment(context, node_id, values['power_control_id'])


def _output_taken(control_id: int, port: str) -> exception.InUse:
    return exception.InUse(
        what=f'Output {port} of power control {control_id}, or the control '
             'for this node,', by='another assignment')


def _link_to_change(context: api.Context, node_id: int,
                    control_id: int) -> db_query.Found:
    """Return id and is_default of an assignment, its node locked."""
    _lock_node(context, node_id)
    row = context.session.execute(
        sa.select(_LINK.id, _LINK.is_default)
        .where(_LINK.node_id == node_id,
               _LINK.power_control_id == control_id)).first()
    if row is None:
        raise exception.AssignmentNotFound(power_control=control_id,
                                           node=node_id)
    return row


@api.writer
def _update_assignment(context: api.Context, node_id: int, control_id: int,
                       values: models.Row) -> None:
    row = _link_to_change(context, node_id, control_id)
    if values.get('is_default') is False and row.is_default:
        raise exception.Conflict(
            reason='A node has one default power control; make another '
                   'one the default instead.')
    if values.get('is_default'):
        _clear_default(context, node_id)
    if 'power_control_port' in values:
        task_targets.require_free_node(context, node_id)
        values = {**values, **_UNREAD}
        _look_soon(context, control_id)
    table.update(context, _LINK, row.id, values)


def update_assignment(context: api.Context, node_id: int, control_id: int,
                      values: models.Row) -> models.Row:
    """Change the output of an assignment or make it the default.

    :raises AssignmentNotFound: the control is not assigned to the node
    :raises InUse: the output is taken
    :raises TaskConflict: a task acts on the node, which has to keep its
        output
    """
    try:
        _update_assignment(context, node_id, control_id, values)
    except db_exc.DBDuplicateEntry as exc:
        raise _output_taken(control_id,
                            values['power_control_port']) from exc
    return get_assignment(context, node_id, control_id)


@api.writer
def unassign(context: api.Context, node_id: int, control_id: int) -> None:
    """Remove a power control from a node; the oldest left becomes default.

    :raises AssignmentNotFound: it is not assigned to the node
    :raises TaskConflict: a task acts on the node, and may need it
    """
    row = _link_to_change(context, node_id, control_id)
    task_targets.require_free_node(context, node_id)
    context.session.execute(sa.delete(_LINK).where(_LINK.id == row.id))
    heir = context.session.execute(
        sa.select(_LINK.id, _LINK.power_control_id)
        .where(_LINK.node_id == node_id)
        .order_by(_LINK.id).limit(1)).first()
    if heir is None:
        # The power state cannot be read any more.
        table.update(context, models.Node, node_id, {
            'power_state': None, 'power_state_at': None,
            'power_state_reason': None})
        return
    _look_soon(context, heir.power_control_id)
    if row.is_default:
        table.update(context, _LINK, heir.id, {'is_default': True})


@api.reader
def _with_secrets(context: api.Context, after: int) -> list[db_query.Found]:
    return list(context.session.execute(
        sa.select(_CONTROL.id, _CONTROL.password, _CONTROL.ssh_key)
        .where(_CONTROL.id > after,
               sa.or_(_CONTROL.password.is_not(None),
                      _CONTROL.ssh_key.is_not(None)))
        .order_by(_CONTROL.id).limit(REENCRYPT_BATCH)))


def _secrets_of(context: api.Context,
                control_id: int) -> db_query.Found | None:
    return next((row for row in _with_secrets(context, control_id - 1)
                 if row.id == control_id), None)


@api.writer
def _swap_secrets(context: api.Context, row: db_query.Found,
                  new: dict[str, str]) -> bool:
    unchanged = [
        column.is_(None) if old is None else column == old
        for column, old in ((_CONTROL.password, row.password),
                            (_CONTROL.ssh_key, row.ssh_key))]
    return bool(table.changed(
        context, sa.update(_CONTROL)
        .where(_CONTROL.id == row.id, *unchanged)
        .values(updated_at=_CONTROL.updated_at, **new)))


def reencrypt(context: api.Context) -> int:
    """Encrypt all stored secrets with the newest key.

    One row at a time, each replaced only while nobody else changes it. A
    secret that no present key opens is logged and left as it is.

    :returns: how many power controls were changed
    """
    changed = 0
    rows = _with_secrets(context, 0)
    while rows:
        changed += sum(_reencrypt_row(context, row) for row in rows)
        rows = _with_secrets(context, rows[-1].id)
    return changed


def _reencrypt_row(context: api.Context,
                   row: db_query.Found | None) -> bool:
    while row is not None:
        try:
            new = {name: secrets.rotate(value) for name, value in
                   (('password', row.password), ('ssh_key', row.ssh_key))
                   if value is not None}
        except exception.SecretUnreadable:
            LOG.error('The secrets of power control %s cannot be decrypted '
                      'with the present keys.', row.id)
            return False
        if _swap_secrets(context, row, new):
            return True
        # A user changed it in between.
        row = _secrets_of(context, row.id)
    return False
