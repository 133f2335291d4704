# SPDX-License-Identifier: Apache-2.0
"""Nodes and the power controls assigned to them."""

import functools

from cloudmanager.api import boot_files
from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import node_agents
from cloudmanager.api.controllers.v1 import node_extensions
from cloudmanager.api.filters import parameters
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import nodes as node_types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.domain import conditions
from cloudmanager.domain import power_states
from cloudmanager.domain import power_types
from cloudmanager.policies import nodes as policies

Node = node_types.Node
Assignment = node_types.Assignment
_LIST, _ONE = '/v1/nodes', '/v1/nodes/{node_id}'
_CONTROLS = f'{_ONE}/power-controls'
# What lists read of each node in any case: what links, extensions and what is
# made of several columns need.
_NEEDED = dict.fromkeys((
    'id', 'name', 'image_id', 'hypervisor_id', 'power_state',
    'power_state_reason', 'power_state_at'))
# What rows have beside their columns, by the names of the fields.
_TOGETHER = (db_nodes.CLASS, db_nodes.TYPE, db_nodes.IMAGE,
             db_nodes.CONTROLS, db_nodes.STORAGES)
# Fields that are made of what a node may have several of.
_ATTACHED = {db_nodes.CONTROLS: db_nodes.CONTROLS,
             'power_status': db_nodes.CONTROLS,
             db_nodes.STORAGES: db_nodes.STORAGES}
_ASSIGNED = node_types.ONE_ASSIGNMENT
_CONTROL = _CONTROLS + '/{power_control_id}'


def node_key(call: routing.Call, node_id: str) -> int:
    """Return the id of a node that a path names by its id or its name.

    :raises NodeNotFound: there is none of this name
    """
    if not node_id.isdigit():
        node = db_nodes.find_by_name(call.context, node_id)
        if node is not None:
            key: int = node['id']
            return key
    return routing.integer(node_id, exception.NodeNotFound(node=node_id))


def control_key(control_id: str) -> int:
    """Return the id of a power control in a path."""
    return routing.integer(control_id, exception.PowerControlNotFound(
        power_control=control_id))


def render(row: models.Row) -> models.Row:
    """Return a node as it is answered."""
    node = Node.render(row)
    node['power_status'] = _power_status(row)
    return node | {name: row[name] for name in _TOGETHER}


def _render_list(rows: listing.Rows) -> listing.Rows:
    """Make rows of a list what is answered.

    Lists are long, so the rows themselves are made that.
    """
    for row in rows:
        row['power_status'] = _power_status(row)
    return rows


@functools.lru_cache(maxsize=100)
def _wanted(chosen: parameters.Chosen | None
            ) -> tuple[db_nodes.Columns, frozenset[str]]:
    """Return which columns a list needs, and what else of each node.

    :param chosen: names of the fields to answer, if not all
    """
    names = Node.columns()
    own = names if chosen is None else [
        name for name in chosen if name in names]
    columns = {name: names.get(name, name) for name in (*_NEEDED, *own)}
    return tuple(columns.items()), frozenset(
        what for name, what in _ATTACHED.items()
        if chosen is None or name in chosen)


def _power_status(row: models.Row) -> str:
    """Return the power state of a node in one word."""
    if not row[db_nodes.CONTROLS]:
        return 'no-config'
    if row['power_state'] == power_states.POWER_OFF:
        return 'off'
    trouble = row['power_state_reason'] is not None
    if row['power_state'] == power_states.POWER_ON:
        return 'degraded' if trouble else 'on'
    return ('error' if trouble or row['power_state_at'] is not None
            else 'never-checked')


@routing.route('GET', _LIST, policies.LIST,
               query=Parameters(Node, paged=True,
                                flags=node_types.EXTENSIONS),
               answers={200: node_types.NODES})
def list_nodes(call: routing.Call) -> routing.Document:
    """List nodes."""
    columns, attached = _wanted(call.chosen)
    fetch = functools.partial(db_nodes.list_nodes, columns=columns,
                              attached=attached)
    document = listing.page(call, fetch, _render_list)
    return document | node_extensions.extend(call, document['nodes'])


@routing.route('GET', f'{_LIST}/count', policies.LIST,
               query=Parameters(Node), answers={200: answers.Count})
def count_nodes(call: routing.Call) -> routing.Document:
    """Count nodes."""
    return listing.count(call, db_nodes.count_nodes)


@routing.route('POST', _LIST, policies.CREATE, body=Node,
               query=Parameters(flags=node_types.FORCE),
               answers={201: node_types.ONE_NODE}, errors=(409,))
def create_node(call: routing.Call) -> routing.Document:
    """Create a node."""
    row = db_nodes.create_node(call.context, call.values,
                               force=call.flags['force'])
    boot_files.changed(call.context, row['mac_address'])
    return _written(call, row)


def _written(call: routing.Call, row: models.Row) -> models.Row:
    """Answer a node that was written, with what is known at once."""
    node = render(row)
    node_agents.extend(node, row)
    return {'node': node} | node_extensions.extend(call, [node], wait=False)


@routing.route('GET', _ONE, policies.GET,
               query=Parameters(shown=Node, flags=node_types.EXTENSIONS),
               answers={200: node_types.ONE_NODE})
