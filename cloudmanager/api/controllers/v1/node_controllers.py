# SPDX-License-Identifier: Apache-2.0
"""Binding of nodes to virtual controllers, servers that control a cloud."""

import functools

from cloudmanager.api import routing
from cloudmanager.api.types import answers
from cloudmanager.api.types import node_controllers as controller_types
from cloudmanager.common import exception
from cloudmanager.policies import node_controllers as policies

_PATH = '/v1/nodes/actions'
_action = functools.partial(
    routing.route, 'POST', body=controller_types.Binding,
    answers={202: answers.TaskId}, errors=(404, 409, 501, 503))


@_action(f'{_PATH}/attach', policies.ATTACH)
def attach(call: routing.Call) -> routing.Document:
    """Bind nodes to a virtual controller."""
    raise exception.OperationNotImplemented(
        what='bind nodes to a virtual controller')


@_action(f'{_PATH}/detach', policies.DETACH)
def detach(call: routing.Call) -> routing.Document:
    """Release nodes from a virtual controller."""
    raise exception.OperationNotImplemented(
        what='release nodes from a virtual controller')
