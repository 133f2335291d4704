# SPDX-License-Identifier: Apache-2.0
"""Nodes."""

from typing import Any

from cloudmanager.api import rendering
from cloudmanager.api import types
from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field
from cloudmanager.common import exception


def _integer(name: str, description: str, low: int = 1, high: int = 99,
             nullable: bool = True, shown: bool = True) -> Field:
    return Field(name, fields.INTEGER,
                 operators=fields.OPERATORS[fields.INTEGER], sortable=True,
                 create=True, update=True, nullable=nullable, shown=shown,
                 schema={'minimum': low, 'maximum': high},
                 description=description)


def _reference(name: str, description: str, shown: bool = False) -> Field:
    return _integer(name, description, high=fields.MAX_INTEGER,
                    nullable=False, shown=shown)


def _string(name: str, description: str, length: int = 255,
            **keywords: object) -> Field:
    values: dict[str, object] = {
        'operators': fields.OPERATORS[fields.STRING], 'sortable': True,
        'create': True, 'update': True, 'schema': {'maxLength': length},
        'description': description}
    values.update(keywords)
    return Field(name, fields.STRING, **values)  # type: ignore[arg-type]


def _flag(name: str, description: str) -> Field:
    return Field(name, fields.BOOLEAN,
                 operators=fields.OPERATORS[fields.BOOLEAN], sortable=True,
                 create=True, update=True, nullable=False,
                 description=description)


def _id(description: str, sortable: bool = True) -> Field:
    return Field('id', fields.INTEGER, sortable=sortable, nullable=False,
                 operators=fields.OPERATORS[fields.INTEGER],
                 description=description)


# Bodies without an envelope.
RESERVATION = fields.Resource('', '', (
    Field('is_reserved', fields.BOOLEAN, create=True, required=True,
          nullable=False, description='True takes the node into reserve, '
          'false out of it.'),
), title='Reservation')
ASSIGNMENT = fields.Resource('', 'power_controls', (
    Field('is_default', fields.BOOLEAN, create=True, update=True,
          nullable=False, description='Whether it is the default power '
          'control of the node; the first one assigned is.'),
    Field('is_initialized', fields.BOOLEAN, nullable=False,
          description='Whether the state of the output was read with the '
                      'present address, credentials and options.'),
    Field('power_control_id', fields.INTEGER, create=True, required=True,
          nullable=False, schema={'minimum': 1},
          description='Id of the power control.'),
    Field('control_type', nullable=False,
          description='Type of the power control.'),
    Field('power_control_title', nullable=False,
          description='Title of the power control.'),
    Field('power_control_port', create=True, update=True, required=True,
          nullable=False, also=('integer',), convert=str,
          schema={'minLength': 1, 'maxLength': 64},
          description='Output of the power control.'),
    Field('protocol_type', nullable=False,
          description='Protocol of the power control.'),
), title='NodePowerControl')

# What belongs to a node, as far as its answers show it.
TYPE = fields.Resource('', '', (
    Field('id', fields.INTEGER, nullable=False, description='Id.'),
    Field('name', nullable=False, description='Name.'),
), title='NodeTypeName')
IMAGE = fields.Resource('', '', TYPE.fields, title='NodeImageName')
CLASS = fields.Resource('', '', (
    *TYPE.fields,
    Field('is_default', fields.BOOLEAN, nullable=False,
          description='Whether nodes get it when none is named.'),
), title='NodeClassName')

STORAGE = fields.Resource('', '', (
    Field('id', fields.INTEGER, nullable=False,
          description='Id of the storage.'),
    Field('name', nullable=False, description='Name of the storage.'),
    Field('compute_path', nullable=False,
          description='Where it is mounted on the node.'),
    Field('controller_path', nullable=False,
          description='Where it is mounted on controllers.'),
), title='NodeAvailabilityStorage')

# What metadata may contain.
METADATA = {'cpu_benchmark': {'type': 'string', 'maxLength': 255}}


def _metadata(value: dict[str, Any] | str) -> dict[str, Any] | None:
    """Return metadata given as an object or as JSON of one."""
    if isinstance(value, str):
        try:
            value = rendering.loads(value.encode())
        except exception.Invalid as exc:
            raise ValueError('must be an object, or JSON of one') from exc
        types.check(value, 'metadata', METADATA)
    return value or None  # type: ignore[return-value]


POWER_STATUSES = ('on', 'degraded', 'off', 'error', 'never-checked',
                  'no-config')

