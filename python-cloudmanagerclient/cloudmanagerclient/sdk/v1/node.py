# SPDX-License-Identifier: Apache-2.0
"""Nodes and what belongs to one."""

from typing import Any

from openstack import resource

from cloudmanagerclient.sdk.v1 import _base

FILTERS = (
    'id', 'created_at', 'time_created', 'image_id', 'node_class_id',
    'node_type_id', 'hypervisor_id', 'name', 'controller_id',
    'controller_type', 'description', 'dtc_number', 'unit_number',
    'rack_number', 'row_number', 'cpu_amount', 'ram_mb', 'hdd_gb',
    'ip_addresses', 'mac_address', 'title', 'is_reserved', 'is_controller',
    'inventory_code', 'power_state', 'owner', 'active', 'condition',
    'power_status', 'q')

#: What the numbers of ``condition`` mean.
CONDITIONS = {0: 'out of service', 1: 'enabled', 2: 'disabled', 3: 'alarm',
              4: 'reserved'}


class Node(_base.Resource):
    """A physical machine."""

    resource_key = 'node'
    resources_key = 'nodes'
    base_path = '/nodes'
    name_filter = 'name'

    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        *FILTERS, *_base.LISTED, 'with_os_object', 'with_hwinfo')

    #: When the node was created: UTC, without a zone.
    created_at: str = resource.Body('created_at')
    #: Id of the image.
    image_id: int = resource.Body('image_id', type=int)
    #: Id of the class.
    node_class_id: int = resource.Body('node_class_id', type=int)
    #: Id of the type, one of the class.
    node_type_id: int = resource.Body('node_type_id', type=int)
    #: UUID of the hypervisor in Nova.
    hypervisor_id: str | None = resource.Body('hypervisor_id')
    #: UUID of the virtual controller that the node is bound to.
    controller_id: str | None = resource.Body('controller_id')
    #: Type of the virtual controller.
    controller_type: str | None = resource.Body('controller_type')
    description: str | None = resource.Body('description')
    #: Number of the data centre.
    dtc_number: int | None = resource.Body('dtc_number', type=int)
    #: Number of the row of racks.
    row_number: int | None = resource.Body('row_number', type=int)
    #: Number of the rack.
    rack_number: int | None = resource.Body('rack_number', type=int)
    #: Number of the place in the rack.
    unit_number: int | None = resource.Body('unit_number', type=int)
    #: Number of processors.
    cpu_amount: int | None = resource.Body('cpu_amount', type=int)
    #: Memory in MB.
    ram_mb: int | None = resource.Body('ram_mb', type=int)
    #: Disk space in GB.
    hdd_gb: int | None = resource.Body('hdd_gb', type=int)
    ip_addresses: list[str] = resource.Body('ip_addresses', type=list)
    mac_address: str | None = resource.Body('mac_address')
    title: str | None = resource.Body('title')
    is_reserved: bool = resource.Body('is_reserved', type=bool)
    is_controller: bool = resource.Body('is_controller', type=bool)
    inventory_code: str | None = resource.Body('inventory_code')
    #: ``power_on``, ``power_off``, or ``None`` when it is not known.
    power_state: str | None = resource.Body('power_state')
    #: ``on``, ``degraded``, ``off``, ``error``, ``never-checked`` or
    #: ``no-config``.
    power_status: str = resource.Body('power_status')
    #: When the power state was read.
    power_state_at: str | None = resource.Body('power_state_at')
    power_state_reason: str | None = resource.Body('power_state_reason')
    owner: str | None = resource.Body('owner')
    is_active: bool = resource.Body('active', type=bool)
    #: See :data:`CONDITIONS`.
    condition: int = resource.Body('condition', type=int)
    condition_reason: str | None = resource.Body('condition_reason')
    #: Since when Nova has not known the hypervisor.
    hypervisor_lost_at: str | None = resource.Body('hypervisor_lost_at')
    metadata: dict[str, Any] | None = resource.Body('metadata')
    node_class: dict[str, Any] = resource.Body('node_class')
    node_type: dict[str, Any] = resource.Body('node_type')
    image: dict[str, Any] = resource.Body('image')
    #: Power controls of the node.
    node_controls: list[dict[str, Any]] = resource.Body('node_controls')
    availability_storages: list[dict[str, Any]] = resource.Body(
        'availability_storages')
    cpu_allocation_ratio: float | None = resource.Body(
        'cpu_allocation_ratio', type=float)
    ram_allocation_ratio: float | None = resource.Body(
        'ram_allocation_ratio', type=float)
    #: The hypervisor in Nova, if it was asked for.
    os_hypervisor: dict[str, Any] | None = resource.Body('os_hypervisor')
    #: The hardware, if it was asked for.
    hwinfo: dict[str, Any] | None = resource.Body('hwinfo')
    nas: dict[str, Any] | None = resource.Body('nas')
    #: What the agent says of itself and the guests of its node, and when it
    #: was heard last.
    agent: dict[str, Any] | None = resource.Body('agent')
    #: Modes of the agent: what is wished and what is, by their names.
    modes: dict[str, Any] | None = resource.Body('modes')


