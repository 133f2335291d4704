# SPDX-License-Identifier: Apache-2.0
"""All operations of version 1."""

from collections.abc import Callable
from collections.abc import Generator
import time
from typing import Any
from typing import Literal

from keystoneauth1 import exceptions as ksa_exc
from openstack import exceptions as sdk_exc

from cloudmanagerclient.sdk import exceptions
from cloudmanagerclient.sdk.v1 import _base
from cloudmanagerclient.sdk.v1 import _cloud
from cloudmanagerclient.sdk.v1 import _inventory
from cloudmanagerclient.sdk.v1 import _node_modes
from cloudmanagerclient.sdk.v1 import task as _task

Ref = Any

#: How long the service may be out of reach while a task is followed, in
#: seconds.
OUT_OF_REACH = 120.0
_PASSING = (ksa_exc.ConnectFailure, ksa_exc.RetriableConnectionFailure,
            exceptions.Unavailable)


class Proxy(_node_modes.NodeModes, _inventory.Inventory, _cloud.Cloud):
    """CloudManager: ``conn.cloudmanager``."""

    # Tasks

    def tasks(self, **query: Any) -> Generator[_task.Task, None, None]:
        """List tasks without their items, the newest first, page after page.

        :param query: filters, see :mod:`cloudmanagerclient.sdk.filters`;
            ``sort``, ``fields``, ``limit`` (size of a page), ``max_items``
        """
        return self._list(_task.Task, detail=True, **query)

    def get_task(self, task: Ref) -> _task.Task:
        """Fetch a task with its items."""
        return self._get(_task.Task, _base.id_of(task))

    def cancel_task(self, task: Ref, *,
                    running: Literal['finish', 'abort'] | None = None
                    ) -> None:
        """Ask a task to begin nothing more.

        :param running: what becomes of the moves under way; ``finish`` by
            default
        """
        self._start(f'/tasks/{_base.id_of(task)}/actions/cancel',
                    {'running': running})

    def undo_task(self, task: Ref) -> _task.Task:
        """Bring back the servers that a task has moved."""
        return self._start(f'/tasks/{_base.id_of(task)}/actions/undo', {})

    def plan_undo(self, task: Ref) -> dict[str, Any]:
        """Say which servers would come back, and touch nothing.

        :returns: ``moves``, and under ``left`` the servers that would not
            come back, with the reasons
        """
        answer = self.post(f'/tasks/{_base.id_of(task)}/actions/undo',
                           json={'dry_run': True})
        return dict(answer.json()['plan'])

    def follow_task(self, task: Ref, *, interval: float = 1.0,
                    timeout: float | None = None
                    ) -> Generator[_task.Task, None, None]:
        """Yield a task again and again until it has ended.

        The service may be out of reach meanwhile, for two minutes at most.

        :param interval: seconds between two looks
        :param timeout: seconds until it has to have ended; without end if
            ``None``
        :raises openstack.exceptions.ResourceTimeout: it has not
        """
        begun = reached = time.monotonic()
        while True:
            try:
                found = self.get_task(task)
            except _PASSING:
                if time.monotonic() - reached > OUT_OF_REACH:
                    raise
            else:
                reached = time.monotonic()
                yield found
                if found.has_ended:
                    return
            if timeout is not None and time.monotonic() - begun > timeout:
                raise sdk_exc.ResourceTimeout(
                    f'Task {_base.id_of(task)} has not ended within '
                    f'{timeout:g} s. It goes on.')
            time.sleep(interval)

    def wait_for_task(self, task: Ref, *, interval: float = 1.0,
                      timeout: float | None = None,
                      callback: Callable[[_task.Task], None] | None = None
                      ) -> _task.Task:
        """Wait until a task has ended.

        :param interval: seconds between two looks
        :param timeout: see :meth:`follow_task`
        :param callback: called with the task after each look
        :returns: the task
        :raises cloudmanagerclient.sdk.exceptions.TaskFailed: it did not end
            with success
        """
        for found in self.follow_task(task, interval=interval,
                                      timeout=timeout):
            if callback is not None:
                callback(found)
        if found.status != 'SUCCESS':
            raise exceptions.TaskFailed(found)
        return found

    # The service

    def get_info(self) -> dict[str, Any]:
        """Fetch the version of the service."""
        return dict(self._answer('GET', '/info')['info'])

    def get_health(self) -> dict[str, Any]:
        """Fetch how the service does; it answers without a token.

        :raises cloudmanagerclient.sdk.exceptions.Unavailable: it does not
            do well
        """
        return self._answer('GET', f'{self._root()}/healthcheck')

    def versions(self) -> list[dict[str, Any]]:
        """List the versions of the API."""
        return list(self._answer('GET', f'{self._root()}/')['versions'])

    def get_version(self) -> dict[str, Any]:
        """Fetch the version document of this version of the API."""
        return dict(self._answer('GET', '/')['version'])

    def get_openapi(self) -> dict[str, Any]:
        """Fetch the OpenAPI document of the service."""
        return self._answer('GET', '/openapi.json')

    def _root(self) -> str:
        """Return the URL above the one of the version."""
        endpoint = (self.get_endpoint() or '').rstrip('/')
        return endpoint.removesuffix('/v1')
