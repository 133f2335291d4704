# SPDX-License-Identifier: Apache-2.0
"""Availability storages, and their assignment to nodes."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import common
from cloudmanager.api.types import formats
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Text

# Most ids in one request.
MAX_IDS = 10000
# As much as the column holds.
MAX_PATH = 1024


def _path(description: str) -> Field:
    return Field(formats.Directory(MAX_PATH, 1), create=True, update=True,
                 required=True, nullable=False, description=description)


class Node(Resource):
    """A node as a storage shows it."""

    _about = About(title='AvailabilityStorageNode')

    id = common.number('Id of the node.')
    name = Field(Text(), description='Name of the node.')


class Storage(Resource):
    """An availability storage."""

    _about = About('availability_storage', 'availability_storages')

    id = Field(Integer(), sortable=True, nullable=False,
               aliases=('availability_storage_id',), filtered=True,
               description='Id of the storage.')
    name = Field(formats.Name(minimum=1), sortable=True, create=True,
                 update=True, required=True, nullable=False, filtered=True,
                 description='Name, unique.')
    compute_path = _path('Where it is mounted on its nodes.')
    controller_path = _path('Where it is mounted on controllers.')
    nodes = Field([Node], computed=True, nullable=False,
                  description='Nodes that it is assigned to.')


ONE_STORAGE = answers.one(Storage)


def _ids(description: str) -> Field:
    """Return a list of ids, which is all that a body has."""
    return Field(List(Integer(1), maximum=MAX_IDS), create=True, update=True,
                 required=True, nullable=False, description=description)


class Nodes(Resource):
    """Which nodes are meant."""

    _about = About(whole=True)

    nodes = _ids('Ids of nodes.')


class Storages(Resource):
    """Which storages are meant."""

    _about = About(whole=True)

    availability_storages = _ids('Ids of availability storages.')
