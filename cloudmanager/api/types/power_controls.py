# SPDX-License-Identifier: Apache-2.0
"""Power controls."""

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field
from cloudmanager.common import power_types

_TEXT = fields.OPERATORS[fields.STRING]

POWER_CONTROL = fields.Resource('power_control', 'power_controls', (
    Field('id', fields.INTEGER, sortable=True,
          operators=fields.OPERATORS[fields.INTEGER]),
    Field('time_created', fields.TIME, column='created_at',
          aliases=('created_at',), sortable=True,
          operators=fields.OPERATORS[fields.TIME]),
    Field('time_updated', fields.TIME, column='updated_at'),
    Field('title', operators=_TEXT, sortable=True, create=True, update=True,
          nullable=False),
    Field('control_type', operators=_TEXT, sortable=True, create=True,
          update=True, required=True, nullable=False,
          schema={'enum': list(power_types.all_types())}),
    Field('protocol_type', operators=_TEXT, sortable=True, create=True,
          update=True, required=True, nullable=False,
          schema={'enum': list(power_types.protocols())}),
    Field('host', operators=_TEXT, sortable=True, create=True, update=True,
          required=True, nullable=False, convert=formats.host),
    Field('port_number', fields.INTEGER, sortable=True, create=True,
          update=True, required=True, nullable=False, also=('string',),
          operators=fields.OPERATORS[fields.INTEGER],
          schema={'minimum': 1, 'maximum': 65535},
          convert=formats.port),
    Field('login', create=True, update=True),
    Field('password', create=True, update=True, shown=False,
          schema={'maxLength': 1024}),
    Field('ssh_key', create=True, update=True, shown=False,
          schema={'maxLength': 16000}),
    # What may be in it depends on the control type.
    Field('options', fields.OBJECT, create=True, update=True),
))
