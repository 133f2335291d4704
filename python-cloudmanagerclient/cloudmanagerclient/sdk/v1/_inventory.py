# SPDX-License-Identifier: Apache-2.0
"""Classes, images, storages and power controls."""

from collections.abc import Generator
from collections.abc import Iterable
from typing import Any

from cloudmanagerclient.sdk.v1 import _base
from cloudmanagerclient.sdk.v1 import _requests
from cloudmanagerclient.sdk.v1 import node as _node
from cloudmanagerclient.sdk.v1 import power as _power
from cloudmanagerclient.sdk.v1 import task as _task

Ref = Any
# Bodies have secrets in them; keystoneauth would log them at debug level.
_UNLOGGED = {'log': False}


class Inventory(_requests.Requests):
    """Operations on what describes nodes and switches them.

    Where an object is asked for, the object or its id will do. All lists
    take filters (:mod:`cloudmanagerclient.sdk.filters`), ``sort``,
    ``fields``, ``limit`` (size of a page) and ``max_items``.
    """

    # Classes and types

    def node_classes(self,
                     **query: Any) -> Generator[_node.NodeClass, None, None]:
        """List classes of nodes, page after page."""
        return self._list(_node.NodeClass, **query)

    def count_node_classes(self, **query: Any) -> int:
        """Count classes of nodes."""
        return self._count('/node-classes/count', query)

    def get_node_class(self, node_class: Ref) -> _node.NodeClass:
        """Fetch a class of nodes."""
        return self._get(_node.NodeClass, _base.id_of(node_class))

    def find_node_class(self, name_or_id: str | int,
                        ignore_missing: bool = False
                        ) -> _node.NodeClass | None:
        """Find a class by its name or id."""
        return _node.NodeClass.find(self, name_or_id, ignore_missing)

    def create_node_class(self, **attrs: Any) -> _node.NodeClass:
        """Create a class of nodes.

        :param attrs: ``name``, ``node_types``
        """
        return self._create(_node.NodeClass, **attrs)

    def update_node_class(self, node_class: Ref,
                          **attrs: Any) -> _node.NodeClass:
        """Change a class of nodes."""
        return self._update(_node.NodeClass, _base.id_of(node_class), **attrs)

    def delete_node_class(self, node_class: Ref) -> None:
        """Delete a class of nodes."""
        self._delete(_node.NodeClass, _base.id_of(node_class),
                     ignore_missing=False)

    def node_types(self,
                   node_class: Ref) -> Generator[_node.NodeType, None, None]:
        """List the types of a class."""
        return self._list(_node.NodeType, class_id=_base.id_of(node_class))

    def create_node_type(self, node_class: Ref,
                         **attrs: Any) -> _node.NodeType:
        """Create a type of a class.

        :param attrs: ``name``
        """
        return self._create(_node.NodeType,
                            class_id=_base.id_of(node_class), **attrs)

    def update_node_type(self, node_class: Ref, node_type: Ref,
                         **attrs: Any) -> _node.NodeType:
        """Change a type of a class."""
        return self._update(_node.NodeType, _base.id_of(node_type),
                            class_id=_base.id_of(node_class), **attrs)

    def delete_node_type(self, node_class: Ref, node_type: Ref) -> None:
        """Delete a type of a class."""
        self._delete(_node.NodeType, _base.id_of(node_type),
                     class_id=_base.id_of(node_class), ignore_missing=False)

    # Images

    def node_images(self,
                    **query: Any) -> Generator[_node.NodeImage, None, None]:
        """List images that nodes boot, page after page."""
        return self._list(_node.NodeImage, **query)

    def count_node_images(self, **query: Any) -> int:
        """Count images."""
        return self._count('/node-images/count', query)

    def get_node_image(self, image: Ref) -> _node.NodeImage:
        """Fetch an image."""
        return self._get(_node.NodeImage, _base.id_of(image))

    def find_node_image(self, name_or_id: str | int,
                        ignore_missing: bool = False
                        ) -> _node.NodeImage | None:
        """Find an image by its name or id."""
        return _node.NodeImage.find(self, name_or_id, ignore_missing)

    def create_node_image(self, **attrs: Any) -> _node.NodeImage:
        """Create an image.

        :param attrs: ``image_name``, ``file_data``
        """
        return self._create(_node.NodeImage, **attrs)

    def delete_node_image(self, image: Ref) -> None:
        """Delete an image."""
        self._delete(_node.NodeImage, _base.id_of(image),
                     ignore_missing=False)

    # Availability storages

    def storages(
            self,
            **query: Any) -> Generator[_node.AvailabilityStorage, None, None]:
        """List availability storages, page after page."""
        return self._list(_node.AvailabilityStorage, **query)

    def count_storages(self, **query: Any) -> int:
        """Count availability storages."""
        return self._count('/availability-storages/count', query)

    def get_storage(self, storage: Ref) -> _node.AvailabilityStorage:
        """Fetch an availability storage."""
        return self._get(_node.AvailabilityStorage, _base.id_of(storage))

    def find_storage(self, name_or_id: str | int,
                     ignore_missing: bool = False
                     ) -> _node.AvailabilityStorage | None:
        """Find an availability storage by its name or id."""
        return _node.AvailabilityStorage.find(self, name_or_id,
                                              ignore_missing)

    def create_storage(self, **attrs: Any) -> _node.AvailabilityStorage:
        """Create an availability storage.

        :param attrs: ``name``, ``compute_path``, ``controller_path``
        """
        return self._create(_node.AvailabilityStorage, **attrs)

    def update_storage(self, storage: Ref,
                       **attrs: Any) -> _node.AvailabilityStorage:
        """Change an availability storage."""
        return self._update(_node.AvailabilityStorage, _base.id_of(storage),
                            **attrs)

    def delete_storage(self, storage: Ref) -> None:
        """Delete an availability storage."""
        self._delete(_node.AvailabilityStorage, _base.id_of(storage),
                     ignore_missing=False)

    def add_storage_nodes(self, storage: Ref, nodes: Iterable[Ref]) -> None:
        """Assign a storage to nodes, besides those that have it."""
        self.post(f'/availability-storages/{_requests.quoted(storage)}/nodes',
                  json={'nodes': list(map(_base.id_of, nodes))})

    def set_storage_nodes(self, storage: Ref, nodes: Iterable[Ref]) -> None:
        """Assign a storage to nodes, and to no others."""
        self.put(f'/availability-storages/{_requests.quoted(storage)}/nodes',
                 json={'nodes': list(map(_base.id_of, nodes))})

    def remove_storage_node(self, storage: Ref, node: Ref) -> None:
        """Take a storage from a node."""
        self.delete(f'/availability-storages/{_requests.quoted(storage)}'
                    f'/nodes/{_requests.quoted(node)}')

    # Power controls

    def power_controls(
            self, **query: Any) -> Generator[_power.PowerControl, None, None]:
        """List power controls, page after page."""
        return self._list(_power.PowerControl, **query)

    def count_power_controls(self, **query: Any) -> int:
        """Count power controls."""
        return self._count('/power-controls/count', query)

    def get_power_control(self, control: Ref) -> _power.PowerControl:
        """Fetch a power control."""
        return self._get(_power.PowerControl, _base.id_of(control))

    def find_power_control(self, name_or_id: str | int,
                           ignore_missing: bool = False
                           ) -> _power.PowerControl | None:
        """Find a power control by its title or id."""
        return _power.PowerControl.find(self, name_or_id, ignore_missing)

    def create_power_control(self, **attrs: Any) -> _power.PowerControl:
        """Create a power control.

        :param attrs: ``control_type``, ``protocol_type``, ``host``,
            ``port_number``, ``title``, ``login``, ``password``,
            ``ssh_key``, ``options``
        """
        return self._one(_power.PowerControl, self._answer(
            'POST', '/power-controls', {'power_control': attrs},
            **_UNLOGGED)['power_control'])

    def update_power_control(self, control: Ref,
                             **attrs: Any) -> _power.PowerControl:
        """Change a power control.

        :param attrs: see :meth:`create_power_control`; ``None`` takes a
            value away
        """
        return self._one(_power.PowerControl, self._answer(
            'PUT', f'/power-controls/{_requests.quoted(control)}',
            {'power_control': attrs}, **_UNLOGGED)['power_control'])

    def delete_power_control(self, control: Ref) -> None:
        """Delete a power control."""
        self._delete(_power.PowerControl, _base.id_of(control),
                     ignore_missing=False)

    def power_control_nodes(
            self, control: Ref) -> Generator[_node.Node, None, None]:
        """List the nodes that a power control feeds."""
        return self._list(
            _node.Node,
            base_path=f'/power-controls/{_requests.quoted(control)}/nodes')

    def power_control_types(self) -> list[list[str]]:
        """List the types of power controls, each with its title."""
        return list(self._answer('GET', '/power-controls/types')['types'])

    def power_control_protocols(self) -> list[str]:
        """List the protocols of power controls."""
        return list(
            self._answer('GET', '/power-controls/protocols')['protocols'])

    def power_on_output(self, control: Ref, output: str) -> _task.Task:
        """Switch an output of a power control on."""
        return self._start(f'/power-controls/{_requests.quoted(control)}'
                           f'/actions/power-on', {'coil': output})

    def power_off_output(self, control: Ref, output: str) -> _task.Task:
        """Switch an output of a power control off."""
        return self._start(f'/power-controls/{_requests.quoted(control)}'
                           f'/actions/power-off', {'coil': output})

    def get_fleet_health(self) -> _power.FleetHealth:
        """Fetch how well the power of all nodes is known."""
        return self._get(_power.FleetHealth, requires_id=False)

    def power_events(
            self, **query: Any) -> Generator[_power.PowerEvent, None, None]:
        """List changes of what is known of power, page after page."""
        return self._list(_power.PowerEvent, **query)
