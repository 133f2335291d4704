# SPDX-License-Identifier: Apache-2.0
"""Audits of host aggregates."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field

AUDIT = fields.Resource('audit', '', (
    Field('id', fields.INTEGER, nullable=False,
          description='Id of the audit.'),
    Field('status', nullable=False,
          schema={'enum': ['PENDING', 'ONGOING', 'DONE', 'FAILED',
                           'APPLYING', 'APPLIED', 'STALE']},
          description='How far the audit is.'),
))
ONE_AUDIT = answers.one(AUDIT)
EXECUTE = fields.Resource('', '', (
    Field('auto_apply', fields.BOOLEAN, create=True, nullable=False,
          description='Carry out what the audit finds; false by default.'),
))
CHOSEN = fields.Resource('', '', (
    Field('audit_id', fields.INTEGER, create=True, required=True,
          nullable=False, also=('string',), convert=formats.number,
          schema={'minimum': 1}, description='Id of the audit.'),))
