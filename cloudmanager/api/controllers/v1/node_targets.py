# SPDX-License-Identifier: Apache-2.0
"""Block storage as nodes see it: targets and locks."""

from typing import Any

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import node_targets as target_types
from cloudmanager.common import exception
from cloudmanager.db import nodes as db_nodes
from cloudmanager.policies import node_targets as policies

_PATH = '/v1/nodes/{node_id}/actions'
_ERRORS = (409, 501, 503)


def _refuse(call: routing.Call, node_id: str, what: str) -> None:
    """Say that this version has no agent to do it.

    :raises NodeNotFound: there is no such node
    :raises OperationNotImplemented: otherwise
    """
    db_nodes.get_node(call.context, nodes.node_key(call, node_id))
    raise exception.OperationNotImplemented(what=what)


@routing.route('POST', f'{_PATH}/discovery-nas', policies.DISCOVERY_NAS,
               body=target_types.Discovery,
               answers={200: target_types.Found}, errors=_ERRORS)
def discovery_nas(call: routing.Call, node_id: str) -> Any:
    """Ask a storage from a node which targets it has."""
    _refuse(call, node_id, 'discover targets from a node')


@routing.route('POST', f'{_PATH}/attach-targets', policies.ATTACH_TARGETS,
               body=target_types.Targets, answers={202: None},
               errors=_ERRORS)
def attach_targets(call: routing.Call, node_id: str) -> Any:
    """Connect a node with targets of a storage."""
    _refuse(call, node_id, 'attach targets to a node')


@routing.route('POST', f'{_PATH}/repair-locks', policies.REPAIR_LOCKS,
               answers={202: None}, errors=_ERRORS)
def repair_locks(call: routing.Call, node_id: str) -> Any:
    """Release locks of volumes whose owner is proven to be gone."""
    _refuse(call, node_id, 'repair locks of volumes')
