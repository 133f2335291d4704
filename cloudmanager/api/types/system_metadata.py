# SPDX-License-Identifier: Apache-2.0
"""System metadata of servers: texts by keys that Nova has chosen."""

from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field

VALUE = Field('', nullable=False, description='A value.')
METADATA = fields.Resource('', '', (), title='SystemMetadata', others=VALUE)
ANSWER = fields.Resource('', '', (
    Field('metadata', fields.OBJECT, of=METADATA, nullable=False,
          description='System metadata by key.'),
))
