# SPDX-License-Identifier: Apache-2.0
"""Information about the service itself."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.containers import Object
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Text


class Info(Resource):
    """The service."""

    _about = About('info')

    version = common.text('Version of the service.')


INFO = answers.one(Info)


class _Link(answers.Link):
    _about = About(title='VersionLink')

    type = Field(Text(), nullable=False, optional=True,
                 description='Media type of what is there.')


class _Version(Resource):
    _about = About('version', 'versions')

    id = common.text('Name of the version.')
    status = common.text('Always CURRENT.')
    links = Field([_Link], nullable=False,
                  description='Where it is, and what describes it.')


VERSION = answers.one(_Version)
VERSIONS = answers.many(_Version, name=common.text('Name of the API.'))


class Health(Resource):
    """What the process reaches."""

    database = common.text('OK')
    messaging = common.text('OK')
    policy = common.text('OK, or OUTDATED when the policy files cannot be '
                         'used and the rules of before are in force.')


def _object(description: str) -> Field:
    return Field(Object(), nullable=False, description=description)


def _list(description: str) -> Field:
    return Field(List(), nullable=False, description=description)


class OpenAPI(Resource):
    """The OpenAPI document."""

    openapi = common.text('Version of the specification.')
    info = _object('What is described.')
    servers = _list('Where it is served.')
    security = _list('How callers authenticate.')
    tags = _list('Groups of operations.')
    paths = _object('Operations by path and method.')
    components = _object('What operations share.')
