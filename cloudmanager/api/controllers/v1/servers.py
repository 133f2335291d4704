# SPDX-License-Identifier: Apache-2.0
"""Actions on servers."""

import functools

from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.types import answers
from cloudmanager.api.types import servers as server_types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import clone_names
from cloudmanager.policies import servers as policies

_PATH = '/v1/servers/{server_id}/actions'


_action = functools.partial(routing.route, 'POST', errors=(404, 409, 503),
                            answers={202: None})
# Those whose answers have a body, with the id of the task.
_followed = functools.partial(_action, answers={202: answers.TaskId})


def _act(call: routing.Call, server_id: str, action: str) -> str:
    """Begin an action, or find the equal one that runs.

    :returns: the id of its task
    :raises ServerNotFound: there is no such server
    :raises Conflict: its state, or another task, is in the way
    """
    server_id = routing.identifier(
        server_id, exception.ServerNotFound(server=server_id[:255]))
    name, target = f'server.{action}', f'server:{server_id}'
    body = server_types.ACTIONS[action]
    params = {**body.defaults(), **call.values}
    # A double request must not be judged by what the first has done.
    running = db_tasks.find_running(call.context, target)
    if running and running['name'] == name and db_tasks.same_params(
            running['params'], params, body.defaults()):
        task_id: str = running['id']
        return task_id
    in_the_way = running or db_tasks.find_mover(call.context, server_id)
    if in_the_way:
        raise exception.TaskConflict(task=in_the_way['id'], target=target,
                                     name=in_the_way['name'])
    checked = rpcapi.ConductorAPI().check_server_action(
        call.context, action, server_id, params)
    return work.start(call, name, targets=[target], params=params,
                      host=checked['host'], server_id=server_id,
                      defaults=body.defaults())


@_action(f'{_PATH}/balance', policies.BALANCE,
         body=server_types.Nothing)
def balance(call: routing.Call, server_id: str) -> None:
    """Move a server to a host with less load."""
    work.accepted(_act(call, server_id, 'balance'))


@_followed(f'{_PATH}/recover', policies.RECOVER,
         body=server_types.Recover)
def recover(call: routing.Call, server_id: str) -> routing.Document:
    """Reset the state of a server and bring it back."""
    return work.accepted_with_id(_act(call, server_id, 'recover'))


@_followed(f'{_PATH}/repair', policies.REPAIR,
         body=server_types.Recover)
def repair(call: routing.Call, server_id: str) -> routing.Document:
    """Find out what is wrong with a server, and mend that."""
    return work.accepted_with_id(_act(call, server_id, 'repair'))


@_action(f'{_PATH}/reset-reboot', policies.RESET_REBOOT,
         body=server_types.ResetReboot)
def reset_reboot(call: routing.Call, server_id: str) -> None:
    """Reset the state of a server, and reboot it if that is asked for."""
    work.accepted(_act(call, server_id, 'reset-reboot'))


@_action(f'{_PATH}/wakeup', policies.WAKEUP,
         body=server_types.Nothing)
def wakeup(call: routing.Call, server_id: str) -> None:
    """Bring a server that rests to run."""
    work.accepted(_act(call, server_id, 'wakeup'))


@_followed(f'{_PATH}/clone', policies.CLONE,
         body=server_types.Clone)
def clone(call: routing.Call, server_id: str) -> routing.Document:
    """Make copies of a server with its volumes."""
    if call.values.get('count', 1) > 1 and not clone_names.tells_apart(
            call.values.get('name', clone_names.DEFAULT)):
        raise exception.Invalid(
            reason='Field name must contain {number} for several clones.')
    return work.accepted_with_id(_act(call, server_id, 'clone'))
