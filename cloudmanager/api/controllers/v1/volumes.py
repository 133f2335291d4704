# SPDX-License-Identifier: Apache-2.0
"""Logical volumes behind the volumes of Cinder."""

import functools

from cloudmanager.api import routing
from cloudmanager.api.filters.parameters import Parameters
from cloudmanager.api.types import answers
from cloudmanager.api.types import volumes as volume_types
from cloudmanager.common import exception
from cloudmanager.policies import volumes as policies

Volume = volume_types.Volume
_LIST, _ONE = '/v1/volumes', '/v1/volumes/{volume_id}'
_action = functools.partial(routing.route, 'POST', answers={202: None},
                            errors=(409, 501, 503))


def _key(volume_id: str) -> str:
    """Return the id of a volume in a path."""
    return routing.identifier(
        volume_id, exception.VolumeNotFound(volume=volume_id[:255]))


@routing.route('GET', _LIST, policies.LIST,
               query=Parameters(Volume, paged=True),
               answers={200: answers.page(Volume)}, errors=(501, 503))
def list_volumes(call: routing.Call) -> routing.Document:
    """List logical volumes."""
    raise exception.OperationNotImplemented(what='list volumes')


@routing.route('GET', _ONE, policies.GET,
               answers={200: volume_types.ONE_VOLUME}, errors=(501, 503))
def show_volume(call: routing.Call, volume_id: str) -> routing.Document:
    """Show a logical volume and its locks."""
    _key(volume_id)
    raise exception.OperationNotImplemented(what='show a volume')


@_action(f'{_ONE}/actions/mirror', policies.MIRROR,
         body=volume_types.Mirror)
def mirror(call: routing.Call, volume_id: str) -> routing.Document:
    """Set how many extra copies of a volume there are."""
    _key(volume_id)
    raise exception.OperationNotImplemented(what='mirror a volume')


@_action(f'{_ONE}/actions/pv-migrate', policies.PV_MIGRATE,
         body=volume_types.Migration)
def pv_migrate(call: routing.Call, volume_id: str) -> routing.Document:
    """Move the data of a volume to another physical volume."""
    if call.values.get('dest_pv') == call.values['source_pv']:
        raise exception.Invalid(
            reason='Field dest_pv must not be the same as source_pv.')
    _key(volume_id)
    raise exception.OperationNotImplemented(what='migrate a volume')
