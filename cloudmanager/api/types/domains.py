# SPDX-License-Identifier: Apache-2.0
"""What is answered about Keystone's domains."""

from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field

STORE = fields.Resource('', '', (
    Field('store', nullable=False, schema={'enum': ['file', 'database']},
          description='Where Keystone keeps the configuration of domains.'),
))
TOTP_ALLOWED = fields.Resource('', '', (
    Field('totp_allowed', fields.BOOLEAN, nullable=False,
          description='Whether one-time passwords may be sent.'),
))