NODE = fields.Resource('node', 'nodes', (
    _id('Id of the node.'),
    Field('created_at', fields.TIME, sortable=True, create=True,
          update=True, nullable=False, aliases=('time_created',),
          operators=fields.OPERATORS[fields.TIME], convert=formats.time,
          description='When the node was created.'),
    _reference('image_id', 'Id of the image; 1 by default.', shown=True),
    _reference('node_class_id',
               'Id of the class; the default class by default.'),
    _reference('node_type_id', 'Id of the type, one of the class; the '
               'first type of the class by default.'),
    _string('hypervisor_id', 'UUID of the hypervisor in Nova, unique.', 36,
            convert=formats.identifier, lower=True),
    # Nova may call a compute host what is no host name.
    _string('name', 'Name, unique, a host name. That of a compute host is '
            'exactly its name in Nova.', convert=formats.node_name,
            query=str, schema={'minLength': 1, 'maxLength': 255}),
    _string('controller_id', 'UUID of the virtual controller that the node '
            'is bound to.', 36, convert=formats.identifier, lower=True),
    _string('controller_type', 'Type of the virtual controller.'),
    # MySQL's TEXT holds 65535 bytes; a character takes up to four.
    _string('description', 'Description.', 16000, sortable=False,
            lines=True),
    _integer('dtc_number', 'Number of the data centre.'),
    _integer('unit_number', 'Number of the place in the rack.'),
    _integer('rack_number', 'Number of the rack.'),
    _integer('row_number', 'Number of the row of racks.'),
    _integer('cpu_amount', 'Number of processors.'),
    _integer('ram_mb', 'Memory in MB.', 0, fields.MAX_INTEGER),
    _integer('hdd_gb', 'Disk space in GB.', 0, fields.MAX_INTEGER),
    Field('ip_addresses', fields.LIST, create=True, update=True,
          convert=formats.ip_list, operators=fields.OPERATORS[fields.LIST],
          query=formats.ip_address,
          schema={'maxItems': 64, 'items': {'type': 'string',
                                            'maxLength': 64}},
          description='IP addresses.'),
    _string('mac_address', 'MAC address; answered in lower case with '
            'colons. It belongs to one node.', convert=formats.mac,
            lower=True),
    _string('title', 'Title.'),
    _flag('is_reserved', 'Whether the node is a reserve.'),
    _flag('is_controller', 'Whether the node is a controller.'),
    _string('inventory_code', 'Inventory number.', also=('integer',),
            convert=str),
    _string('power_state', 'Whether it is on; null when that is not known.',
            schema={'enum': ['power_on', 'power_off']}),
    _string('owner', 'Name of the user who owns the node.'),
    _flag('active', 'Whether the node is active.'),
    _integer('condition', '0 out of service, 1 enabled, 2 disabled, 3 '
             'alarm, 4 reserved. It follows from what is known of the '
             'node.', 0, 4, nullable=False),
    Field('condition_reason', description='Why the condition is what it '
          'is.'),
    Field('hypervisor_lost_at', fields.TIME, description='Since when Nova '
          'has not known the hypervisor, or not by the name under which '
          'the node was bound.'),
    Field('power_status', computed=True, nullable=False,
          operators=fields.EQUALITY,
          schema={'enum': list(POWER_STATUSES)},
          description='The power state in one word: on, degraded (on, but '
                      'not all of its feeds are), off, error (it could not '
                      'be read), never-checked, or no-config (it has no '
                      'power control).'),
    Field('power_state_at', fields.TIME,
          description='When the power state was read, if it is known, or '
                      'was known last.'),
    Field('power_state_reason',
          description='Why the power state is not known, or what is wrong '
                      'with it.'),
    Field('metadata', fields.OBJECT, column='meta', create=True,
          update=True, also=('string',), convert=_metadata,
          schema={'properties': METADATA, 'additionalProperties': False,
                  'maxLength': 4096},
          description='What is known of the node besides: cpu_benchmark.'),
    Field('node_class', fields.OBJECT, of=CLASS, computed=True,
          nullable=False, description='Class of the node.'),
    Field('node_type', fields.OBJECT, of=TYPE, computed=True,
          nullable=False, description='Type of the node.'),
    Field('image', fields.OBJECT, of=IMAGE, computed=True, nullable=False,
          description='Image of the node.'),
    Field('node_controls', fields.LIST, of=ASSIGNMENT, computed=True,
          nullable=False, description='Power controls of the node.'),
    Field('availability_storages', fields.LIST, of=STORAGE, computed=True,
          nullable=False,
          description='Availability storages of the node.'),
    Field('cpu_allocation_ratio', fields.NUMBER, computed=True,
          optional=True, description='How many virtual CPUs Placement '
          'allocates for each that there is; of compute hosts.'),
    Field('ram_allocation_ratio', fields.NUMBER, computed=True,
          optional=True, description='The same of memory.'),
    Field('os_hypervisor', fields.OBJECT, computed=True, optional=True,
          description='The hypervisor in Nova, if it was asked for.'),
    Field('hwinfo', fields.OBJECT, computed=True, optional=True,
          description='The hardware, if it was asked for.'),
    Field('nas', fields.OBJECT, computed=True, optional=True,
          description='Storage hosts and what is attached of them, with '
          'whatever else was asked for.'),
), searched='name, title, inventory_code, mac_address and ip_addresses')
FORCE = {'force': 'Put it even where another node stands.'}
# Objects that other services keep, by the parameter that asks for them.
EXTENSIONS = {'with_os_object': 'Answer os_hypervisor of nodes of the class '
                                'hypervisor.',
              'with_hwinfo': 'Answer hwinfo of nodes of the class '
                             'hypervisor.'}
ONE_NODE = answers.one(NODE, answers.WARNINGS)
NODES = answers.page(NODE, answers.WARNINGS)

POWER_ACTION = fields.Resource('power_action', 'power_actions', (
    _id('Id of the power action.'),
    Field('action', operators=fields.OPERATORS[fields.STRING],
          sortable=True, nullable=False, description='What was done.'),
    Field('node_id', fields.INTEGER, description='Id of the node.'),
    Field('start_time', fields.TIME, column='created_at', sortable=True,
          operators=fields.OPERATORS[fields.TIME], nullable=False,
          aliases=('created_at',), description='When it began.'),
    Field('user_name', sortable=True,
          operators=fields.OPERATORS[fields.STRING],
          description='Name of the user who asked for it.'),
    Field('power_control_id', fields.INTEGER, sortable=True,
          operators=fields.OPERATORS[fields.INTEGER],
          description='Id of the power control.'),
    Field('power_control_port',
          description='Output that was switched; null when it was the '
                      'whole node.'),
    Field('result', operators=fields.OPERATORS[fields.STRING],
          sortable=True, nullable=False,
          description='What came of it: success, failure or cancelled; '
                      'running until then.'),
    Field('error', description='Why it failed.'),
    Field('task_id', operators=fields.EQUALITY,
          description='Id of the task that did it.'),
    Field('duration', fields.NUMBER,
          description='How many seconds it took.'),
))
