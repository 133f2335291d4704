# SPDX-License-Identifier: Apache-2.0
"""Targets of block storage on nodes."""

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field

_MAX_PORTALS = 64
_MAX_TARGETS = 1000

DISCOVERY = fields.Resource('', '', (
    Field('storage_id', fields.INTEGER, create=True, required=True,
          nullable=False, schema={'minimum': 1},
          description='Id of the storage to ask.'),))
_BY_PORTAL = 'Lists of names by the address of their portal.'
FOUND = fields.Resource('', '', (
    Field('targets', fields.OBJECT, nullable=False,
          description=_BY_PORTAL),))
TARGETS = fields.Resource('', '', (
    Field('targets', fields.OBJECT, create=True, required=True,
          nullable=False, convert=formats.targets,
          schema={'minProperties': 1, 'maxProperties': _MAX_PORTALS,
                  'additionalProperties': {
                      'type': 'array', 'minItems': 1,
                      'maxItems': _MAX_TARGETS,
                      'items': {'type': 'string', 'maxLength': 223}}},
          description=_BY_PORTAL),
    Field('vendor', create=True, shown=False,
          schema={'maxLength': 64}, description='Vendor of the storage.'),
    Field('product', create=True, shown=False,
          schema={'maxLength': 64}, description='Model of the storage.'),
))
