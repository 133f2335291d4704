# SPDX-License-Identifier: Apache-2.0
"""Backends of block storage."""

from cloudmanager.api import routing
from cloudmanager.api.filters import memory
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import volumes as volume_types
from cloudmanager.conductor import rpcapi
from cloudmanager.db import models
from cloudmanager.policies import volume_backends as policies

Backend = volume_types.Backend


@routing.route('GET', '/v1/volume-backends', policies.LIST,
               query=Parameters(Backend, paged=True),
               answers={200: answers.Array(Backend)}, errors=(503,))
def list_backends(call: routing.Call) -> list[models.Row]:
    """List backends on LVM with their logical and physical volumes.

    One whose agent does not answer is left out.
    """
    return memory.select(
        rpcapi.ConductorAPI().list_volume_backends(call.context), call.query)
