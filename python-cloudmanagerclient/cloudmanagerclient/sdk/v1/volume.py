# SPDX-License-Identifier: Apache-2.0
"""Volumes of Cinder on LVM."""

from typing import Any

from openstack import resource

from cloudmanagerclient.sdk.v1 import _base


class Volume(_base.Resource):
    """A volume as a logical volume."""

    resource_key = 'volume'
    resources_key = 'volumes'
    base_path = '/volumes'

    allow_fetch = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        'volume_backend_name', 'host', 'offset', 'fields')

    volume_id: str = resource.Body('volume_id', alternate_id=True)
    volume_backend_name: str = resource.Body('volume_backend_name')
    host: str = resource.Body('host')
    logical_volume: dict[str, Any] = resource.Body('logical_volume')
    thin_enabled: bool = resource.Body('thin_enabled', type=bool)
    lock_hosts: list[str] = resource.Body('lock_hosts')
    lock_exclusive: bool = resource.Body('lock_exclusive', type=bool)
    lock_reason: str | None = resource.Body('lock_reason')


class VolumeBackend(_base.Resource):
    """A volume group that a backend of Cinder uses."""

    base_path = '/volume-backends'

    allow_list = True

    _query_mapping = resource.QueryParameters(
        'volume_backend_name', 'host', 'vg_name', 'offset', 'fields')

    name: str = resource.Body('volume_backend_name')
    volume_backend_name: str = resource.Body('volume_backend_name')
    host: str = resource.Body('host')
    vg_name: str = resource.Body('vg_name')
    protocol: str = resource.Body('protocol')
    free_size: str = resource.Body('free_size')
    total_size: str = resource.Body('total_size')
    logical_volumes: list[dict[str, Any]] = resource.Body('logical_volumes')
    physical_volumes: list[dict[str, Any]] = resource.Body(
        'physical_volumes')
