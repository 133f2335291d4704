# SPDX-License-Identifier: Apache-2.0
"""Actions on servers."""

from typing import Any

from cloudmanager.api import routing
from cloudmanager.api.types import answers
from cloudmanager.api.types import servers as server_types
from cloudmanager.common import exception
from cloudmanager.policies import servers as policies

_PATH = '/v1/servers/{server_id}/actions'
_FOLLOWED: dict[str, Any] = {'answers': {202: answers.TASK_ID},
                             'errors': (409, 501, 503)}
_QUIET: dict[str, Any] = {'answers': {202: None}, 'errors': (409, 501, 503)}


def _refuse(server_id: str, what: str) -> None:
    """Say that this version has no such action.

    :raises ServerNotFound: no server can have such an id
    :raises OperationNotImplemented: otherwise
    """
    routing.identifier(server_id,
                       exception.ServerNotFound(server=server_id[:255]))
    raise exception.OperationNotImplemented(what=what)


@routing.route('POST', f'{_PATH}/balance', policies.BALANCE, **_QUIET)
def balance(call: routing.Call, server_id: str) -> Any:
    """Move a server to a host with less load."""
    _refuse(server_id, 'balance a server')


@routing.route('POST', f'{_PATH}/recover', policies.RECOVER, **_FOLLOWED)
def recover(call: routing.Call, server_id: str) -> Any:
    """Reset the state of a server and bring it back."""
    _refuse(server_id, 'recover a server')


@routing.route('POST', f'{_PATH}/repair', policies.REPAIR, **_FOLLOWED)
def repair(call: routing.Call, server_id: str) -> Any:
    """Find out what is wrong with a server, and mend that."""
    _refuse(server_id, 'repair a server')


@routing.route('POST', f'{_PATH}/reset-reboot', policies.RESET_REBOOT,
               body=server_types.RESET_REBOOT, **_QUIET)
def reset_reboot(call: routing.Call, server_id: str) -> Any:
    """Reset the state of a server, and reboot it if that is asked for."""
    _refuse(server_id, 'reset the state of a server')


@routing.route('POST', f'{_PATH}/wakeup', policies.WAKEUP, **_QUIET)
def wakeup(call: routing.Call, server_id: str) -> Any:
    """Bring a server that rests to run."""
    _refuse(server_id, 'wake a server up')


@routing.route('POST', f'{_PATH}/clone', policies.CLONE,
               body=server_types.CLONE, **_FOLLOWED)
def clone(call: routing.Call, server_id: str) -> Any:
    """Make copies of a server with its volumes."""
    _refuse(server_id, 'clone a server')
