# SPDX-License-Identifier: Apache-2.0
"""Backends of block storage."""

from cloudmanager.api import routing
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import volumes as volume_types
from cloudmanager.common import exception
from cloudmanager.policies import volume_backends as policies

Backend = volume_types.Backend


@routing.route('GET', '/v1/volume-backends', policies.LIST,
               query=Parameters(Backend, paged=True),
               answers={200: answers.Array(Backend)}, errors=(501, 503))
def list_backends(call: routing.Call) -> routing.Document:
    """List backends with their logical and physical volumes."""
    raise exception.OperationNotImplemented(what='list volume backends')
