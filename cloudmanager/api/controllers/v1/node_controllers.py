# SPDX-License-Identifier: Apache-2.0
"""Binding of nodes to virtual controllers, servers that control a cloud."""

from typing import Any

from cloudmanager.api import routing
from cloudmanager.api.types import answers
from cloudmanager.api.types import node_controllers as controller_types
from cloudmanager.common import exception
from cloudmanager.policies import node_controllers as policies

_PATH = '/v1/nodes/actions'
_DECLARED: dict[str, Any] = {
    'body': controller_types.Binding, 'answers': {202: answers.TaskId},
    'errors': (404, 409, 501, 503)}


@routing.route('POST', f'{_PATH}/attach', policies.ATTACH, **_DECLARED)
def attach(call: routing.Call) -> Any:
    """Bind nodes to a virtual controller."""
    raise exception.OperationNotImplemented(
        what='bind nodes to a virtual controller')


@routing.route('POST', f'{_PATH}/detach', policies.DETACH, **_DECLARED)
def detach(call: routing.Call) -> Any:
    """Release nodes from a virtual controller."""
    raise exception.OperationNotImplemented(
        what='release nodes from a virtual controller')
