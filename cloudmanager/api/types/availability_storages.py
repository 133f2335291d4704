# SPDX-License-Identifier: Apache-2.0
"""Availability storages, and their assignment to nodes."""

from typing import Any

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field

# Most ids in one request.
MAX_IDS = 10000
# As much as the column holds.
MAX_PATH = 1024

_NAME: dict[str, Any] = {'nullable': False, 'convert': formats.name}
_PATH: dict[str, Any] = {
    'create': True, 'update': True, 'required': True, 'nullable': False,
    'schema': {'minLength': 1, 'maxLength': MAX_PATH},
    'convert': formats.directory}

# A node as a storage shows it.
NODE = fields.Resource('', '', (
    Field('id', fields.INTEGER, nullable=False,
          description='Id of the node.'),
    Field('name', description='Name of the node.'),
), title='AvailabilityStorageNode')

STORAGE = fields.Resource('availability_storage', 'availability_storages', (
    Field('id', fields.INTEGER, sortable=True, nullable=False,
          aliases=('availability_storage_id',),
          operators=fields.OPERATORS[fields.INTEGER],
          description='Id of the storage.'),
    Field('name', sortable=True, create=True, update=True, required=True,
          operators=fields.OPERATORS[fields.STRING],
          schema={'minLength': 1}, description='Name, unique.', **_NAME),
    Field('compute_path', description='Where it is mounted on its nodes.',
          **_PATH),
    Field('controller_path',
          description='Where it is mounted on controllers.', **_PATH),
    Field('nodes', fields.LIST, of=NODE, computed=True, nullable=False,
          description='Nodes that it is assigned to.'),
))
ONE_STORAGE = answers.one(STORAGE)


def _ids(name: str, description: str) -> fields.Resource:
    """Return a body without an envelope that is a list of ids."""
    return fields.Resource('', '', (
        Field(name, fields.LIST, create=True, update=True, required=True,
              nullable=False, description=description,
              schema={'maxItems': MAX_IDS, 'items': {
                  'type': 'integer', 'minimum': 1,
                  'maximum': fields.MAX_INTEGER}}),), whole=True)


NODES = _ids('nodes', 'Ids of nodes.')
STORAGES = _ids('availability_storages', 'Ids of availability storages.')
