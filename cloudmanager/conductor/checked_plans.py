# SPDX-License-Identifier: Apache-2.0
"""The plans that requests were checked with, kept for their tasks.

A request to empty a host is answered only when the cloud was read and a place
was found for each server. Its task begins a moment later, often in the same
conductor, and need not read everything again.
"""

from collections.abc import Hashable
import dataclasses
import threading

from cloudmanager.common import clock
from cloudmanager.planning import plan as planning_plan


@dataclasses.dataclass(frozen=True)
class _Kept:
    premises: Hashable
    plan: planning_plan.Plan
    made_at: float

    @property
    def is_fresh(self) -> bool:
        return (clock.monotonic() - self.made_at
                <= CheckedPlans.KEPT_SECONDS)


class CheckedPlans:
    """Plans for the servers of hosts that are up, by the host."""

    #: For how long one is kept. A task begins within a second of its request,
    #: if it does not have to wait.
    KEPT_SECONDS = 5

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def keep(self, host: str, premises: Hashable,
             plan: planning_plan.Plan) -> None:
        """Keep the plan of a request that may begin.

        :param premises: what the plan relied on besides Nova and Placement,
            read before it was made
        """
        with self._lock:
            self._kept = {name: kept for name, kept in self._kept.items()
                          if kept.is_fresh}
            self._kept[host] = _Kept(premises, plan, clock.monotonic())

    def take(self, host: str,
             premises: Hashable) -> planning_plan.Plan | None:
        """Give away a plan, unless it is old or relied on something else.

        :param premises: as they are now
        """
        with self._lock:
            kept = self._kept.pop(host, None)
        if kept is None or not kept.is_fresh or kept.premises != premises:
            return None
        return kept.plan
