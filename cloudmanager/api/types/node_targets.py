# SPDX-License-Identifier: Apache-2.0
"""Targets of block storage on nodes."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import formats
from cloudmanager.api.types import node_modes
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Integer

_MAX_PORTALS = 64
_MAX_TARGETS = 1000


class Discovery(Resource):
    """Which storage is asked."""

    storage_id = Field(Integer(1), create=True, required=True,
                       nullable=False, description='Id of the node that is '
                                                   'the storage.')


class Found(Resource):
    """What a storage has."""

    targets = Field(formats.Targets(_MAX_PORTALS, _MAX_TARGETS),
                    nullable=False, description='Lists of names by the '
                    'address of their portal.')
    warnings = answers.warnings()


class Targets(node_modes.DryRun):
    """What a node is connected with."""

    _about = About(rules={'dependentRequired': {'vendor': ['product'],
                                                'product': ['vendor']}})

    targets = Field(formats.Targets(_MAX_PORTALS, _MAX_TARGETS), create=True,
                    required=True, nullable=False, description='Lists of '
                    'names by the address of their portal.')
    vendor = Field(formats.STORAGE_KIND, create=True, nullable=False,
                   description='Vendor of the storage, for multipath; only '
                               'together with product.')
    product = Field(formats.STORAGE_KIND, create=True, nullable=False,
                    description='Model of the storage, for multipath; only '
                                'together with vendor.')
