# SPDX-License-Identifier: Apache-2.0
"""What the agent on a node does to it."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from cloudmanagerclient.sdk.v1 import _base
from cloudmanagerclient.sdk.v1 import _nodes
from cloudmanagerclient.sdk.v1 import task as _task

Ref = Any


class NodeModes(_nodes.Nodes):
    """Operations on nodes that their agents carry out."""

    def plan_node_action(self, node: Ref, action: str,
                         **body: Any) -> dict[str, Any]:
        """Say what one of the actions below would do, and touch nothing.

        :param action: name of the action in the API, such as
            ``enable-snmp``
        :param body: fields of the body of the action
        """
        answer = self.post(f'{self._path(node)}/actions/{action}',
                           json={**body, 'dry_run': True})
        return dict(answer.json()['plan'])

    def enable_node_snmp(self, node: Ref) -> _task.Task:
        """Switch the SNMP service of a node on."""
        return self._act(node, 'enable-snmp')

    def disable_node_snmp(self, node: Ref) -> _task.Task:
        """Switch the SNMP service of a node off."""
        return self._act(node, 'disable-snmp')

    def enable_node_ssh(self, node: Ref) -> _task.Task:
        """Switch the SSH service of a node on."""
        return self._act(node, 'enable-ssh')

    def disable_node_ssh(self, node: Ref, *,
                         force: bool | None = None) -> _task.Task:
        """Switch the SSH service of a node off.

        :param force: whether to do so when it is the last way in
        """
        return self._act(node, 'disable-ssh', force=force)

    def enable_node_nodesafe(self, node: Ref) -> _task.Task:
        """Let a node fence itself when it is cut off."""
        return self._act(node, 'enable-nodesafe')

    def disable_node_nodesafe(self, node: Ref) -> _task.Task:
        """Let a node fence itself no more."""
        return self._act(node, 'disable-nodesafe')

    def enable_node_dcc(self, node: Ref) -> _task.Task:
        """Let the agent configure the components of a node."""
        return self._act(node, 'enable-dcc')

    def disable_node_dcc(self, node: Ref) -> _task.Task:
        """Let the agent leave the configuration of a node alone."""
        return self._act(node, 'disable-dcc')

    def set_node_cpu_mode(self, node: Ref, mode: str | None,
                          model: str | None = None) -> _task.Task:
        """Choose the processors that servers on a node see.

        :param mode: ``host-passthrough``, ``host-model``, ``custom``, or
            ``None`` for the default of Nova
        :param model: model of the processors, for ``custom`` only
        """
        body: dict[str, Any] = {'cpu_emulation_mode': mode}
        if model is not None:
            body['cpu_model'] = model
        # A mode of None is a value here.
        return self._started(self.post(
            f'{self._path(node)}/actions/set-cpu-mode', json=body))

    def redirect_node_log(self, node: Ref, hostname: str) -> _task.Task:
        """Send the log of a node to another host.

        :param hostname: name or address of that host
        """
        return self._act(node, 'setup-log-redirection',
                         log_redirection_hostname=hostname)

    def disable_node_log_redirection(self, node: Ref) -> _task.Task:
        """Send the log of a node nowhere any more."""
        return self._act(node, 'disable-log-redirection')

    def update_node_system(self, node: Ref, *,
                           force: bool | None = None) -> _task.Task:
        """Upgrade the packages of a node.

        :param force: whether to do so though the node is in use
        """
        return self._act(node, 'update-system', force=force)

    def discover_node_nas(self, node: Ref, storage: Ref) -> dict[str, Any]:
        """Look for iSCSI targets from a node.

        :param storage: node that is the storage, or its id
        :returns: names of targets by the address of their portal
        """
        return dict(self._answer(
            'POST', f'{self._path(node)}/actions/discovery-nas',
            {'storage_id': _base.id_of(storage)})['targets'])

    def attach_node_targets(self, node: Ref,
                            targets: Mapping[str, Sequence[str]], *,
                            vendor: str | None = None,
                            product: str | None = None) -> _task.Task:
        """Log a node in to iSCSI targets.

        :param targets: names of targets by the address of their portal
        :param vendor: vendor of the storage
        :param product: product name of the storage
        """
        return self._act(node, 'attach-targets', targets={
            portal: list(names) for portal, names in targets.items()},
            vendor=vendor, product=product)

    def repair_node_locks(self, node: Ref) -> _task.Task:
        """Release the locks that dead hosts hold, which a node needs."""
        return self._act(node, 'repair-locks')
