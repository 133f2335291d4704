# SPDX-License-Identifier: Apache-2.0
"""Tasks."""

from collections.abc import Sequence

import pecan

from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import hosts as host_types
from cloudmanager.api.types import tasks as task_types
from cloudmanager.common import exception
from cloudmanager.common import policy
from cloudmanager.conductor import rpcapi
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.domain import task_states
from cloudmanager.policies import tasks as policies

Task = task_types.Task
Item = task_types.Item
NEWEST_FIRST = (('created_at', 'desc'),)
_LIST, _ONE = '/v1/tasks', '/v1/tasks/{task_id}'


@routing.route('GET', _LIST, policies.LIST,
               query=Parameters(Task, paged=True, flags=task_types.DETAIL,
                                order=NEWEST_FIRST),
               answers={200: task_types.LIST})
def list_tasks(call: routing.Call) -> routing.Document:
    """List tasks: their ids, or with ``detail`` what they do."""
    detail = call.flags['detail']
    if call.chosen is not None and not detail:
        raise exception.Invalid(
            reason='Parameter fields needs detail=true.')

    def render(rows: listing.Rows) -> Sequence[object]:
        if not detail:
            return [row['id'] for row in rows]
        counts = db_tasks.progress(call.context,
                                   [row['id'] for row in rows])
        return [Task.render(row) | {'progress': counts[row['id']]}
                for row in rows]

    return listing.page(call, db_tasks.list_tasks, render)


@routing.route('GET', _ONE, policies.GET, answers={200: task_types.One})
def show_task(call: routing.Call, task_id: str) -> routing.Document:
    """Show a task with its items."""
    row = db_tasks.get_task(call.context, task_id)
    key = row['id']
    items = db_tasks.items(call.context, [key])[key]
    counts = db_tasks.progress(call.context, [key])[key]
    return Task.render(row) | {
        'traceback': _traceback(call, row), 'progress': counts,
        'items': [_item(item) for item in items]}


def _item(row: models.Row) -> models.Row:
    """Return an item as it is answered, with how far it is if it tells."""
    memory = row['memory'] or {}
    return Item.render(row) | {name: memory.get(name)
                               for name in task_states.SHOWN}


def _traceback(call: routing.Call, row: models.Row) -> str | None:
    try:
        policy.authorize(call.context, policies.TRACEBACK)
    except exception.Forbidden:
        return None
    traceback: str | None = row['traceback']
    return traceback


@routing.route('POST', f'{_ONE}/actions/cancel', policies.CANCEL,
               body=task_types.Cancel, answers={202: None}, errors=(409,))
def cancel_task(call: routing.Call, task_id: str) -> None:
    """Start nothing more; let what runs finish, or abort it."""
    db_tasks.request_cancel(call.context, task_id,
                            call.values.get('running', 'finish'))
    work.accepted(task_id)


@routing.route('POST', f'{_ONE}/actions/undo', policies.UNDO,
               body=task_types.Undo, answers=host_types.ANSWERS,
               errors=(409, 503))
def undo_task(call: routing.Call, task_id: str) -> routing.Document:
    """Bring back the servers that a task has moved, or plan that only."""
    task = db_tasks.get_task(call.context, task_id)
    dry_run = call.values.get('dry_run', False)
    targets, params = _targets(call, task), {'task_id': task['id']}
    if not dry_run:
        # A double request must not be judged by what the first has done.
        running = _running(call, targets, params)
        if running is not None:
            return work.accepted_with_id(running)
    checked = rpcapi.ConductorAPI().check_task_action(
        call.context, 'undo', task['id'], {'dry_run': dry_run})
    if dry_run:
        pecan.response.status_int = 200
        return {'plan': checked['plan']}
    return work.accepted_with_id(work.start(
        call, 'task.undo', targets=targets, params=params))


def _targets(call: routing.Call, task: models.Row) -> list[str]:
    """Return what a task acted on that moved servers."""
    seen: set[str] = set()
    while task['name'] == 'task.undo' and task['id'] not in seen:
        seen.add(task['id'])
        task = db_tasks.get_task(call.context, task['params']['task_id'])
    if 'aggregate_id' in task['params']:
        return [f'aggregate:{task["params"]["aggregate_id"]}']
    hosts = [task['host']] if task['host'] else task['params'].get(
        'hosts', [])
    return [f'host:{host}' for host in hosts]


def _running(call: routing.Call, targets: list[str],
             params: models.Row) -> str | None:
    """Return the id of the equal task that runs, if there is one."""
    for target in targets:
        found = db_tasks.find_running(call.context, target)
        if (found is not None and found['name'] == 'task.undo'
                and found['params'] == params):
            task_id: str = found['id']
            return task_id
    return None
