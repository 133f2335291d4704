# SPDX-License-Identifier: Apache-2.0
"""Block storage as nodes see it: targets and locks."""

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import node_agents
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import node_targets as target_types
from cloudmanager.policies import node_targets as policies

_PATH = '/v1/nodes/{node_id}/actions'
_ERRORS = (409, 501, 503)


@routing.route('POST', f'{_PATH}/discovery-nas', policies.DISCOVERY_NAS,
               body=target_types.Discovery,
               answers={200: target_types.Found}, errors=_ERRORS)
def discovery_nas(call: routing.Call, node_id: str) -> None:
    """Ask a storage from a node which targets it has."""
    node_agents.refuse(call, nodes.node_key(call, node_id),
                       'discover targets from a node')


@routing.route('POST', f'{_PATH}/attach-targets', policies.ATTACH_TARGETS,
               body=target_types.Targets, answers={202: None},
               errors=_ERRORS)
def attach_targets(call: routing.Call, node_id: str) -> None:
    """Connect a node with targets of a storage."""
    node_agents.refuse(call, nodes.node_key(call, node_id),
                       'attach targets to a node')


@routing.route('POST', f'{_PATH}/repair-locks', policies.REPAIR_LOCKS,
               answers={202: None}, errors=_ERRORS)
def repair_locks(call: routing.Call, node_id: str) -> None:
    """Release locks of volumes whose owner is proven to be gone."""
    node_agents.refuse(call, nodes.node_key(call, node_id),
                       'repair locks of volumes')
