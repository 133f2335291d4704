# SPDX-License-Identifier: Apache-2.0
"""Power controls."""


from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import checks
from cloudmanager.api.types import power_controls as control_types
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.db import models
from cloudmanager.db import node_classes as db_node_classes
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import power_controls as db_power_controls
from cloudmanager.domain import power_states
from cloudmanager.domain import power_types
from cloudmanager.policies import power_controls as policies

PowerControl = control_types.PowerControl
SECRETS = ('password', 'ssh_key')
_LIST = '/v1/power-controls'
_ONE = '/v1/power-controls/{power_control_id}'


def render(row: models.Row) -> models.Row:
    """Return a power control as it is answered."""
    outputs = {output['power_control_port']: _output(output)
               for output in row['outputs']}
    count = power_types.coils_count(row['control_type'])
    free = {str(number): None for number in range(1, (count or 0) + 1)}
    return PowerControl.render(row) | {
        'coil_map': free | outputs,
        'coils_count': len(outputs) if count is None else count,
        'used_coils_count': len(outputs)}


def _output(row: models.Row) -> models.Row:
    found = {name: row[name] for name in (
        'is_default', 'is_initialized', 'node_id', 'node_name',
        'power_control_port', 'power_state')}
    if found['power_state'] == power_states.UNKNOWN:
        found['power_state'] = None
    return found


def _complete(values: models.Row,
              current: models.Row) -> models.Row:
    """Check what belongs together, set the title, encrypt secrets.

    :param current: the values that are not changed
    """
    merged = {**current, **values}
    # What is there already must fit a new type too. Else it is left alone,
    # so that what earlier versions took can be mended field by field.
    checked = (values if current.get('control_type')
               == merged['control_type'] else merged)
    kind = power_types.all_types().get(merged['control_type'])
    if kind is None:
        # Only a device whose plugin is gone comes here.
        raise power_types.DriverMissing(type=merged['control_type'])
    if merged['protocol_type'] != kind.protocol_type:
        raise exception.Invalid(
            reason=f'Field protocol_type must be {kind.protocol_type} for '
                   f'control_type {kind.control_type}.')
    if values.get('ssh_key') is not None and not kind.takes_ssh_key:
        raise exception.Invalid(
            reason='Field ssh_key is not for control_type '
                   f'{kind.control_type}.')
    if checked.get('options') is not None:
        checks.check(checked['options'], 'options', kind.options_schema)
    _check_texts(kind, checked)
    default = _title(current) if current else None
    if not values.get('title') and merged.get('title') in (default, '',
                                                           None):
        values['title'] = _title(merged)
    for name in SECRETS:
        if name in values:
            values[name] = secrets.encrypt(values[name])
    return values


def _check_texts(kind: power_types.PowerType,
                 values: models.Row) -> None:
    """Check what no schema of the type can say.

    :raises Invalid: something is wrong, with the field named
    """
    for path, check in kind.checks.items():
        field, _, option = path.partition('.')
        text = values.get(field)
        if option:
            text = (text or {}).get(option)
        if text is None:
            continue
        try:
            check(text)
        except ValueError as exc:
            raise exception.Invalid(reason=f'Field {path} {exc}.') from exc


def _title(values: models.Row) -> str:
    text = (f'{values["protocol_type"]}://{values["control_type"]}@'
            f'{values["host"]}:{values["port_number"]}')
    return text[:255]


@routing.route('GET', _LIST, policies.LIST,
               query=Parameters(PowerControl, paged=True),
               answers={200: answers.page(PowerControl)})
def list_controls(call: routing.Call) -> routing.Document:
    """List power controls."""
    return listing.page(call, db_power_controls.list_controls,
                        lambda rows: [render(row) for row in rows])


@routing.route('GET', f'{_LIST}/count', policies.LIST,
               query=Parameters(PowerControl), answers={200: answers.Count})
def count_controls(call: routing.Call) -> routing.Document:
    """Count power controls."""
    return listing.count(call, db_power_controls.count_controls)


@routing.route('GET', f'{_LIST}/types', policies.LIST,
               answers={200: control_types.Types})
def list_types(call: routing.Call) -> routing.Document:
    """List the types of power controls with their protocols."""
    return {'types': [[kind.control_type, kind.protocol_type]
                      for kind in power_types.all_types().values()]}


@routing.route('GET', f'{_LIST}/protocols', policies.LIST,
               answers={200: control_types.Protocols})
def list_protocols(call: routing.Call) -> routing.Document:
    """List the protocols of power controls."""
    return {'protocols': list(power_types.protocols())}


@routing.route('POST', _LIST, policies.CREATE, body=PowerControl,
               answers={201: control_types.ONE_CONTROL}, errors=(409,))
def create_control(call: routing.Call) -> routing.Document:
    """Create a power control."""
    row = db_power_controls.create_control(call.context,
                                           _complete(call.values, {}))
    return {'power_control': render(row)}


@routing.route('GET', _ONE, policies.GET,
               answers={200: control_types.ONE_CONTROL})
def show_control(call: routing.Call,
                 power_control_id: str) -> routing.Document:
    """Show a power control."""
    row = db_power_controls.get_control(
        call.context, nodes.control_key(power_control_id))
    return {'power_control': render(row)}


@routing.route('PUT', _ONE, policies.UPDATE, body=PowerControl,
               answers={200: control_types.ONE_CONTROL}, errors=(409,))
def update_control(call: routing.Call,
                   power_control_id: str) -> routing.Document:
    """Change a power control."""
    values = call.values
    key = nodes.control_key(power_control_id)
    current = db_power_controls.get_control(call.context, key)
    if values.get('control_type',
                  current['control_type']) != current['control_type']:
        if current['outputs']:
            raise exception.InUse(what=f'Power control {key}',
                                  by='a node; its type cannot change')
        device = db_power_controls.get_device(call.context, key)
        current |= {name: secrets.decrypt(device[name]) for name in SECRETS}
    row = db_power_controls.update_control(
        call.context, key, _complete(values, current))
    return {'power_control': render(row)}


@routing.route('DELETE', _ONE, policies.DELETE, answers={204: None},
               errors=(409,))
def delete_control(call: routing.Call, power_control_id: str) -> None:
    """Delete a power control."""
    db_power_controls.delete_control(call.context,
                                     nodes.control_key(power_control_id))


@routing.route('GET', f'{_ONE}/nodes', policies.GET,
               answers={200: control_types.FED_NODES})
def list_nodes(call: routing.Call, power_control_id: str) -> routing.Document:
    """List the nodes that a power control is assigned to."""
    rows = db_nodes.list_by_control(call.context,
                                    nodes.control_key(power_control_id))
    classes = db_node_classes.types_of(
        call.context, {row['node_class_id'] for row in rows})
    return {'nodes': [_with_managers(row, classes) for row in rows]}


def _with_managers(row: models.Row,
                   classes: dict[int, listing.Rows]) -> models.Row:
    """Return a node with what only this list shows of it."""
    node = nodes.render(row)
    node['node_class'] = node['node_class'] | {
        'node_types': classes[row['node_class_id']]}
    return node | {'cloud_managers': node['node_controls'],
                   'controller_login': None, 'controller_password': None}
