# SPDX-License-Identifier: Apache-2.0
"""Actions on servers."""

from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.types import answers
from cloudmanager.api.types import servers as server_types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import clone_names
from cloudmanager.policies import servers as policies

# Their answers have no body; the task is in the header Location.
_WITHOUT_BODY = ('balance', 'reset-reboot', 'wakeup')


def begin(call: routing.Call, server_id: str) -> None:
    """Begin the action of the path; the answer has no body."""
    work.accepted(_begin(call, server_id))


def begin_with_id(call: routing.Call, server_id: str) -> routing.Document:
    """Begin the action of the path and answer the id of its task."""
    return work.accepted_with_id(_begin(call, server_id))


def _begin(call: routing.Call, server_id: str) -> str:
    """Begin an action, or find the equal one that runs.

    :returns: the id of its task
    :raises Invalid: fields of its body do not go together
    :raises ServerNotFound: there is no such server
    :raises Conflict: its state, or another task, is in the way
    """
    action = call.route.segments[-1]
    if action == 'clone':
        _check_clones(call)
    server_id = routing.identifier(
        server_id, exception.ServerNotFound(server=server_id[:255]))
    name, target = f'server.{action}', f'server:{server_id}'
    body = server_types.body(action)
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


def _check_clones(call: routing.Call) -> None:
    """Check that several clones get names of their own.

    :raises Invalid: they would not
    """
    if call.values.get('count', 1) > 1 and not clone_names.tells_apart(
            call.values.get('name', clone_names.DEFAULT)):
        raise exception.Invalid(
            reason='Field name must contain {number} for several clones.')


for _name, _text in policies.ACTIONS.texts.items():
    _bare = _name in _WITHOUT_BODY
    routing.route('POST', policies.ACTIONS.path(_name),
                  policies.ACTIONS.rule_name(_name),
                  body=server_types.body(_name), errors=(404, 409, 503),
                  answers={202: None if _bare else answers.TaskId},
                  title=policies.ACTIONS.title(_name),
                  text=_text)(begin if _bare else begin_with_id)
