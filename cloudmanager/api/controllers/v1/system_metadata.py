# SPDX-License-Identifier: Apache-2.0
"""System metadata of servers, which Nova's own API does not show."""

from cloudmanager.api import routing
from cloudmanager.api.types import system_metadata as types
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.policies import system_metadata as policies

_ONE = '/v1/system_metadata/{instance_uuid}'


def _server(instance_uuid: str) -> str:
    """Return the id of a server in a path."""
    return routing.identifier(instance_uuid, exception.ServerNotFound(
        server=instance_uuid[:255]))


@routing.route('GET', _ONE, policies.GET, answers={200: types.Answer})
def show(call: routing.Call, instance_uuid: str) -> routing.Document:
    """Show the system metadata of a server."""
    return {'metadata': rpcapi.ConductorAPI().show_system_metadata(
        call.context, _server(instance_uuid))}


@routing.route('PUT', _ONE, policies.CHANGE, body=types.Metadata,
               answers={204: None}, errors=(409,))
def update(call: routing.Call, instance_uuid: str) -> None:
    """Set system metadata of a server; what is left out stays.

    Refused while Nova is working on the server.
    """
    rpcapi.ConductorAPI().update_system_metadata(
        call.context, _server(instance_uuid), call.values)


@routing.route('DELETE', f'{_ONE}/removed/{{removed}}', policies.CHANGE,
               answers={204: None}, errors=(409,))
def remove(call: routing.Call, instance_uuid: str, removed: str) -> None:
    """Remove one of the system metadata of a server."""
    rpcapi.ConductorAPI().remove_system_metadata(
        call.context, _server(instance_uuid), removed)
