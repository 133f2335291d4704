# SPDX-License-Identifier: Apache-2.0
"""Nodes, and what is done to them."""

from collections.abc import Generator
from collections.abc import Iterable
from typing import Any

from cloudmanagerclient.sdk.v1 import _base
from cloudmanagerclient.sdk.v1 import _requests
from cloudmanagerclient.sdk.v1 import node as _node
from cloudmanagerclient.sdk.v1 import task as _task

Ref = Any


class Nodes(_requests.Requests):
    """Operations on nodes.

    Where a node is asked for, its object, its id and its name will do.
    """

    def nodes(self, **query: Any) -> Generator[_node.Node, None, None]:
        """List nodes, page after page.

        :param query: filters, see :mod:`cloudmanagerclient.sdk.filters`;
            ``sort``, ``fields``, ``limit`` (size of a page), ``max_items``,
            ``with_os_object``, ``with_hwinfo``
        """
        return self._list(_node.Node, **query)

    def count_nodes(self, **query: Any) -> int:
        """Count nodes.

        :param query: filters
        """
        return self._count('/nodes/count', query)

    def get_node(self, node: Ref, **query: Any) -> _node.Node:
        """Fetch a node.

        :param query: ``fields``, ``with_os_object``, ``with_hwinfo``
        """
        return self._one(_node.Node, self._answer(
            'GET', self._path(node), params=query)['node'])

    def find_node(self, name_or_id: str | int,
                  ignore_missing: bool = False) -> _node.Node | None:
        """Find a node by its name or id.

        :param ignore_missing: whether to return ``None`` when there is none
        """
        return _node.Node.find(self, name_or_id, ignore_missing)

    def create_node(self, *, force: bool | None = None,
                    **attrs: Any) -> _node.Node:
        """Create a node.

        :param force: whether to take what the service would refuse as
            unlikely, such as an address that another node has
        :param attrs: fields of the node
        """
        return self._one(_node.Node, self._answer(
            'POST', '/nodes', {'node': attrs},
            params=_requests.sent({'force': force}))['node'])

    def update_node(self, node: Ref, *, force: bool | None = None,
                    **attrs: Any) -> _node.Node:
        """Change a node.

        :param force: see :meth:`create_node`
        :param attrs: fields to change; ``None`` takes a value away
        """
        return self._one(_node.Node, self._answer(
            'PUT', self._path(node), {'node': attrs},
            params=_requests.sent({'force': force}))['node'])

    def delete_node(self, node: Ref) -> None:
        """Delete a node."""
        self.delete(self._path(node))

    def import_nodes(self, lines: str | bytes, *,
                     content_type: str = 'application/x-ndjson',
                     force: bool | None = None,
                     dry_run: bool | None = None) -> list[dict[str, Any]]:
        """Create many nodes, or none if anything is wrong with one.

        :param lines: a node in each: a JSON object, or CSV with a header
        :param content_type: ``application/x-ndjson`` or ``text/csv``
        :param force: see :meth:`create_node`
        :param dry_run: whether only to say what is wrong with them
        :returns: ``id`` and ``name`` of each
        :raises cloudmanagerclient.sdk.exceptions.CloudManagerError: with an
            error for each wrong line
        """
        data = lines.encode() if isinstance(lines, str) else lines
        answer = self._answer(
            'POST', '/nodes/actions/import', data=data,
            headers={'Content-Type': content_type},
            params=_requests.sent({'force': force, 'dry_run': dry_run}))
        return list(answer['nodes'])

    # Power

    def power_on_node(self, node: Ref) -> _task.Task:
        """Switch a node on."""
        return self._act(node, 'power-on')

    def power_off_node(self, node: Ref, *, type: str | None = None,
                       soft_timeout: int | None = None) -> _task.Task:
        """Switch a node off.

        :param type: ``soft`` asks the operating system only, ``hard`` cuts
            the power at once; by default the power is cut if the operating
            system does not obey
        :param soft_timeout: seconds that the operating system gets
        """
        return self._act(node, 'power-off', type=type,
                         soft_timeout=soft_timeout)

    def reset_node(self, node: Ref, *, type: str | None = None,
                   soft_timeout: int | None = None) -> _task.Task:
        """Switch a node off and on; see :meth:`power_off_node`."""
        return self._act(node, 'reset', type=type, soft_timeout=soft_timeout)

    def power_on_nodes(self, node_ids: Iterable[int]) -> dict[str, Any]:
        """Switch nodes on.

        :returns: ``task_id``; ``failed``: ids of nodes that are left out,
            with the reasons in ``errors``
        """
        return self._answer('POST', '/nodes/actions/power-on',
                            {'node_ids': list(node_ids)})

    def power_off_nodes(self, node_ids: Iterable[int], *,
                        type: str | None = None,
                        soft_timeout: int | None = None) -> dict[str, Any]:
        """Switch nodes off.

        See :meth:`power_off_node` and :meth:`power_on_nodes`.
        """
        return self._answer('POST', '/nodes/actions/power-off', {
            'node_ids': list(node_ids), 'type': type,
            'soft_timeout': soft_timeout})

    def reset_nodes(self, node_ids: Iterable[int], *,
                    type: str | None = None,
                    soft_timeout: int | None = None) -> dict[str, Any]:
        """Switch nodes off and on, and wait for it as long as a request may.

        See :meth:`power_off_node`.

        :returns: ids of nodes: ``success``, ``failed``, ``running``; reasons
            in ``errors``; ``task_id``
        """
        return self._answer('POST', '/nodes/actions/reset', {
            'node_ids': list(node_ids), 'type': type,
            'soft_timeout': soft_timeout})

    def node_power_actions(
            self, node: Ref,
            **query: Any) -> Generator[_node.PowerAction, None, None]:
        """List the power actions on a node, page after page."""
        return self._list(_node.PowerAction, node=_requests.quoted(node),
                          **query)

    def get_node_power_action(self, node: Ref,
                              action: Ref) -> _node.PowerAction:
        """Fetch an entry of the log of power actions."""
        return self._get(_node.PowerAction, _base.id_of(action),
                         node=_requests.quoted(node))

    def get_node_health(self, node: Ref) -> _node.NodeHealth:
        """Fetch what sensors of a node say."""
        return self._get(_node.NodeHealth, requires_id=False,
                         node=_requests.quoted(node))

    def node_power_controls(
            self, node: Ref) -> Generator[_node.NodePowerControl, None, None]:
        """List the power controls of a node."""
        return self._list(_node.NodePowerControl,
                          node=_requests.quoted(node))

    def get_node_power_control(self, node: Ref,
                               control: Ref) -> _node.NodePowerControl:
        """Fetch a power control of a node."""
        return self._get(_node.NodePowerControl, _base.id_of(control),
                         node=_requests.quoted(node))

    def add_node_power_control(
            self, node: Ref, control: Ref, port: str, *,
            is_default: bool | None = None) -> _node.NodePowerControl:
        """Assign an output of a power control to a node.

        :param port: the output
        :param is_default: whether it is the one that is used first
        """
        return self._one(_node.NodePowerControl, self._answer(
            'POST', f'{self._path(node)}/power-controls', {
                'power_control_id': _base.id_of(control),
                'power_control_port': port,
                'is_default': is_default})['power_control'])

    def update_node_power_control(
            self, node: Ref, control: Ref, *, port: str | None = None,
            is_default: bool | None = None) -> _node.NodePowerControl:
        """Change a power control of a node; see the parameters above."""
        return self._one(_node.NodePowerControl, self._answer(
            'PUT', f'{self._path(node)}/power-controls/'
                   f'{_requests.quoted(control)}', {
                'power_control_port': port,
                'is_default': is_default})['power_control'])

    def remove_node_power_control(self, node: Ref, control: Ref) -> None:
        """Take a power control from a node."""
        self.delete(f'{self._path(node)}/power-controls/'
                    f'{_requests.quoted(control)}')

    # The rest

    def reserve_node(self, node: Ref, is_reserved: bool = True) -> None:
        """Make a node a reserve, or no reserve any more."""
        self.post(f'{self._path(node)}/actions/reserve',
                  json={'is_reserved': is_reserved})

    def assign_node_image(self, node: Ref, image: Ref) -> None:
        """Let a node boot another image."""
        self.post(f'{self._path(node)}/actions/assign-image',
                  json={'image_id': _base.id_of(image)})

    def add_node_storages(self, node: Ref, storages: Iterable[Ref]) -> None:
        """Assign availability storages to a node, besides those it has."""
        self.post(f'{self._path(node)}/availability-storages', json={
            'availability_storages': list(map(_base.id_of, storages))})

    def set_node_storages(self, node: Ref, storages: Iterable[Ref]) -> None:
        """Assign availability storages to a node instead of those it has."""
        self.put(f'{self._path(node)}/availability-storages', json={
            'availability_storages': list(map(_base.id_of, storages))})

    def remove_node_storage(self, node: Ref, storage: Ref) -> None:
        """Take an availability storage from a node."""
        self.delete(f'{self._path(node)}/availability-storages/'
                    f'{_requests.quoted(storage)}')

    def plan_nodes_action(self, action: str, controller: str,
                          hostnames: Iterable[str]) -> dict[str, Any]:
        """Say what one of the actions below would do, and touch nothing.

        :param action: ``attach`` or ``detach``
        """
        return dict(self._answer('POST', f'/nodes/actions/{action}', {
            'controller_uuid': controller, 'hostnames': list(hostnames),
            'dry_run': True})['plan'])

    def attach_nodes(self, controller: str,
                     hostnames: Iterable[str]) -> _task.Task:
        """Bind nodes to a virtual controller.

        :param controller: UUID of the server that is the controller
        :param hostnames: names of the nodes
        """
        return self._start('/nodes/actions/attach', {
            'controller_uuid': controller, 'hostnames': list(hostnames)})

    def detach_nodes(self, controller: str,
                     hostnames: Iterable[str]) -> _task.Task:
        """Release nodes from a virtual controller; see the parameters above.
        """
        return self._start('/nodes/actions/detach', {
            'controller_uuid': controller, 'hostnames': list(hostnames)})

    def _path(self, node: Ref) -> str:
        return f'/nodes/{_requests.quoted(node)}'

    def _act(self, node: Ref, action: str, **body: Any) -> _task.Task:
        return self._start(f'{self._path(node)}/actions/{action}', body)
