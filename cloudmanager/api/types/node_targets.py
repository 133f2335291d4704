# SPDX-License-Identifier: Apache-2.0
"""Targets of block storage on nodes."""

from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Text

_MAX_PORTALS = 64
_MAX_TARGETS = 1000


class Discovery(Resource):
    """Which storage is asked."""

    storage_id = Field(Integer(1), create=True, required=True,
                       nullable=False, description='Id of the storage to '
                                                   'ask.')


class Found(Resource):
    """What a storage has."""

    targets = Field(formats.Targets(_MAX_PORTALS, _MAX_TARGETS), create=True,
                    required=True, nullable=False, description='Lists of '
                    'names by the address of their portal.')


class Targets(Found):
    """What a node is connected with."""

    vendor = Field(Text(64), create=True, shown=False,
                   description='Vendor of the storage.')
    product = Field(Text(64), create=True, shown=False,
                    description='Model of the storage.')