def show_node(call: routing.Call, node_id: str) -> routing.Document:
    """Show a node."""
    row = db_nodes.get_node(call.context, node_key(call, node_id))
    node = render(row)
    node_agents.extend(node, row)
    return {'node': node} | node_extensions.extend(call, [node], alone=True)


@routing.route('PUT', _ONE, policies.UPDATE, body=Node,
               query=Parameters(flags=node_types.FORCE),
               answers={200: node_types.ONE_NODE}, errors=(409, 503))
def update_node(call: routing.Call, node_id: str) -> routing.Document:
    """Change a node; fields that are left out keep their values."""
    key, values = node_key(call, node_id), dict(call.values)
    # First what others have a say in: nothing is written when they refuse.
    reserved = values.pop('is_reserved', None)
    current = db_nodes.get_node(call.context, key)
    state = values.get('power_state', current['power_state'])
    if current[db_nodes.CONTROLS] and state != current['power_state']:
        raise exception.PowerIsRead(node=current['id'])
    if reserved not in (None, current['is_reserved']):
        set_reserved(call, current, reserved)
    row = db_nodes.update_node(call.context, key, values,
                               force=call.flags['force'])
    if 'mac_address' in values or 'image_id' in values:
        boot_files.changed(call.context, current['mac_address'],
                           row['mac_address'])
    return _written(call, row)


def set_reserved(call: routing.Call, row: models.Row,
                 reserved: bool) -> None:
    """Take a node into reserve or out of it.

    Of compute hosts a conductor does it, since Nova has to know.

    :param row: of the node
    :raises Conflict: it is not possible now
    """
    if row['node_class']['name'] == conditions.HYPERVISOR:
        rpcapi.ConductorAPI().reserve_node(call.context, row['id'],
                                           reserved)
    else:
        db_nodes.update_node(call.context, row['id'],
                             {'is_reserved': reserved})


@routing.route('DELETE', _ONE, policies.DELETE, answers={204: None},
               errors=(409,))
def delete_node(call: routing.Call, node_id: str) -> None:
    """Delete a node."""
    mac = db_nodes.delete_node(call.context, node_key(call, node_id))
    boot_files.changed(call.context, mac)


# Power controls of a node

def _check_output(call: routing.Call, control_id: int, port: str) -> None:
    """Check that a power control has an output.

    :raises Invalid: it has not
    """
    control = db_power_controls.get_control(call.context, control_id)
    require_output(control['control_type'], 'power_control_port', port)


def require_output(control_type: str, field: str, port: str) -> None:
    """Check that devices of a kind can have an output.

    :param field: of the body, to be named if it is wrong
    :raises Invalid: they cannot
    """
    kind = power_types.all_types().get(control_type)
    if kind is not None and not kind.has_output(port):
        raise exception.Invalid(
            reason=f'Field {field} must be a number from 1 to '
                   f'{kind.coils_count} for a {control_type}.')


@routing.route('GET', _CONTROLS, policies.CONTROLS_GET,
               answers={200: answers.many(Assignment)})
def list_controls(call: routing.Call, node_id: str) -> routing.Document:
    """List the power controls of a node."""
    rows = db_power_controls.list_assignments(call.context,
                                              node_key(call, node_id))
    return {'power_controls': [Assignment.render(row) for row in rows]}


@routing.route('POST', _CONTROLS, policies.CONTROLS_CHANGE,
               body=Assignment, answers={201: _ASSIGNED}, errors=(409,))
def assign_control(call: routing.Call, node_id: str) -> routing.Document:
    """Assign an output of a power control to a node."""
    values = call.values
    key = node_key(call, node_id)
    db_nodes.get_node(call.context, key)
    _check_output(call, values['power_control_id'],
                  values['power_control_port'])
    row = db_power_controls.assign(call.context, key, values)
    return {'power_control': Assignment.render(row)}


@routing.route('GET', _CONTROL, policies.CONTROLS_GET,
               answers={200: _ASSIGNED})
def show_control(call: routing.Call, node_id: str,
                 power_control_id: str) -> routing.Document:
    """Show a power control of a node."""
    row = db_power_controls.get_assignment(
        call.context, node_key(call, node_id), control_key(power_control_id))
    return {'power_control': Assignment.render(row)}


@routing.route('PUT', _CONTROL, policies.CONTROLS_CHANGE, body=Assignment,
               answers={200: _ASSIGNED}, errors=(409,))
def update_control(call: routing.Call, node_id: str,
                   power_control_id: str) -> routing.Document:
    """Change the output of a power control of a node, or its default."""
    values = call.values
    keys = node_key(call, node_id), control_key(power_control_id)
    if 'power_control_port' in values:
        db_power_controls.get_assignment(call.context, *keys)
        _check_output(call, keys[1], values['power_control_port'])
    row = db_power_controls.update_assignment(call.context, *keys, values)
    return {'power_control': Assignment.render(row)}


@routing.route('DELETE', _CONTROL, policies.CONTROLS_CHANGE,
               answers={204: None}, errors=(409,))
def unassign_control(call: routing.Call, node_id: str,
                     power_control_id: str) -> None:
    """Take a power control from a node."""
    db_power_controls.unassign(call.context, node_key(call, node_id),
                               control_key(power_control_id))
