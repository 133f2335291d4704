# SPDX-License-Identifier: Apache-2.0
"""The plan for the servers of a host, made while something else is done.

A large cloud takes seconds to read. Meanwhile a device confirms that the power
of a dead host is off, or Nova disables a host that is alive.
"""

from concurrent import futures
import datetime

from oslo_log import log as logging

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.moves import migrations
from cloudmanager.conductor.moves import plans
from cloudmanager.conductor.tools import Tools
from cloudmanager.planning import plan as planning_plan

LOG = logging.getLogger(__name__)
# A plan older than this many seconds is made again: the room on other hosts
# that it relies on may be gone.
USABLE_SECONDS = 30


class EarlyPlan:
    """Makes a plan in a thread, once it is begun."""

    def __init__(self) -> None:
        self._begun_at = self._oldest = 0.0
        #: ``clock.monotonic()`` when the servers were as planned; ``None``
        #: while that is not known.
        self.seen_at: float | None = None
        self._since = datetime.datetime.min
        self._plan: futures.Future[planning_plan.Plan] | None = None

    def begin(self, tools: Tools, action: str, host: str,
              params: JsonObject, task_id: str | None = None) -> None:
        """Begin to plan.

        :param tools: ``cloudmanager.conductor.tools.Tools``
        :param action: as for ``plans.make_plan``
        :param params: of the request
        :param task_id: of the task that plans, for a living host
        """
        self._begun_at = clock.monotonic()
        # The plan of the request may be used.
        self._oldest = self._begun_at - tools.checked_plans.KEPT_SECONDS
        self._since = clock.utcnow() - migrations.CLOCK_SKEW
        pool = futures.ThreadPoolExecutor(1, thread_name_prefix='plan')
        self._plan = pool.submit(_make, tools, action, host, params, task_id)
        pool.shutdown(wait=False)

    def take(self, tools: Tools, host: str) -> planning_plan.Plan | None:
        """Return the plan if there is one and it is still valid.

        If the host was alive in the meantime, servers may have come or changed
        since the plan was made; on a dead host they cannot.

        :raises CloudUnreachable: Nova did not answer
        """
        plan = self.wait()
        now = clock.monotonic()
        if plan is None or tools.nova.changed_on(host, self._since):
            self.seen_at = None
            return None
        self.seen_at = now
        return plan

    def wait(self) -> planning_plan.Plan | None:
        """Return the plan once it is made, if it was begun and succeeded.

        Of a living host this is enough when whoever empties it looks at its
        servers again afterwards.
        """
        if self._plan is None or (clock.monotonic() - self._begun_at
                                  > USABLE_SECONDS):
            return None
        try:
            plan = self._plan.result()
        except exception.CloudManagerException as exc:
            LOG.info('It has to be planned again: %s', exc)
            return None
        self.seen_at = self._oldest
        return plan


def _make(tools: Tools, action: str, host: str, params: JsonObject,
          task_id: str | None) -> planning_plan.Plan:
    """Make a plan, unless the request of the task was checked just now."""
    kept = None
    if action != 'evacuate':
        kept = tools.checked_plans.take(
            host, plans.premises(tools, host, params, task_id))
    return kept or plans.make_plan(tools, action, host, params, task_id)
