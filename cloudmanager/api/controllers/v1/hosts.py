# SPDX-License-Identifier: Apache-2.0
"""Actions on compute hosts."""

from typing import Any

from cloudmanager.api import routing
from cloudmanager.api import types
from cloudmanager.api import work
from cloudmanager.api.types import hosts as host_types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.policies import hosts as policies

_PATH = '/v1/hosts/{host_name}/actions'
# As much of a name as fits into a target of a task.
_MAX_NAME = 250


def _act(call: routing.Call, host: str, action: str) -> Any:
    """Answer the plan of a dry run, or begin the action.

    :param host: exact name; what only begins like it is another host
    """
    call.no_params()
    body = host_types.ACTIONS[action]
    params = types.parse(body, call.body, 'create')
    dry_run = params.pop('dry_run', False)
    flags = {field.name: params.get(field.name, False)
             for field in body.fields if field.name != 'dry_run'}
    if len(host) > _MAX_NAME or not host.isprintable() or ' ' in host:
        # No host has such a name, and some databases take "a " for "a".
        raise exception.HostNotFound(host=host[:_MAX_NAME])
    name, target = f'host.{action}', f'host:{host}'
    if not dry_run:
        # A double request must not be judged by what the first has done.
        running = db_tasks.find_running(call.context, target)
        if running and (running['name'], running['params']) == (name,
                                                                flags):
            return _accepted(running['id'])
        if running:
            raise exception.TaskConflict(
                task=running['id'], name=running['name'], target=target)
    checked = rpcapi.ConductorAPI().check_host_action(
        call.context, action, host, {**flags, 'dry_run': dry_run})
    if dry_run:
        return {'plan': checked['plan']}
    targets = [target]
    node = db_nodes.find_by_name(call.context, host)
    if node is not None:
        targets.append(f'node:{node["id"]}')
    return _accepted(work.start(call, name, targets=targets, params=flags,
                                host=host))


def _accepted(task_id: str) -> routing.Answer:
    return work.accepted(task_id, {'task_id': task_id})


@routing.route('POST', f'{_PATH}/shutdown', policies.SHUTDOWN)
def shutdown(call: routing.Call, host_name: str) -> Any:
    """Empty a living host and switch it off."""
    return _act(call, host_name, 'shutdown')


@routing.route('POST', f'{_PATH}/evacuate', policies.EVACUATE)
def evacuate(call: routing.Call, host_name: str) -> Any:
    """Bring the servers of a dead host back elsewhere."""
    return _act(call, host_name, 'evacuate')
