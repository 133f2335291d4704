# SPDX-License-Identifier: Apache-2.0
"""Hosts, servers, aggregates, volumes and domains of the cloud."""

from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Literal
from typing import TypedDict
from typing import Unpack

from cloudmanagerclient.sdk.v1 import _base
from cloudmanagerclient.sdk.v1 import _requests
from cloudmanagerclient.sdk.v1 import task as _task
from cloudmanagerclient.sdk.v1 import volume as _volume

Ref = Any
SlowMigration = Literal['wait', 'abort', 'force-complete']


class EvacuateOptions(TypedDict, total=False):
    """Options of an evacuation."""

    #: The host is known to be off.
    fenced: bool
    #: The host is to be evacuated though it seems to live.
    force: bool
    #: Servers may be rebuilt without their data.
    allow_data_loss: bool
    #: Most moves at a time.
    max_moves: int


class DrainOptions(TypedDict, total=False):
    """What all actions that empty living hosts have in common."""

    #: What is left may be rebuilt elsewhere after the host was cut off.
    allow_evacuate: bool
    allow_data_loss: bool
    force: bool
    #: What becomes of live migrations that do not get on.
    slow_migration: SlowMigration
    #: Most moves at a time.
    max_moves: int


class ShutdownOptions(DrainOptions, total=False):
    """Options of a shutdown."""

    #: What cannot be moved live may be moved cold.
    allow_off_vm: bool


class DecommissionOptions(DrainOptions, total=False):
    """Options of a decommission."""

    allow_live_migrate: bool
    #: Servers may be moved cold.
    allow_migrate: bool
    #: Wait for operations of servers to end.
    wait: bool


class RestartOptions(ShutdownOptions, total=False):
    """Options of a restart."""

    #: One host after the other.
    in_sequence: bool
    #: Most hosts out of use at a time.
    max_unavailable: int
    #: How long a host has to be well before the next is begun, in seconds.
    settle_seconds: int
    #: Hosts that may fail before no more are begun.
    max_failures: int
    #: Bring servers back to the host where they were.
    return_servers: bool


