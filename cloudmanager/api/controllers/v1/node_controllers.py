# SPDX-License-Identifier: Apache-2.0
"""Binding of nodes to virtual controllers, servers that control a cloud."""

import functools

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import hosts
from cloudmanager.api.types import hosts as host_types
from cloudmanager.api.types import node_controllers as controller_types
from cloudmanager.policies import node_controllers as policies

_PATH = '/v1/nodes/actions'
_action = functools.partial(
    routing.route, 'POST', body=controller_types.Binding,
    answers=host_types.ANSWERS, errors=(404, 409, 503))


@_action(f'{_PATH}/attach', policies.ATTACH)
def attach(call: routing.Call) -> routing.Document:
    """Bind empty nodes to a virtual controller, all of them or none."""
    return _begin(call, 'hosts.attach')


@_action(f'{_PATH}/detach', policies.DETACH)
def detach(call: routing.Call) -> routing.Document:
    """Release nodes from a virtual controller, all of them or none."""
    return _begin(call, 'hosts.detach')


def _begin(call: routing.Call, name: str) -> routing.Document:
    """Answer the plan of a dry run, or begin a task on the nodes.

    :raises NodeNotFound: one of the nodes is not there
    :raises ServerNotFound: the controller is not
    :raises Conflict: one of them, or another task, is in the way
    """
    flags = {field: value for field, value in call.values.items()
             if field != 'dry_run'}
    return hosts.begin(call, name, flags['hostnames'], None, flags,
                       call.values.get('dry_run', False))
