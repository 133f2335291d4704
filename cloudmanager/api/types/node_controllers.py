# SPDX-License-Identifier: Apache-2.0
"""Bodies that bind nodes to virtual controllers."""

from cloudmanager.api.types import formats
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.hosts import DryRun

_MAX_HOSTS = 1000


class Binding(DryRun):
    """Which nodes are bound to which controller."""

    controller_uuid = Field(formats.UUID(), create=True, required=True,
                            nullable=False, description='Server that is the '
                            'virtual controller.')
    hostnames = Field(List(formats.ComputeHost(), 1, _MAX_HOSTS, once=True),
                      create=True, required=True, nullable=False,
                      description='Names of the nodes.')
