# SPDX-License-Identifier: Apache-2.0
"""Bodies that bind nodes to virtual controllers."""

from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field

_MAX_HOSTS = 1000

BINDING = fields.Resource('', '', (
    Field('controller_uuid', create=True, required=True, nullable=False,
          convert=formats.identifier, schema={'maxLength': 36},
          description='Server that is the virtual controller.'),
    Field('hostnames', fields.LIST, create=True, required=True,
          nullable=False, convert=formats.compute_hosts,
          schema={'minItems': 1, 'maxItems': _MAX_HOSTS,
                  'items': {'type': 'string', 'maxLength': 255}},
          description='Names of the nodes.'),
))
