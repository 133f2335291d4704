# SPDX-License-Identifier: Apache-2.0
"""Begins the audits that the policies of aggregates ask for.

Each aggregate belongs to one conductor at a time (``members``). It does no
harm if two conductors claim it for a moment, or if one dies half way: the id
of the task is derived from the aggregate and the time at which the audit is
due, so there can be only one task.
"""

from collections.abc import Callable
import datetime
import threading
import uuid

from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.conductor.periodics.members import Members
from cloudmanager.conductor.periodics.members import own_aggregates
from cloudmanager.db import audit_policies as db_policies
from cloudmanager.db import tasks as db_tasks
from cloudmanager.db.models import Row
from cloudmanager.domain.audit_policies import Mode
from cloudmanager.domain.audit_policies import Policy

LOG = logging.getLogger(__name__)
#: The namespace of the ids of tasks.
NAMESPACE = uuid.UUID('2f0f5c52-9d0e-4c5a-8a51-6f3b8d1f7c90')


def task_id(aggregate_id: int, due: datetime.datetime) -> str:
    """Return the id of the task of an audit.

    :param due: when the audit was to begin
    """
    return str(uuid.uuid5(NAMESPACE, f'{aggregate_id} {due.isoformat()}'))


class Audits:
    """Finds the audits that are due, and begins them.

    :param members: returns the conductors that are alive
    :param post: puts a task on the jobboard, by its id
    """

    def __init__(self, members: Callable[[], Members],
                 post: Callable[[str], None]) -> None:
        self._members = members
        self._post = post

    def run(self, stopping: threading.Event) -> None:
        """Begin the audits that are due; the conductor's periodic work."""
        context = cm_context.admin_context()
        for row in own_aggregates(self._members, db_policies.active(context),
                                  stopping):
            self._look(context, row)

    def _look(self, context: cm_context.RequestContext, row: Row) -> None:
        policy, now = Policy.from_row(row), clock.utcnow()
        due: datetime.datetime | None = row['next_audit_at']
        following = policy.following(now, due)
        if due is not None and due <= now:
            if not policy.is_quiet(now):
                self._begin(context, row['aggregate_id'], policy, due)
        elif due is not None and due <= following:
            return
        # If the audit is not due, the clock was set back; without this, no
        # audit would begin for a long time.
        db_policies.advance(context, row['aggregate_id'], due, following)

    def _begin(self, context: cm_context.RequestContext, aggregate_id: int,
               policy: Policy, due: datetime.datetime) -> None:
        """Create the task of an audit, unless another one is in the way."""
        try:
            task, new = db_tasks.create_task(
                context, 'aggregate.audit',
                targets=[f'aggregate:{aggregate_id}'],
                params={'aggregate_id': aggregate_id, 'continuous': True,
                        'auto_apply': policy.mode == Mode.AUTOMATIC},
                task_id=task_id(aggregate_id, due))
        except exception.Conflict as exc:
            LOG.info('The audit of aggregate %(aggregate)s is skipped this '
                     'time: %(why)s', {'aggregate': aggregate_id,
                                       'why': exc})
            return
        if new:
            self._post(task['id'])
