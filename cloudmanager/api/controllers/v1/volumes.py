# SPDX-License-Identifier: Apache-2.0
"""Logical volumes behind the volumes of Cinder."""

import functools

import pecan

from cloudmanager.api import listing
from cloudmanager.api import routing
from cloudmanager.api import work
from cloudmanager.api.filters import memory
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import fields
from cloudmanager.api.types import hosts as host_types
from cloudmanager.api.types import volumes as volume_types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks
from cloudmanager.policies import volumes as policies

Volume = volume_types.Volume
_LIST, _ONE = '/v1/volumes', '/v1/volumes/{volume_id}'
_action = functools.partial(routing.route, 'POST', errors=(409, 503),
                            answers={202: None, 200: host_types.ActionPlan})


def _key(volume_id: str) -> str:
    """Return the id of a volume in a path."""
    return routing.identifier(
        volume_id, exception.VolumeNotFound(volume=volume_id[:255]))


@routing.route('GET', _LIST, policies.LIST,
               query=Parameters(Volume, paged=True),
               answers={200: volume_types.VOLUMES}, errors=(503,))
def list_volumes(call: routing.Call) -> routing.Document:
    """List Cinder's volumes on LVM.

    Those whose agent does not answer are left out, with a warning.
    """
    found = rpcapi.ConductorAPI().list_volumes(call.context)
    document = listing.page(
        call, lambda context, query: memory.select(found['volumes'], query),
        lambda rows: [_shown(row) for row in rows])
    if found['warnings']:
        document['warnings'] = found['warnings']
    return document


def _shown(row: models.Row) -> models.Row:
    """Return a volume as it is answered: its id has a longer name."""
    return {name: value for name, value in row.items() if name != 'id'}


@routing.route('GET', _ONE, policies.GET,
               answers={200: volume_types.ONE_VOLUME}, errors=(503,))
def show_volume(call: routing.Call, volume_id: str) -> routing.Document:
    """Show a volume on LVM and the hosts that hold it."""
    return {'volume': _shown(rpcapi.ConductorAPI().show_volume(
        call.context, _key(volume_id)))}


@_action(f'{_ONE}/actions/mirror', policies.MIRROR,
         body=volume_types.Mirror)
def mirror(call: routing.Call, volume_id: str) -> routing.Document | None:
    """Set how many extra copies of a volume there are."""
    return _begin(call, volume_id, volume_types.Mirror)


@_action(f'{_ONE}/actions/pv-migrate', policies.PV_MIGRATE,
         body=volume_types.Migration)
def pv_migrate(call: routing.Call,
               volume_id: str) -> routing.Document | None:
    """Move the data of a volume to another physical volume."""
    if call.values.get('dest_pv') == call.values['source_pv']:
        raise exception.Invalid(
            reason='Field dest_pv must not be the same as source_pv.')
    return _begin(call, volume_id, volume_types.Migration)


def _begin(call: routing.Call, volume_id: str,
           body: type[fields.Resource]) -> routing.Document | None:
    """Answer the plan of a dry run, or begin the action of the path.

    :raises VolumeNotFound: there is no such volume
    :raises Conflict: its state, another task, or lack of space is in the way
    """
    volume_id = _key(volume_id)
    action = call.route.segments[-1]
    params = {**body.defaults(), **call.values}
    dry_run = params.pop('dry_run')
    name, target = f'volume.{action}', f'volume:{volume_id}'
    task_params = {**params, 'volume_id': volume_id}
    if not dry_run:
        # A double request must not be judged by what the first has done.
        running = db_tasks.find_running(call.context, target)
        if running is not None:
            if running['name'] != name or running['params'] != task_params:
                raise exception.TaskConflict(
                    task=running['id'], name=running['name'], target=target)
            work.accepted(running['id'])
            return None
    checked = rpcapi.ConductorAPI().check_volume_action(
        call.context, action, volume_id, params)
    if dry_run:
        pecan.response.status_int = 200
        return {'plan': checked['plan']}
    work.accepted(work.start(
        call, name, targets=checked['targets'], params=task_params,
        host=checked['host']))
    return None