class Cloud(_requests.Requests):
    """Operations on the cloud.

    Each action on hosts has a ``plan_`` beside it that says what it would
    do, and touches nothing.
    """

    # Hosts

    def evacuate_host(self, host: str,
                      **options: Unpack[EvacuateOptions]) -> _task.Task:
        """Rebuild the servers of a dead host elsewhere."""
        return self._start(_host(host, 'evacuate'), options)

    def plan_host_evacuation(
            self, host: str,
            **options: Unpack[EvacuateOptions]) -> _task.Plan:
        """Say what :meth:`evacuate_host` would do."""
        return self._plan(_host(host, 'evacuate'), options)

    def shutdown_host(self, host: str,
                      **options: Unpack[ShutdownOptions]) -> _task.Task:
        """Move all servers off a living host, and switch it off."""
        return self._start(_host(host, 'shutdown'), options)

    def plan_host_shutdown(
            self, host: str,
            **options: Unpack[ShutdownOptions]) -> _task.Plan:
        """Say what :meth:`shutdown_host` would do."""
        return self._plan(_host(host, 'shutdown'), options)

    def decommission_host(
            self, host: str,
            **options: Unpack[DecommissionOptions]) -> _task.Task:
        """Move all servers off a host, and take it out of the cloud."""
        return self._start(_host(host, 'decommission'), options)

    def plan_host_decommission(
            self, host: str,
            **options: Unpack[DecommissionOptions]) -> _task.Plan:
        """Say what :meth:`decommission_host` would do."""
        return self._plan(_host(host, 'decommission'), options)

    def restart_hosts(self, hosts: Iterable[str],
                      **options: Unpack[RestartOptions]) -> _task.Task:
        """Empty hosts, restart them and enable them again."""
        return self._start('/hosts/actions/restart',
                           {'hosts': list(hosts), **options})

    def plan_hosts_restart(self, hosts: Iterable[str],
                           **options: Unpack[RestartOptions]) -> _task.Plan:
        """Say what :meth:`restart_hosts` would do."""
        return self._plan('/hosts/actions/restart',
                          {'hosts': list(hosts), **options})

    def _plan(self, path: str, options: Mapping[str, Any]) -> _task.Plan:
        found = self._answer('POST', path, {**options, 'dry_run': True})
        return self._one(_task.Plan, found['plan'])

    # Servers

    def balance_server(self, server: Ref) -> _task.Task:
        """Move a server to a host with less load."""
        return self._start(_server(server, 'balance'))

    def recover_server(self, server: Ref, *, fenced: bool | None = None,
                       allow_data_loss: bool | None = None) -> _task.Task:
        """Reset the state of a server, and bring it back.

        :param fenced: whether its host is known to be off
        :param allow_data_loss: whether it may be rebuilt without its data
        """
        return self._start(_server(server, 'recover'), {
            'fenced': fenced, 'allow_data_loss': allow_data_loss})

    def repair_server(self, server: Ref, *, fenced: bool | None = None,
                      allow_data_loss: bool | None = None) -> _task.Task:
        """Find out what is wrong with a server, and do the mildest that helps.

        See :meth:`recover_server`.
        """
        return self._start(_server(server, 'repair'), {
            'fenced': fenced, 'allow_data_loss': allow_data_loss})

    def reset_server(self, server: Ref, *,
                     reboot: bool | None = None) -> _task.Task:
        """Reset the state of a server to active.

        :param reboot: whether to reboot it too, hard
        """
        return self._start(_server(server, 'reset-reboot'),
                           {'reboot': reboot})

    def wake_up_server(self, server: Ref) -> _task.Task:
        """Bring a server to run, whatever it does now."""
        return self._start(_server(server, 'wakeup'))

    def clone_server(self, server: Ref, *, count: int | None = None,
                     name: str | None = None) -> _task.Task:
        """Clone a server with its volumes.

        :param count: number of clones
        :param name: of the clones; for several it has ``{number}`` in it
        """
        return self._start(_server(server, 'clone'),
                           {'count': count, 'name': name})

    def get_server_system_metadata(self, server: Ref) -> dict[str, str]:
        """Fetch the system metadata that Nova has of a server."""
        return dict(self._answer('GET', _metadata(server))['metadata'])

    def set_server_system_metadata(self, server: Ref,
                                   metadata: Mapping[str, str]) -> None:
        """Set keys of the system metadata of a server; others are kept."""
        self.put(_metadata(server), json=dict(metadata))

    def delete_server_system_metadata(self, server: Ref, key: str) -> None:
        """Delete a key of the system metadata of a server."""
        self.delete(f'{_metadata(server)}/removed/{_requests.quoted(key)}')

    # Aggregates

    def create_audit(self, aggregate: Ref, *,
                     auto_apply: bool | None = None) -> _task.Audit:
        """Look at how evenly the hosts of an aggregate are loaded.

        :param auto_apply: whether to carry out what is found
        """
        return self._audit(aggregate, 'execute-audit',
                           {'auto_apply': auto_apply})

    def audits(self, **query: Any) -> Generator[_task.Audit, None, None]:
        """List audits of all aggregates, the newest first, page after page.

        :param query: filters, see :mod:`cloudmanagerclient.sdk.filters`;
            ``sort``, ``fields``, ``limit`` (size of a page), ``max_items``
        """
        return self._list(_task.Audit, **query)

    def get_audit(self, audit: Ref) -> _task.Audit:
        """Fetch an audit with its moves and their reasons."""
        return self._get(_task.Audit, _base.id_of(audit))

    def get_audit_status(self, aggregate: Ref, audit: Ref) -> _task.Audit:
        """Fetch the status of an audit of an aggregate, and nothing else."""
        return self._audit(aggregate, 'get-audit-status',
                           {'audit_id': _base.id_of(audit)})

    def apply_audit(self, aggregate: Ref, audit: Ref, *,
                    servers: list[str] | None = None,
                    force: bool | None = None) -> _task.Task:
        """Carry out what an audit found.

        :param servers: ids of the servers to move; all by default
        :param force: whether the cloud may have changed, if all moves fit
        """
        return self._start(
            f'/aggregates/{_requests.quoted(aggregate)}/actions/apply-audit',
            {'audit_id': _base.id_of(audit), 'servers': servers,
             'force': force})

    def _audit(self, aggregate: Ref, action: str,
               body: Mapping[str, Any]) -> _task.Audit:
        path = f'/aggregates/{_requests.quoted(aggregate)}/actions/{action}'
        found = self._answer('POST', path, body)
        return self._one(_task.Audit, found['audit'])

    def get_aggregate_policy(self, aggregate: Ref) -> _task.AggregatePolicy:
        """Fetch when an aggregate is audited by itself."""
        return self._policy('GET', aggregate, None)

    def set_aggregate_policy(self, aggregate: Ref, mode: str,
                             **fields: Any) -> _task.AggregatePolicy:
        """Set when an aggregate is audited by itself; it is frozen no more.

        :param mode: ``off``, ``recommend`` or ``automatic``
        :param fields: of ``AggregatePolicy``; those that are not given
            are as in an aggregate without a policy
        """
        return self._policy('PUT', aggregate,
                            {'policy': {'mode': mode, **fields}})

    def backtest_aggregate(self, aggregate: Ref,
                           **body: Any) -> dict[str, Any]:
        """Try limits of audits on loads that were measured before.

        :param body: ``hours`` to look back, ``interval`` between audits in
            seconds, and limits as in a policy
        :returns: ``present`` and ``asked``, each with ``moves``,
            ``deviation`` and ``gain``
        """
        found = self._answer(
            'POST', f'/aggregates/{_requests.quoted(aggregate)}/actions/'
                    'backtest', body)
        return dict(found['backtest'])

    def _policy(self, method: str, aggregate: Ref,
                body: Mapping[str, Any] | None) -> _task.AggregatePolicy:
        path = f'/aggregates/{_requests.quoted(aggregate)}/policy'
        found = self._answer(method, path, body)
        return self._one(_task.AggregatePolicy, found['policy'])

    # Volumes

    def volumes(self, **query: Any) -> Generator[_volume.Volume, None, None]:
        """List volumes on LVM, page after page."""
        return self._list(_volume.Volume, **query)

    def get_volume(self, volume: Ref) -> _volume.Volume:
        """Fetch a volume, with what holds locks on it."""
        return self._get(_volume.Volume, _base.id_of(volume))

    def plan_volume_action(self, volume: Ref, action: str,
                           **body: Any) -> dict[str, Any]:
        """Say what one of the actions below would do, and touch nothing.

        :param action: name of the action in the API, such as ``mirror``
        :param body: fields of the body of the action
        """
        answer = self.post(
            f'/volumes/{_requests.quoted(volume)}/actions/{action}',
            json={**body, 'dry_run': True})
        return dict(answer.json()['plan'])

    def mirror_volume(self, volume: Ref, mirror_count: int) -> _task.Task:
        """Change how often the data of a volume are mirrored.

        :param mirror_count: copies besides the data themselves
        """
        return self._start(f'/volumes/{_requests.quoted(volume)}'
                           f'/actions/mirror', {'mirror_count': mirror_count})

    def migrate_volume(self, volume: Ref, source: str,
                       destination: str | None = None) -> _task.Task:
        """Move the data of a volume to another physical volume.

        :param source: path of the physical volume that they leave
        :param destination: path of the one that they go to; any by default
        """
        return self._start(f'/volumes/{_requests.quoted(volume)}'
                           f'/actions/pv-migrate',
                           {'source_pv': source, 'dest_pv': destination})

    def volume_backends(
            self,
            **query: Any) -> Generator[_volume.VolumeBackend, None, None]:
        """List the volume groups of the backends of Cinder."""
        return self._list(_volume.VolumeBackend, **query)

    # Domains

    def get_domain_store(self) -> str:
        """Fetch where Keystone keeps the configuration of domains."""
        return str(self._answer('POST',
                                '/domains/actions/get-store', {})['store'])

    def configure_domain(self, domain: Ref) -> None:
        """Load the configuration of a domain from its file to Keystone."""
        self.post(f'/domains/{_requests.quoted(domain)}/actions/configure',
                  json={})

    def is_totp_allowed(self) -> bool:
        """Fetch whether one-time passwords may be sent."""
        return bool(self._answer('GET',
                                 '/domains/totp-allowed')['totp_allowed'])


def _host(host: str, action: str) -> str:
    return f'/hosts/{_requests.quoted(host)}/actions/{action}'


def _server(server: Ref, action: str) -> str:
    return f'/servers/{_requests.quoted(server)}/actions/{action}'


def _metadata(server: Ref) -> str:
    return f'/system_metadata/{_requests.quoted(server)}'
