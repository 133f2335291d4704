# SPDX-License-Identifier: Apache-2.0
"""Clients for hosts, servers, aggregates, volumes and tasks."""

import time
from typing import Any

from tempest.lib import exceptions as lib_exc

from cloudmanager_tempest_plugin.services.v1 import base

ENDED = ('SUCCESS', 'FAILURE', 'REVOKED')


class TasksClient(base.ServiceClient):
    """Tasks."""

    path = '/v1/tasks'

    def list(self, **filters: Any) -> Any:
        """List tasks with all their fields."""
        return self.call('GET', self.path, detail='true',
                         **filters)['tasks']

    def ids(self) -> Any:
        """List the ids of tasks."""
        return self.call('GET', self.path)['tasks']

    def show(self, task_id: str) -> Any:
        """Show a task."""
        return self.call('GET', f'{self.path}/{task_id}')

    def cancel(self, task_id: str) -> Any:
        """Ask a task to begin nothing more."""
        return self.call('POST', f'{self.path}/{task_id}/actions/cancel', {},
                         202)

    def wait(self, task_id: str) -> Any:
        """Wait until a task has ended, and return it.

        :raises tempest.lib.exceptions.TimeoutException: it takes longer
            than ``build_timeout``
        """
        deadline = time.monotonic() + self.build_timeout
        while True:
            task = self.show(task_id)
            if task['status'] in ENDED:
                return task
            if time.monotonic() > deadline:
                raise lib_exc.TimeoutException(
                    f'Task {task_id} has not ended within '
                    f'{self.build_timeout} s: {task["status"]}, '
                    f'{task["progress"]}')
            time.sleep(self.build_interval)


class HostsClient(base.ServiceClient):
    """Actions on compute hosts."""

    path = '/v1/hosts'

    def act(self, host: str, action: str, **flags: Any) -> str:
        """Begin an action; return the id of its task."""
        return self.begin(f'{self.path}/{host}/actions/{action}', flags)

    def plan(self, host: str, action: str, **flags: Any) -> Any:
        """Return what an action would do."""
        return self.call('POST', f'{self.path}/{host}/actions/{action}',
                         {**flags, 'dry_run': True})['plan']

    def restart(self, *hosts: str, **flags: Any) -> str:
        """Begin to restart hosts; return the id of the task."""
        return self.begin(f'{self.path}/actions/restart',
                          {'hosts': list(hosts), **flags})

    def plan_restart(self, *hosts: str, **flags: Any) -> Any:
        """Return what a restart would do."""
        return self.call('POST', f'{self.path}/actions/restart', {
            'hosts': list(hosts), **flags, 'dry_run': True})['plan']


class ServersClient(base.ServiceClient):
    """Actions on servers."""

    path = '/v1/servers'

    def act(self, server_id: str, action: str, **flags: Any) -> str:
        """Begin an action; return the id of its task."""
        return self.begin(f'{self.path}/{server_id}/actions/{action}', flags)

    def system_metadata(self, server_id: str) -> Any:
        """Show the system metadata of a server."""
        return self.call('GET', f'/v1/system_metadata/{server_id}')


class AuditsClient(base.ServiceClient):
    """Audits of the load in aggregates."""

    def execute(self, aggregate_id: int, **flags: Any) -> Any:
        """Look at the load of an aggregate."""
        return self.call('POST', f'/v1/aggregates/{aggregate_id}/actions/'
                                 'execute-audit', flags)['audit']

    def status(self, aggregate_id: int, audit_id: int) -> Any:
        """Show how far an audit is."""
        return self.call('POST', f'/v1/aggregates/{aggregate_id}/actions/'
                                 'get-audit-status',
                         {'audit_id': audit_id})['audit']

    def apply(self, aggregate_id: int, audit_id: int) -> str:
        """Carry out what was found; return the id of the task."""
        return self.begin(f'/v1/aggregates/{aggregate_id}/actions/'
                          'apply-audit', {'audit_id': audit_id})

    def list(self, **filters: Any) -> Any:
        """List audits."""
        return self.call('GET', '/v1/audits', **filters)['audits']

    def show(self, audit_id: int) -> Any:
        """Show an audit with its moves."""
        return self.call('GET', f'/v1/audits/{audit_id}')['audit']


class VolumesClient(base.ServiceClient):
    """Volumes on LVM, and their back ends."""

    def list(self, **filters: Any) -> Any:
        """List volumes."""
        return self.call('GET', '/v1/volumes/', **filters)['volumes']

    def show(self, volume_id: str) -> Any:
        """Show a volume."""
        return self.call('GET', f'/v1/volumes/{volume_id}')

    def act(self, volume_id: str, action: str, body: Any) -> str:
        """Begin an action; return the id of its task."""
        return self.begin(f'/v1/volumes/{volume_id}/actions/{action}', body)

    def backends(self, **filters: Any) -> Any:
        """List back ends."""
        return self.call('GET', '/v1/volume-backends/', **filters)
