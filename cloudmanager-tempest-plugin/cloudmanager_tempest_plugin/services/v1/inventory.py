# SPDX-License-Identifier: Apache-2.0
"""Clients for nodes and for what belongs to them."""

from collections.abc import Sequence
from typing import Any

from cloudmanager_tempest_plugin.services.v1 import base


class NodesClient(base.Collection):
    """Nodes, their power, their power controls and their modes."""

    path = '/v1/nodes/'
    singular = 'node'
    plural = 'nodes'

    def act(self, node_id: int, action: str, body: Any = None) -> str:
        """Begin an action on a node; return the id of its task."""
        return self.begin(f'{self.path}{node_id}/actions/{action}', body)

    def act_at_once(self, node_id: int, action: str, body: Any) -> None:
        """Carry out an action that makes no task."""
        self.call('POST', f'{self.path}{node_id}/actions/{action}', body,
                  204)

    def reset_several(self, node_ids: Sequence[int]) -> Any:
        """Reset nodes; return the document of the answer."""
        return self.call('POST', f'{self.path}actions/reset',
                         {'node_ids': list(node_ids)})

    def attach(self, controller: str, hosts: Sequence[str]) -> Any:
        """Bind nodes to a virtual controller."""
        return self.call('POST', f'{self.path}actions/attach', {
            'controller_uuid': controller, 'hostnames': list(hosts)})

    def add_power_control(self, node_id: int, control_id: int,
                          port: str) -> Any:
        """Assign an output of a power control."""
        return self.call(
            'POST', f'{self.path}{node_id}/power-controls/', {
                'power_control_id': control_id, 'power_control_port': port},
            201)

    def power_controls(self, node_id: int) -> Any:
        """List the power controls of a node."""
        return self.call('GET', f'{self.path}{node_id}/power-controls/')

    def remove_power_control(self, node_id: int, control_id: int) -> None:
        """Take a power control from a node."""
        self.call('DELETE',
                  f'{self.path}{node_id}/power-controls/{control_id}',
                  want=204)

    def power_actions(self, node_id: int, **filters: Any) -> Any:
        """List what was done to the power of a node."""
        return self.call('GET', f'{self.path}{node_id}/power-actions/',
                         **filters)['power_actions']

    def change_storages(self, method: str, node_id: int,
                        storage_ids: Sequence[int]) -> None:
        """Assign storages to a node: POST adds, PUT replaces."""
        self.call(method, f'{self.path}{node_id}/availability-storages/',
                  {'availability_storages': list(storage_ids)}, 204)

    def remove_storage(self, node_id: int, storage_id: int) -> None:
        """Take a storage from a node."""
        self.call('DELETE', f'{self.path}{node_id}/availability-storages/'
                            f'{storage_id}', want=204)


class NodeClassesClient(base.Collection):
    """Classes of nodes, and their types."""

    path = '/v1/node-classes/'
    singular = 'node_class'
    plural = 'node_classes'

    def types(self, class_id: int) -> Any:
        """List the types of a class."""
        return self.call('GET',
                         f'{self.path}{class_id}/types/')['node_types']

    def create_type(self, class_id: int, name: str) -> Any:
        """Create a type of a class."""
        return self.call('POST', f'{self.path}{class_id}/types/',
                         {'node_type': {'name': name}}, 201)['node_type']

    def update_type(self, class_id: int, type_id: int, name: str) -> Any:
        """Rename a type of a class."""
        return self.call('PUT', f'{self.path}{class_id}/types/{type_id}',
                         {'node_type': {'name': name}})['node_type']

    def delete_type(self, class_id: int, type_id: int) -> None:
        """Delete a type of a class."""
        self.call('DELETE', f'{self.path}{class_id}/types/{type_id}',
                  want=204)


class NodeImagesClient(base.Collection):
    """Images that nodes boot from."""

    path = '/v1/node-images/'
    singular = 'node_image'
    plural = 'node_images'


class StoragesClient(base.Collection):
    """Availability storages."""

    path = '/v1/availability-storages/'
    singular = 'availability_storage'
    plural = 'availability_storages'

    def change_nodes(self, method: str, storage_id: int,
                     node_ids: Sequence[int]) -> None:
        """Assign a storage to nodes: POST adds, PUT replaces."""
        self.call(method, f'{self.path}{storage_id}/nodes/',
                  {'nodes': list(node_ids)}, 204)

    def remove_node(self, storage_id: int, node_id: int) -> None:
        """Take a storage from a node."""
        self.call('DELETE', f'{self.path}{storage_id}/nodes/{node_id}',
                  want=204)


class PowerControlsClient(base.Collection):
    """Devices that switch nodes."""

    path = '/v1/power-controls/'
    singular = 'power_control'
    plural = 'power_controls'

    def types(self) -> Any:
        """List the types that the service knows."""
        return self.call('GET', f'{self.path}types')

    def protocols(self) -> Any:
        """List the protocols that the service knows."""
        return self.call('GET', f'{self.path}protocols')

    def nodes(self, control_id: int) -> Any:
        """List the nodes of a power control."""
        return self.call('GET', f'{self.path}{control_id}/nodes')

    def switch(self, control_id: int, action: str, output: int) -> str:
        """Switch an output; return the id of the task."""
        return self.begin(f'{self.path}{control_id}/actions/{action}',
                          {'coil': output})
