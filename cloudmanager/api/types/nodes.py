# SPDX-License-Identifier: Apache-2.0
"""Nodes."""

import uuid

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field


def _identifier(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError as exc:
        raise ValueError('must be a UUID') from exc


def _integer(name: str, low: int = 1, high: int = 99,
             description: str = '', nullable: bool = True,
             shown: bool = True) -> Field:
    return Field(name, fields.INTEGER,
                 operators=fields.OPERATORS[fields.INTEGER], sortable=True,
                 create=True, update=True, nullable=nullable, shown=shown,
                 schema={'minimum': low, 'maximum': high},
                 description=description)


def _reference(name: str) -> Field:
    return _integer(name, high=fields.MAX_INTEGER, nullable=False,
                    shown=False)


def _string(name: str, length: int = 255, **keywords: object) -> Field:
    values: dict[str, object] = {
        'operators': fields.OPERATORS[fields.STRING], 'sortable': True,
        'create': True, 'update': True, 'schema': {'maxLength': length}}
    values.update(keywords)
    return Field(name, fields.STRING, **values)  # type: ignore[arg-type]


def _flag(name: str) -> Field:
    return Field(name, fields.BOOLEAN,
                 operators=fields.OPERATORS[fields.BOOLEAN], sortable=True,
                 create=True, update=True, nullable=False)


NODE = fields.Resource('node', 'nodes', (
    Field('id', fields.INTEGER, sortable=True,
          operators=fields.OPERATORS[fields.INTEGER]),
    Field('created_at', fields.TIME, sortable=True, create=True,
          update=True, nullable=False, aliases=('time_created',),
          operators=fields.OPERATORS[fields.TIME], convert=formats.time),
    _reference('image_id'),
    _reference('node_class_id'),
    _reference('node_type_id'),
    _string('hypervisor_id', 36, convert=_identifier),
    _string('name', schema={'minLength': 1, 'maxLength': 255}),
    _string('controller_id', 36, convert=_identifier),
    _string('controller_type'),
    # MySQL's TEXT holds 65535 bytes; a character takes up to four.
    _string('description', 16000, sortable=False),
    _integer('dtc_number'),
    _integer('unit_number'),
    _integer('rack_number'),
    _integer('row_number'),
    _integer('cpu_amount'),
    _integer('ram_mb', 0, fields.MAX_INTEGER),
    _integer('hdd_gb', 0, fields.MAX_INTEGER),
    Field('ip_addresses', fields.LIST, create=True, update=True,
          convert=formats.ip_list,
          schema={'maxItems': 64, 'items': {'type': 'string',
                                            'maxLength': 64}}),
    _string('mac_address', convert=formats.mac),
    _string('title'),
    _flag('is_reserved'),
    _flag('is_controller'),
    _string('inventory_code', also=('integer',), convert=str),
    _string('power_state', schema={'enum': ['power_on', 'power_off']}),
    _string('owner'),
    _flag('active'),
    _integer('condition', 0, 4, nullable=False),
))

POWER_ACTION = fields.Resource('power_action', 'power_actions', (
    Field('id', fields.INTEGER, sortable=True,
          operators=fields.OPERATORS[fields.INTEGER]),
    Field('action', operators=fields.OPERATORS[fields.STRING],
          sortable=True),
    Field('node_id', fields.INTEGER),
    Field('start_time', fields.TIME, column='created_at', sortable=True,
          operators=fields.OPERATORS[fields.TIME],
          aliases=('created_at',)),
    Field('user_name', sortable=True,
          operators=fields.OPERATORS[fields.STRING]),
    Field('power_control_id', fields.INTEGER, sortable=True,
          operators=fields.OPERATORS[fields.INTEGER]),
    Field('result', operators=fields.OPERATORS[fields.STRING],
          sortable=True),
    Field('error'),
    Field('task_id', operators=fields.EQUALITY),
    Field('duration', fields.INTEGER),
))

# A body without an envelope.
ASSIGNMENT = fields.Resource('', 'power_controls', (
    Field('is_default', fields.BOOLEAN, create=True, update=True,
          nullable=False),
    Field('is_initialized', fields.BOOLEAN),
    Field('power_control_id', fields.INTEGER, create=True, required=True,
          nullable=False, schema={'minimum': 1}),
    Field('control_type'),
    Field('power_control_title', column='title'),
    Field('power_control_port', create=True, update=True, required=True,
          nullable=False, also=('integer',), convert=str,
          schema={'minLength': 1, 'maxLength': 64}),
    Field('protocol_type'),
))
