# SPDX-License-Identifier: Apache-2.0
"""Starting work: a row in the database, a message to the conductors."""

from collections.abc import Mapping

from oslo_log import log as logging
import pecan

from cloudmanager.api import routing
from cloudmanager.common import exception
from cloudmanager.conductor import rpcapi
from cloudmanager.db import models
from cloudmanager.db import tasks as db_tasks

LOG = logging.getLogger(__name__)


def start(call: routing.Call, name: str, *, targets: list[str],
          params: models.Row, host: str | None = None,
          server_id: str | None = None,
          defaults: Mapping[str, object] | None = None) -> str:
    """Create a task, or find the equal one that runs, and return its id.

    A message that cannot be sent is only a delay: conductors look for
    tasks that nobody told them of.

    For the rest see ``cloudmanager.db.tasks.create_task``.

    :raises TaskConflict: another task is in the way
    """
    task, new = db_tasks.create_task(
        call.context, name, targets=targets, params=params, host=host,
        server_id=server_id, defaults=defaults)
    if new:
        try:
            rpcapi.ConductorAPI().run_task(call.context, task['id'])
        except exception.Unavailable as exc:
            LOG.warning('Conductors were not told of task %(task)s: '
                        '%(why)s', {'task': task['id'], 'why': exc})
    task_id: str = task['id']
    return task_id


def accepted(task_id: str) -> None:
    """Tell in the answer the way to follow a task that was begun."""
    pecan.response.headers['Location'] = f'/v1/tasks/{task_id}'


def accepted_with_id(task_id: str) -> dict[str, str]:
    """Answer with the id of a task that was begun."""
    accepted(task_id)
    return {'task_id': task_id}