class NodePowerControl(_base.Resource):
    """A power control that feeds a node."""

    resource_key = 'power_control'
    resources_key = 'power_controls'
    base_path = '/nodes/%(node)s/power-controls'

    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True

    #: Id or name of the node.
    node: str = resource.URI('node')
    power_control_id: int = resource.Body(
        'power_control_id', type=int, alternate_id=True)
    #: Output of the device.
    power_control_port: str = resource.Body('power_control_port')
    power_control_title: str = resource.Body('power_control_title')
    is_default: bool = resource.Body('is_default', type=bool)
    is_initialized: bool = resource.Body('is_initialized', type=bool)
    control_type: str = resource.Body('control_type')
    protocol_type: str = resource.Body('protocol_type')


class PowerAction(_base.Resource):
    """An entry of the log of power actions on a node."""

    resource_key = 'power_action'
    resources_key = 'power_actions'
    base_path = '/nodes/%(node)s/power-actions'

    allow_fetch = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        'id', 'action', 'start_time', 'created_at', 'user_name',
        'power_control_id', 'result', 'task_id', *_base.LISTED)

    #: Id or name of the node.
    node: str = resource.URI('node')
    node_id: int | None = resource.Body('node_id', type=int)
    action: str = resource.Body('action')
    start_time: str = resource.Body('start_time')
    #: Seconds.
    duration: float | None = resource.Body('duration', type=float)
    user_name: str | None = resource.Body('user_name')
    power_control_id: int | None = resource.Body(
        'power_control_id', type=int)
    power_control_port: str | None = resource.Body('power_control_port')
    #: ``success``, ``failure``, ``cancelled``, or ``running``.
    result: str = resource.Body('result')
    error: str | None = resource.Body('error')
    task_id: str | None = resource.Body('task_id')


class NodeHealth(_base.Resource):
    """What the power controls of a node read from its sensors."""

    resource_key = 'health'
    base_path = '/nodes/%(node)s/health'
    requires_id = False

    allow_fetch = True

    #: Id or name of the node.
    node: str = resource.URI('node')
    node_id: int = resource.Body('node_id', type=int)
    status: str = resource.Body('status')
    devices: list[dict[str, Any]] = resource.Body('devices')


class NodeClass(_base.Resource):
    """A kind of nodes."""

    resource_key = 'node_class'
    resources_key = 'node_classes'
    base_path = '/node-classes'
    name_filter = 'name'

    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters('id', 'name', *_base.LISTED)

    is_default: bool = resource.Body('is_default', type=bool)
    node_types: list[dict[str, Any]] = resource.Body('node_types')


class NodeType(_base.Resource):
    """A type of the nodes of a class."""

    resource_key = 'node_type'
    resources_key = 'node_types'
    base_path = '/node-classes/%(class_id)s/types'

    allow_create = True
    allow_commit = True
    allow_delete = True
    allow_list = True

    #: Id of the class.
    class_id: int = resource.URI('class_id')


class NodeImage(_base.Resource):
    """A file that nodes boot from over the network."""

    resource_key = 'node_image'
    resources_key = 'node_images'
    base_path = '/node-images'
    name_filter = 'image_name'

    allow_create = True
    allow_fetch = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        'id', 'created_at', 'image_name', *_base.LISTED)

    name: str = resource.Body('image_name')
    image_name: str = resource.Body('image_name')
    created_at: str = resource.Body('created_at')
    #: Content of the file.
    file_data: str = resource.Body('file_data')


class AvailabilityStorage(_base.Resource):
    """A storage to which nodes write that they are alive."""

    resource_key = 'availability_storage'
    resources_key = 'availability_storages'
    base_path = '/availability-storages'
    name_filter = 'name'

    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        'id', 'availability_storage_id', 'name', *_base.LISTED)

    #: Its path on compute hosts.
    compute_path: str = resource.Body('compute_path')
    #: Its path on controllers.
    controller_path: str = resource.Body('controller_path')
    #: The nodes that it is assigned to.
    nodes: list[dict[str, Any]] = resource.Body('nodes')
