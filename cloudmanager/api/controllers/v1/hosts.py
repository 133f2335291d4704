# SPDX-License-Identifier: Apache-2.0
"""Actions on compute hosts."""

import functools

import pecan

from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.types import formats
from cloudmanager.api.types import hosts as host_types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import models
from cloudmanager.db import nodes as db_nodes
from cloudmanager.db import tasks as db_tasks
from cloudmanager.policies import hosts as policies

_NAME = formats.ComputeHost()

_action = functools.partial(routing.route, 'POST', errors=(404, 409, 503),
                            answers=host_types.ANSWERS)


def act(call: routing.Call, host_name: str) -> routing.Document:
    """Answer the plan of a dry run, or begin the action of the path.

    :param host_name: exact name; what only begins like it is another host
    """
    action = call.route.segments[-1]
    flags, dry_run = _read(call, action)
    _check_name(host_name)
    return begin(call, f'host.{action}', [host_name], host_name, flags,
                  dry_run)


for _name, _text in policies.ACTIONS.texts.items():
    _action(policies.ACTIONS.path(_name), policies.ACTIONS.rule_name(_name),
            body=host_types.body(_name), title=policies.ACTIONS.title(_name),
            text=_text)(act)


def _check_name(host: str) -> None:
    """Check that a host can have this name.

    :raises HostNotFound: it cannot
    """
    try:
        _NAME.convert(host)
    except ValueError as exc:
        raise exception.HostNotFound(
            host=host[:formats.MAX_COMPUTE_HOST]) from exc


def _read(call: routing.Call, action: str) -> tuple[models.Row, bool]:
    """Return the flags of a body, all of them, and whether to plan only."""
    flags = {**host_types.defaults(action), **call.values}
    return flags, flags.pop('dry_run', False)


def begin(call: routing.Call, name: str, hosts: list[str],
           host: str | None, flags: models.Row,
           dry_run: bool) -> routing.Document:
    """Check an action on hosts, and begin it.

    :param host: the one host that it is about, if it is one
    """
    action = name.partition('.')[2]
    if not dry_run:
        # A double request must not be judged by what the first has done.
        running = _running(call, name, hosts, flags)
        if running is not None:
            return work.accepted_with_id(running)
    checked = rpcapi.ConductorAPI().check_host_action(
        call.context, action, host, {**flags, 'dry_run': dry_run})
    if dry_run:
        pecan.response.status_int = 200
        return {'plan': checked['plan']}
    targets = [f'host:{found}' for found in hosts]
    for found in hosts:
        node = db_nodes.find_by_name(call.context, found)
        if node is not None:
            targets.append(f'node:{node["id"]}')
    return work.accepted_with_id(work.start(
        call, name, targets=targets, host=host,
        params={**flags, **checked.get('params', {})},
        defaults=host_types.defaults(action)))


def _running(call: routing.Call, name: str, hosts: list[str],
             flags: models.Row) -> str | None:
    """Return the id of the equal task that runs, if there is one.

    :raises TaskConflict: another task acts on one of the hosts
    """
    for host in hosts:
        target = f'host:{host}'
        running = db_tasks.find_running(call.context, target)
        if running is None:
            continue
        if running['name'] == name and _is_equal(running['params'], flags):
            task_id: str = running['id']
            return task_id
        raise exception.TaskConflict(
            task=running['id'], name=running['name'], target=target)
    return None


def _is_equal(asked: models.Row, flags: models.Row) -> bool:
    """Tell whether two requests ask for the same.

    A task that was begun by an older version lacks newer flags, and what is
    not given means the same as false or 0.
    """
    return all((asked.get(key) or None) == (value or None)
               for key, value in flags.items())


@_action('/v1/hosts/actions/restart', policies.RESTART,
         body=host_types.Restart)
def restart(call: routing.Call) -> routing.Document:
    """Restart hosts, one or some at a time, without losing a server."""
    flags, dry_run = _read(call, 'restart')
    for host in flags['hosts']:
        _check_name(host)
    if 'in_sequence' not in call.values:
        flags['in_sequence'] = True
    return begin(call, 'hosts.restart', flags['hosts'], None, flags,
                  dry_run)
