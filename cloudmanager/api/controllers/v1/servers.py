# SPDX-License-Identifier: Apache-2.0
"""Actions on servers."""

from typing import Any

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


def _declared(action: str, *, followed: bool) -> dict[str, Any]:
    """Return what a route says of an action.

    :param followed: its answer has a body with the id of the task
    """
    return {'body': server_types.ACTIONS[action], 'errors': (404, 409, 503),
            'answers': {202: answers.TaskId if followed else None}}


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
        return running['id']
    in_the_way = running or db_tasks.find_mover(call.context, server_id)
    if in_the_way:
        raise exception.TaskConflict(task=in_the_way['id'], target=target,
                                     name=in_the_way['name'])
    checked = rpcapi.ConductorAPI().check_server_action(
        call.context, action, server_id, params)
    return work.start(call, name, targets=[target], params=params,
                      host=checked['host'], server_id=server_id,
                      defaults=body.defaults())


@routing.route('POST', f'{_PATH}/balance', policies.BALANCE,
               **_declared('balance', followed=False))
def balance(call: routing.Call, server_id: str) -> Any:
    """Move a server to a host with less load."""
    work.accepted(_act(call, server_id, 'balance'))


@routing.route('POST', f'{_PATH}/recover', policies.RECOVER,
               **_declared('recover', followed=True))
def recover(call: routing.Call, server_id: str) -> Any:
    """Reset the state of a server and bring it back."""
    return work.accepted_with_id(_act(call, server_id, 'recover'))


@routing.route('POST', f'{_PATH}/repair', policies.REPAIR,
               **_declared('repair', followed=True))
def repair(call: routing.Call, server_id: str) -> Any:
    """Find out what is wrong with a server, and mend that."""
    return work.accepted_with_id(_act(call, server_id, 'repair'))


@routing.route('POST', f'{_PATH}/reset-reboot', policies.RESET_REBOOT,
               **_declared('reset-reboot', followed=False))
def reset_reboot(call: routing.Call, server_id: str) -> Any:
    """Reset the state of a server, and reboot it if that is asked for."""
    work.accepted(_act(call, server_id, 'reset-reboot'))


@routing.route('POST', f'{_PATH}/wakeup', policies.WAKEUP,
               **_declared('wakeup', followed=False))
def wakeup(call: routing.Call, server_id: str) -> Any:
    """Bring a server that rests to run."""
    work.accepted(_act(call, server_id, 'wakeup'))


@routing.route('POST', f'{_PATH}/clone', policies.CLONE,
               **_declared('clone', followed=True))
def clone(call: routing.Call, server_id: str) -> Any:
    """Make copies of a server with its volumes."""
    if call.values.get('count', 1) > 1 and not clone_names.tells_apart(
            call.values.get('name', clone_names.DEFAULT)):
        raise exception.Invalid(
            reason='Field name must contain {number} for several clones.')
    return work.accepted_with_id(_act(call, server_id, 'clone'))
