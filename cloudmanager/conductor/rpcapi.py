# SPDX-License-Identifier: Apache-2.0
"""How others speak to the conductors.

Versions of the interface:

* 1.0: run_task, check_host_action
* 1.1: check_host_action knows decommission and restart, and answers params;
  reserve_node
* 1.2: check_server_action, node_health, show_system_metadata,
  update_system_metadata, remove_system_metadata, show_domain_store,
  configure_domain
* 1.3: check_node_action, node_facts
* 1.4: check_volume_action, list_volume_backends, list_volumes, show_volume
* 1.5: check_aggregate_action
* 1.6: discover_targets, attached_targets
* 1.7: check_task_action
* 1.8: backtest_aggregate

Versions of the interface for boot files, in a namespace of its own:

* 1.0: refresh
"""

from typing import Any

from oslo_config import cfg

from cloudmanager.common import rpc
from cloudmanager.common import waiting
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF
RPC_API_VERSION = '1.8'


class ConductorAPI:
    """Client side of the conductor's interface."""

    def __init__(self) -> None:
        self._client = rpc.get_client(rpc.CONDUCTOR_TOPIC, RPC_API_VERSION)

    def run_task(self, context: RequestContext, task_id: str) -> None:
        """Tell a conductor of a new task; a lost message costs seconds.

        :raises Unavailable: the message could not be sent
        """
        with rpc.sending():
            self._client.prepare(version='1.0').cast(context, 'run_task',
                                                     task_id=task_id)

    def check_host_action(self, context: RequestContext, action: str,
                          host: str | None,
                          params: JsonObject) -> JsonObject:
        """Check that an action on hosts can be begun.

        :param action: ``shutdown``, ``evacuate``, ``decommission`` or
            ``restart``
        :param host: ``None`` for ``restart``, whose params have ``hosts``
        :returns: the plan under ``plan`` for a dry run; ``params`` that the
            task needs besides
        :raises Unavailable: no conductor was reached, or none answered in
            time
        """
        found: JsonObject = self._call(
            context, '1.1', 'check_host_action', action=action, host=host,
            params=params)
        return found

    def reserve_node(self, context: RequestContext, node_id: int,
                     is_reserved: bool) -> None:
        """Take a node into reserve or out of it.

        :raises NodeNotFound: there is none with this id
        :raises Conflict: a task acts on it, or there are servers on it
        :raises Unavailable: no conductor was reached or answered in time,
            or Nova did not
        """
        self._call(context, '1.1', 'reserve_node', node_id=node_id,
                   is_reserved=is_reserved)

    def check_server_action(self, context: RequestContext, action: str,
                            server_id: str,
                            params: JsonObject) -> JsonObject:
        """Check that an action on a server can be begun.

        :param action: as in the path of the request
        :returns: the name of the server's host under ``host``
        :raises ServerNotFound: there is no such server
        :raises Conflict: its state, or that of its host, forbids it
        :raises Unavailable: no conductor answered in time
        """
        found: JsonObject = self._call(
            context, '1.2', 'check_server_action', action=action,
            server_id=server_id, params=params)
        return found

    def check_node_action(self, context: RequestContext, action: str,
                          node_id: int,
                          params: JsonObject) -> JsonObject:
        """Check that the agent of a node can begin an action.

        :param action: ``set_mode``, ``update_system`` or
            ``attach_targets``
        :returns: what would be done under ``plan``
        :raises NodeNotFound: there is no such node
        :raises AgentUnreachable: its agent is out of reach
        :raises Conflict: it is refused, or the node cannot do it
        :raises Unavailable: no conductor answered in time
        """
        found: JsonObject = self._call(
            context, '1.3', 'check_node_action', action=action,
            node_id=node_id, params=params)
        return found

    def node_facts(self, context: RequestContext,
                   hosts: list[str]) -> dict[str, JsonObject]:
        """Ask the agents on some hosts for the hardware.

        :returns: by host, ``hwinfo``, or ``reason`` why there is none
        :raises Unavailable: no conductor answered in time
        """
        found: dict[str, JsonObject] = self._call(
            context, '1.3', 'node_facts', hosts=hosts)
        return found

    def attached_targets(self, context: RequestContext,
                         host: str) -> dict[str, list[str]]:
        """Ask the agent on a host for the targets that are attached.

        :returns: full names by the storage that they are of: the name of the
            node, or the address where no node is known to have it
        :raises AgentUnreachable: the agent is out of reach
        :raises Unavailable: the node has no open-iscsi, or no conductor
            answered in time
        """
        found: dict[str, list[str]] = self._call(
            context, '1.6', 'attached_targets', host=host)
        return found

    def discover_targets(self, context: RequestContext, node_id: int,
                         storage_id: int) -> JsonObject:
        """Ask a storage for its targets, from a node.

        :param storage_id: id of the node that is the storage
        :returns: ``targets``, lists of names by portal; ``warnings`` of
            portals that did not answer
        :raises NodeNotFound: there is no such node or storage
        :raises Conflict: the storage has no address
        :raises AgentUnreachable: the agent of the node is out of reach
        :raises Unavailable: none of the portals answers, or no conductor
        """
        found: JsonObject = self._call(
            context, '1.6', 'discover_targets', node_id=node_id,
            storage_id=storage_id)
        return found

    def check_volume_action(self, context: RequestContext, action: str,
                            volume_id: str,
                            params: JsonObject) -> JsonObject:
        """Check that an action on a volume can be begun.

        :param action: as in the path of the request
        :returns: ``host``, whose agent does it, ``targets`` of the task, and
            ``plan``: what would be done
        :raises VolumeNotFound: there is no such volume
        :raises VolumeNotOnLVM: it is on no back end on LVM
        :raises Conflict: its state, another task or lack of space forbids it
        :raises Unavailable: Cinder, the agent or conductors are out of reach
        """
        found: JsonObject = self._call(
            context, '1.4', 'check_volume_action', action=action,
            volume_id=volume_id, params=params)
        return found

    def list_volume_backends(
            self, context: RequestContext) -> list[JsonObject]:
        """Return the back ends on LVM, without those out of reach.

        :raises Unavailable: Cinder or conductors are out of reach
        """
        found: list[JsonObject] = self._call(
            context, '1.4', 'list_volume_backends')
        return found

    def list_volumes(self, context: RequestContext) -> JsonObject:
        """Return the volumes on LVM, without those out of reach.

        :returns: ``volumes``, and ``warnings`` that say what is left out
        :raises Unavailable: Cinder or conductors are out of reach
        """
        found: JsonObject = self._call(context, '1.4', 'list_volumes')
        return found

    def show_volume(self, context: RequestContext,
                    volume_id: str) -> JsonObject:
        """Return a volume on LVM, with the hosts that hold it.

        :raises VolumeNotFound: there is no such volume
        :raises VolumeNotOnLVM: it is on no back end on LVM
        :raises Unavailable: Cinder, the agent or conductors are out of reach
        """
        found: JsonObject = self._call(
            context, '1.4', 'show_volume', volume_id=volume_id)
        return found

    def check_aggregate_action(self, context: RequestContext, action: str,
                               aggregate_id: int,
                               params: JsonObject) -> JsonObject:
        """Check that an action on a host aggregate can be begun.

        :param action: ``audit`` or ``apply``
        :param params: of the request; ``audit_id`` for ``apply``
        :raises AggregateNotFound: Nova has none with this id
        :raises AuditNotFound: the aggregate has no such audit
        :raises Conflict: the audit cannot be applied, or the cloud has
            changed since
        :raises Unavailable: no conductor answered in time
        """
        found: JsonObject = self._call(
            context, '1.5', 'check_aggregate_action', action=action,
            aggregate_id=aggregate_id, params=params)
        return found

    def backtest_aggregate(self, context: RequestContext, aggregate_id: int,
                           params: JsonObject) -> JsonObject:
        """Try limits of audits on loads that were measured before.

        :param params: ``hours``, ``interval`` and limits of a policy
        :returns: as the REST API answers it
        :raises AggregateNotFound: Nova has none with this id
        :raises NothingMeasured: no loads are known
        :raises Unavailable: no conductor answered in time
        """
        found: JsonObject = self._call(
            context, '1.8', 'backtest_aggregate',
            aggregate_id=aggregate_id, params=params)
        return found

    def check_task_action(self, context: RequestContext, action: str,
                          task_id: str, params: JsonObject) -> JsonObject:
        """Check that an action on a task can be begun.

        :param action: ``undo``
        :param params: ``dry_run``: whether it is only planned
        :returns: what would be done under ``plan``
        :raises TaskNotFound: there is none with this id
        :raises TaskNotUndoable: it cannot be undone
        :raises Unavailable: no conductor answered in time
        """
        found: JsonObject = self._call(
            context, '1.7', 'check_task_action', action=action,
            task_id=task_id, params=params)
        return found

    def node_health(self, context: RequestContext,
                    node_id: int) -> JsonObject:
        """Read sensors and event logs of the power controls of a node.

        :returns: as the REST API answers it
        :raises PowerUnsupported: none of them has any
        :raises Unavailable: no conductor was reached, or none answered in
            time
        """
        found: JsonObject = self._call(
            context, '1.2', 'node_health',
            timeout=CONF.power.health_timeout, node_id=node_id)
        return found

    def show_system_metadata(self, context: RequestContext,
                             server_id: str) -> dict[str, str]:
        """Return the system metadata of a server.

        :raises ServerNotFound: there is none with this id
        :raises Unavailable: Nova's databases are not configured or not
            reached, or no conductor is
        """
        found: dict[str, str] = self._call(
            context, '1.2', 'show_system_metadata', server_id=server_id)
        return found

    def update_system_metadata(self, context: RequestContext, server_id: str,
                               metadata: dict[str, str]) -> None:
        """Set some of the system metadata of a server.

        :raises Conflict: Nova is working on the server
        :raises: what ``show_system_metadata`` raises
        """
        self._call(context, '1.2', 'update_system_metadata',
                   server_id=server_id, metadata=metadata)

    def remove_system_metadata(self, context: RequestContext, server_id: str,
                               key: str) -> None:
        """Remove one key of a server's system metadata.

        :raises MetadataNotFound: the server has none of this name
        :raises: what ``update_system_metadata`` raises
        """
        self._call(context, '1.2', 'remove_system_metadata',
                   server_id=server_id, key=key)

    def show_domain_store(self, context: RequestContext) -> str:
        """Return where Keystone keeps the configuration of domains.

        :returns: ``file`` or ``database``
        :raises Unavailable: Keystone's configuration cannot be read, or no
            conductor was reached or answered in time
        """
        return str(self._call(context, '1.2', 'show_domain_store'))

    def configure_domain(self, context: RequestContext,
                         domain_id: str) -> None:
        """Load the file of a domain into Keystone's database.

        :raises DomainNotFound: there is none with this id
        :raises Conflict: it has no file, or one without options that
            Keystone takes
        :raises: what ``show_domain_store`` raises
        """
        self._call(context, '1.2', 'configure_domain', domain_id=domain_id)

    def _call(self, context: RequestContext, version: str, method: str, *,
              timeout: float | None = None, **arguments: Any) -> Any:
        """Ask a conductor and wait for its answer.

        :param timeout: seconds; ``[api] rpc_timeout`` when ``None``
        :raises Busy: too many requests wait for conductors already
        """
        caller = self._client.prepare(version=version,
                                      timeout=timeout
                                      or CONF.api.rpc_timeout)
        with waiting.slot(), rpc.sending():
            # The libraries open the queue of answers without a bound of
            # time.
            rpc.check_broker()
            return caller.call(context, method, **arguments)


class BootFilesAPI:
    """Client side of the conductors' interface for boot files."""

    def __init__(self) -> None:
        self._client = rpc.get_client(rpc.CONDUCTOR_TOPIC, '1.0')

    def refresh(self, context: RequestContext, macs: list[str]) -> None:
        """Tell all conductors that boot files may be out of date.

        Each conductor knows which of them are its own. A lost message
        costs seconds.

        :param macs: MAC addresses that the files are named after
        :raises Unavailable: the message could not be sent
        """
        with rpc.sending():
            self._client.prepare(
                namespace=rpc.PXE_NAMESPACE, version='1.0',
                fanout=True).cast(context, 'refresh', macs=macs)
