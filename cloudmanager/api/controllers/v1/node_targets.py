# SPDX-License-Identifier: Apache-2.0
"""Block storage as nodes see it: targets and locks."""

from cloudmanager.api import routing
from cloudmanager.api.controllers.v1 import node_modes
from cloudmanager.api.controllers.v1 import nodes
from cloudmanager.api.types import node_modes as mode_types
from cloudmanager.api.types import node_targets as target_types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.policies import node_targets as policies

_PATH = '/v1/nodes/{node_id}/actions'


@routing.route('POST', f'{_PATH}/discovery-nas', policies.DISCOVERY_NAS,
               body=target_types.Discovery,
               answers={200: target_types.Found}, errors=(409, 503))
def discovery_nas(call: routing.Call, node_id: str) -> routing.Document:
    """Ask a storage from a node which targets it has."""
    found = rpcapi.ConductorAPI().discover_targets(
        call.context, nodes.node_key(call, node_id),
        call.values['storage_id'])
    return {name: value for name, value in found.items() if value
            or name == 'targets'}


@routing.route('POST', f'{_PATH}/attach-targets', policies.ATTACH_TARGETS,
               body=target_types.Targets, answers=mode_types.ANSWERS,
               errors=(409, 503))
def attach_targets(call: routing.Call,
                   node_id: str) -> routing.Document | None:
    """Connect a node with targets of a storage."""
    params = {name: value for name, value in call.values.items()
              if name != 'dry_run'}
    if ('vendor' in params) != ('product' in params):
        raise exception.Invalid(
            reason='Fields vendor and product belong together: send both or '
                   'neither.')
    return node_modes.begin(call, node_id, 'attach_targets', params)


@routing.route('POST', f'{_PATH}/repair-locks', policies.REPAIR_LOCKS,
               body=mode_types.DryRun, answers=mode_types.ANSWERS,
               errors=(409, 503))
def repair_locks(call: routing.Call,
                 node_id: str) -> routing.Document | None:
    """Release locks of volumes whose owner is proven to be gone."""
    return node_modes.begin(call, node_id, 'repair_locks', {})
