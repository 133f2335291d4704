# SPDX-License-Identifier: Apache-2.0
"""Power controls."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types import nodes
from cloudmanager.api.types.fields import Field
from cloudmanager.domain import power_types

_TEXT = fields.OPERATORS[fields.STRING]

POWER_CONTROL = fields.Resource('power_control', 'power_controls', (
    Field('id', fields.INTEGER, sortable=True, nullable=False,
          operators=fields.OPERATORS[fields.INTEGER],
          description='Id of the power control.'),
    Field('time_created', fields.TIME, column='created_at',
          aliases=('created_at',), sortable=True, nullable=False,
          operators=fields.OPERATORS[fields.TIME],
          description='When it was created.'),
    Field('time_updated', fields.TIME, column='updated_at',
          description='When it was changed last.'),
    Field('title', operators=_TEXT, sortable=True, create=True, update=True,
          nullable=False, description='Title; made of protocol, type and '
          'address by default.'),
    Field('control_type', operators=_TEXT, sortable=True, create=True,
          update=True, required=True, nullable=False,
          schema={'enum': list(power_types.all_types())},
          description='Type, one of the list of types.'),
    Field('protocol_type', operators=_TEXT, sortable=True, create=True,
          update=True, required=True, nullable=False,
          schema={'enum': list(power_types.protocols())},
          description='Protocol; it follows from the type.'),
    Field('host', operators=_TEXT, sortable=True, create=True, update=True,
          required=True, nullable=False, convert=formats.host, lower=True,
          description='Name or address.'),
    Field('port_number', fields.INTEGER, sortable=True, create=True,
          update=True, required=True, nullable=False, also=('string',),
          operators=fields.OPERATORS[fields.INTEGER],
          schema={'minimum': 1, 'maximum': 65535},
          convert=formats.port, description='TCP or UDP port.'),
    Field('login', create=True, update=True, description='Login.'),
    Field('password', create=True, update=True, shown=False,
          schema={'maxLength': 1024},
          description='Password; never answered.'),
    Field('ssh_key', create=True, update=True, shown=False,
          schema={'maxLength': 16000}, lines=True,
          description='Private key, for SshDevice only; never answered.'),
    # What may be in it depends on the control type. Certificates and host
    # keys have lines.
    Field('options', fields.OBJECT, create=True, update=True, lines=True,
          description='Options of its type.'),
    Field('failures', fields.INTEGER, sortable=True, nullable=False,
          operators=fields.OPERATORS[fields.INTEGER],
          description='How many looks at it in a row have failed.'),
    Field('last_error', description='What went wrong when it was looked at '
          'or asked last, if anything did; begins with a code such as '
          'cloudmanager.power.unreachable.'),
    Field('last_error_at', fields.TIME,
          description='When that was noticed last.'),
    Field('last_success_at', fields.TIME,
          description='When it was read last.'),
    Field('retry_at', fields.TIME,
          description='When it is looked at again, if it fails.'),
    Field('coil_map', fields.OBJECT, computed=True, nullable=False,
          description='What each output feeds; null for a free one.'),
    Field('coils_count', fields.INTEGER, computed=True, nullable=False,
          description='Number of outputs.'),
    Field('used_coils_count', fields.INTEGER, computed=True,
          nullable=False, description='Number of outputs in use.'),
))

TYPES = fields.Resource('', '', (
    Field('types', fields.LIST, nullable=False,
          schema={'items': {'type': 'array'}},
          description='Pairs of type and protocol.'),))
PROTOCOLS = fields.Resource('', '', (
    Field('protocols', fields.LIST, nullable=False,
          schema={'items': {'type': 'string'}},
          description='Names of protocols.'),))

# Nodes as the list of a power control shows them.
_CLASS = fields.Resource('', '', (
    *nodes.CLASS.fields,
    Field('node_types', fields.LIST, of=nodes.TYPE, nullable=False,
          description='Types of the class.'),
), title='NodeClassWithTypes')
FED_NODES = answers.many(fields.Resource('', 'nodes', (
    *(field for field in nodes.NODE.fields
      if field.name != 'node_class' and not field.optional),
    Field('node_class', fields.OBJECT, of=_CLASS, nullable=False,
          description='Class of the node, with its types.'),
    Field('cloud_managers', fields.LIST, of=nodes.ASSIGNMENT,
          nullable=False, description='The same as node_controls.'),
    Field('controller_login', description='Always null.'),
    Field('controller_password', description='Always null.'),
), title='FedNode'))
