# SPDX-License-Identifier: Apache-2.0
"""Power controls: the devices that switch nodes."""

from typing import Any

from openstack import resource

from cloudmanagerclient.sdk.v1 import _base

FILTERS = ('id', 'time_created', 'created_at', 'title', 'control_type',
           'protocol_type', 'host', 'port_number', 'failures')


class PowerControl(_base.Resource):
    """A device that switches nodes on and off."""

    resource_key = 'power_control'
    resources_key = 'power_controls'
    base_path = '/power-controls'
    name_filter = 'title'

    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(*FILTERS, *_base.LISTED)

    name: str = resource.Body('title')
    title: str = resource.Body('title')
    time_created: str = resource.Body('time_created')
    time_updated: str | None = resource.Body('time_updated')
    control_type: str = resource.Body('control_type')
    protocol_type: str = resource.Body('protocol_type')
    #: Its name or address.
    host: str = resource.Body('host')
    #: TCP or UDP port.
    port_number: int = resource.Body('port_number', type=int)
    login: str | None = resource.Body('login')
    #: Never answered.
    password: str | None = resource.Body('password')
    #: Private key, for SshDevice only. Never answered.
    ssh_key: str | None = resource.Body('ssh_key')
    #: Options of its type.
    options: dict[str, Any] | None = resource.Body('options')
    #: Tries in a row that failed.
    failures: int = resource.Body('failures', type=int)
    last_error: str | None = resource.Body('last_error')
    last_error_at: str | None = resource.Body('last_error_at')
    last_success_at: str | None = resource.Body('last_success_at')
    #: When it is asked again.
    retry_at: str | None = resource.Body('retry_at')
    #: Id of the node by output, or ``None`` for a free one.
    coil_map: dict[str, Any] = resource.Body('coil_map')
    coils_count: int = resource.Body('coils_count', type=int)
    used_coils_count: int = resource.Body('used_coils_count', type=int)


class PowerEvent(_base.Resource):
    """A change of what is known of the power of nodes."""

    resources_key = 'power_events'
    base_path = '/power-events'

    allow_list = True

    _query_mapping = resource.QueryParameters(
        'id', 'kind', 'node_id', 'power_control_id', 'created_at',
        *_base.LISTED)

    kind: str = resource.Body('kind')
    node_id: int | None = resource.Body('node_id', type=int)
    power_control_id: int | None = resource.Body(
        'power_control_id', type=int)
    detail: str | None = resource.Body('detail')
    created_at: str = resource.Body('created_at')


class FleetHealth(_base.Resource):
    """How well the power of all nodes is known."""

    base_path = '/power-controls/health'
    requires_id = False

    allow_fetch = True

    power_controls: dict[str, Any] = resource.Body('power_controls')
    nodes: dict[str, int] = resource.Body('nodes')
    conductors: list[dict[str, Any]] = resource.Body('conductors')
