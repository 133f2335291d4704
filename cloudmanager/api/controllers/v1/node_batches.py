# SPDX-License-Identifier: Apache-2.0
"""Switching several nodes in one request.

Each node is on its own: what keeps one from being switched keeps no other.
"""

import itertools

from oslo_config import cfg

from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.controllers.v1 import node_power
from cloudmanager.api.types import power as power_forms
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import waiting
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import power_types
from cloudmanager.policies import nodes as policies

CONF = cfg.CONF
# Seconds between looks at the task; the last one repeats.
PAUSES = (0.1, 0.2, 0.3, 0.5)
ENDED = (db_tasks.ITEM_FAILED, db_tasks.ITEM_SKIPPED)


@routing.route('POST', '/v1/nodes/actions/reset', policies.POWER,
               body=power_forms.ResetNodes,
               answers={200: power_forms.Resets})
def reset_nodes(call: routing.Call) -> routing.Document:
    """Restart nodes at once and wait for them, but not for ever."""
    manner = node_power.manner(call)
    ids = _ids(call)
    errors = _unable(call, ids, manner)
    success: set[int] = set()
    with waiting.slot():
        task_id = _start(call, 'nodes.reset', ids, manner, errors)
        if task_id is not None:
            _await_end(call, task_id)
            success = _outcome(call, task_id, errors)
    return {'success': [key for key in ids if key in success],
            'failed': [key for key in ids if key in errors],
            'running': [key for key in ids
                        if key not in success and key not in errors],
            'errors': _texts(errors),
            'task_id': task_id}


@routing.route('POST', '/v1/nodes/actions/power-on', policies.POWER,
               body=power_forms.OnNodes,
               answers={202: power_forms.Switched}, errors=(409,))
def power_on_nodes(call: routing.Call) -> routing.Document:
    """Switch nodes on, in the turns of their racks."""
    return _switch(call, 'power-on')


@routing.route('POST', '/v1/nodes/actions/power-off', policies.POWER,
               body=power_forms.OffNodes,
               answers={202: power_forms.Switched}, errors=(409,))
def power_off_nodes(call: routing.Call) -> routing.Document:
    """Switch nodes off, softly first if not told otherwise."""
    return _switch(call, 'power-off')


def _switch(call: routing.Call, action: str) -> routing.Document:
    params = {'action': action, **node_power.manner(call)}
    ids = _ids(call)
    errors = _unable(call, ids, params)
    task_id = _start(call, 'nodes.power', ids, params, errors)
    if task_id is None:
        raise exception.NoNodeToSwitch(reasons=' '.join(errors.values()))
    return work.accepted_with_id(task_id) | {
        'failed': [key for key in ids if key in errors],
        'errors': _texts(errors)}


def _ids(call: routing.Call) -> list[int]:
    """Return the ids of a request, each once."""
    return list(dict.fromkeys(call.values['node_ids']))


def _texts(errors: dict[int, str]) -> dict[str, str]:
    return {str(key): text for key, text in errors.items()}


def _unable(call: routing.Call, ids: list[int],
            params: models.Row) -> dict[int, str]:
    """Return why some nodes cannot be switched, by id.

    :param params: how they are to be switched
    """
    found = db_nodes.control_types(call.context, ids)
    names = db_nodes.names(call.context, ids)
    errors: dict[int, str] = {}
    for key in ids:
        try:
            if key not in found:
                raise exception.NodeNotFound(node=key)
            if not found[key]:
                raise exception.NoPowerControl(node=key)
            for control_type in found[key]:
                power_types.require_driver(control_type)
            db_tasks.check_may_stop(call.context, names.get(key), params)
        except exception.CloudManagerException as exc:
            errors[key] = exc.message
    return errors


def _start(call: routing.Call, name: str, ids: list[int],
           params: models.Row, errors: dict[int, str]) -> str | None:
    """Begin a task with those that no other task acts on.

    :param ids: of all nodes that were asked for
    :param params: of the task, beside the ids
    :param errors: why some are left out, and gets why more are
    :returns: its id; ``None`` when no node is left
    """
    ids = [key for key in ids if key not in errors]
    while ids:
        try:
            return work.start(
                call, name, targets=[f'node:{key}' for key in ids],
                params={'node_ids': ids, **params})
        except exception.TaskConflict as exc:
            unable = int(exc.kwargs['target'].rpartition(':')[2])
            errors[unable] = exc.message
        except exception.NodeNotFound as exc:
            unable = exc.kwargs['node']
            errors[unable] = exc.message
        ids = [key for key in ids if key != unable]
    return None


def _await_end(call: routing.Call, task_id: str) -> None:
    """Wait until a task has ended or the time is over."""
    deadline = clock.monotonic() + CONF.power.batch_timeout
    for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
        status = db_tasks.get_task(call.context, task_id)['status']
        left = deadline - clock.monotonic()
        if status not in db_tasks.ACTIVE or left <= 0:
            return
        clock.sleep(min(pause, left))


def _outcome(call: routing.Call, task_id: str,
             errors: dict[int, str]) -> set[int]:
    """Return the nodes that were reset.

    Of those that are not known yet nothing is said: what is said is final.

    :param errors: gets why others were not
    """
    task = db_tasks.get_task(call.context, task_id)
    items = {int(item['object_id']): item for item in
             db_tasks.items(call.context, [task_id])[task_id]}
    success = set()
    for key in task['params']['node_ids']:
        item = items.get(key)
        if item is not None and item['state'] == db_tasks.ITEM_DONE:
            success.add(key)
        elif task['status'] not in db_tasks.ACTIVE or (
                item is not None and item['state'] in ENDED):
            errors[key] = ((item or {}).get('error') or task['result']
                           or 'The task ended before.')
    return success
