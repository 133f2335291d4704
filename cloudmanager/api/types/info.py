# SPDX-License-Identifier: Apache-2.0
"""What the service tells of itself."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types.fields import Field

INFO = answers.one(fields.Resource('info', '', (
    Field('version', nullable=False, description='Version of the service.'),
)))

_LINK = fields.Resource('', '', (
    *answers.LINK.fields,
    Field('type', nullable=False, optional=True,
          description='Media type of what is there.'),
), title='VersionLink')
_VERSION = fields.Resource('version', 'versions', (
    Field('id', nullable=False, description='Name of the version.'),
    Field('status', nullable=False, description='Always CURRENT.'),
    Field('links', fields.LIST, of=_LINK, nullable=False,
          description='Where it is, and what describes it.'),
))
VERSION = answers.one(_VERSION)
VERSIONS = answers.many(_VERSION, Field(
    'name', nullable=False, description='Name of the API.'))

HEALTH = fields.Resource('', '', (
    Field('database', nullable=False, description='OK'),
    Field('messaging', nullable=False, description='OK'),
    Field('policy', nullable=False,
          description='OK, or OUTDATED when the policy files cannot be used '
                      'and the rules of before are in force.'),
))

OPENAPI = fields.Resource('', '', (
    Field('openapi', nullable=False,
          description='Version of the specification.'),
    Field('info', fields.OBJECT, nullable=False,
          description='What is described.'),
    Field('servers', fields.LIST, nullable=False,
          description='Where it is served.'),
    Field('security', fields.LIST, nullable=False,
          description='How callers authenticate.'),
    Field('tags', fields.LIST, nullable=False,
          description='Groups of operations.'),
    Field('paths', fields.OBJECT, nullable=False,
          description='Operations by path and method.'),
    Field('components', fields.OBJECT, nullable=False,
          description='What operations share.'),
))
