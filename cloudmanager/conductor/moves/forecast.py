# SPDX-License-Identifier: Apache-2.0
"""What dry runs say of budgets of moves that are used up.

Nothing is counted: the task asks again right before each move.
"""

import collections
from collections.abc import Iterable
import dataclasses

from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.conductor.moves import budgets as move_budgets
from cloudmanager.conductor.moves import verdicts
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import counted_moves
from cloudmanager.domain import budgets
from cloudmanager.planning import plan as planning_plan

#: Code of a server whose budget, or that of its project, is used up.
SPENT = 'budget-spent'


class Forecast:
    """Finds the moves of plans for which a budget is used up.

    :param entries: the servers of all plans
    :param force: the moves are made all the same
    :ivar away: ids of servers that could move back, but for a budget
    """

    def __init__(self, tools: Tools, entries: Iterable[planning_plan.Entry],
                 force: bool) -> None:
        moved = [entry for entry in entries if _is_moved(entry)]
        self.away: set[str] = set()
        self._force = force
        self._now = clock.utcnow()
        self._most = move_budgets.of_projects(tools) if moved else {}
        own = {entry.id for entry in moved if entry.per_day is not None}
        projects = {entry.project_id for entry in moved} & set(self._most)
        context = cm_context.admin_context()
        self._servers = counted_moves.times_of_servers(context, own)
        self._projects = counted_moves.times_of_projects(context, projects)
        self._seen = {key: move_budgets.seen_at(tools.nova, key)
                      for key in own}
        self._again: collections.Counter[str] = collections.Counter()
        self._planned: collections.Counter[str] = collections.Counter()

    def mark(self, plan: planning_plan.Plan,
             and_back: bool = False) -> planning_plan.Plan:
        """Return a plan that says which moves budgets stand against.

        Plans are to be given in the order in which they are carried out:
        moves of earlier ones count.

        :param and_back: the servers are moved back before the next plan
        """
        servers = [self._mark(entry) if _is_moved(entry) else entry
                   for entry in plan.servers]
        if and_back:
            servers = [self._mark_way_back(entry)
                       if entry.fits and entry.destination
                       and _is_moved(entry) else entry for entry in servers]
        return dataclasses.replace(plan, servers=tuple(servers))

    def _mark(self, entry: planning_plan.Entry) -> planning_plan.Entry:
        found = self._spent(entry)
        if found is None or self._force:
            self._count(entry)
        if found is None:
            return entry
        if self._force:
            return dataclasses.replace(
                entry, warnings=(*entry.warnings, found))
        return dataclasses.replace(
            entry, fits=False, blockers=(*entry.blockers, found))

    def _mark_way_back(self,
                       entry: planning_plan.Entry) -> planning_plan.Entry:
        found = self._spent(entry)
        if found is None or self._force:
            self._count(entry)
            return entry
        self.away.add(entry.id)
        return dataclasses.replace(entry, warnings=(
            *entry.warnings, dataclasses.replace(
                found, text='it does not come back after the restart: '
                            + found.text)))

    def _spent(self,
               entry: planning_plan.Entry) -> planning_plan.Blocker | None:
        """Return which budget is used up and until when, if one is."""
        again = [self._now] * self._again[entry.id]
        lists = [(entry.per_day, [*times.get(entry.id, ()), *again])
                 for times in (self._servers, self._seen)]
        of_server = max((times for _, times in lists), key=len)
        most = self._most.get(entry.project_id)
        of_project = [*self._projects.get(entry.project_id, ()),
                      *[self._now] * self._planned[entry.project_id]]
        why = budgets.why_spent(entry.per_day, len(of_server),
                                entry.project_id, most, len(of_project))
        if not why:
            return None
        until = budgets.spent_until([*lists, (most, of_project)])
        told = clock.isoformat(until) or ''
        return planning_plan.Blocker(
            SPENT, f'{why} until {told}' if told else why, until=told)

    def _count(self, entry: planning_plan.Entry) -> None:
        self._again[entry.id] += 1
        self._planned[entry.project_id] += 1


def of_plan(tools: Tools, plan: planning_plan.Plan,
            force: bool) -> planning_plan.Plan:
    """Return a plan that says which moves budgets stand against.

    :param force: the moves are made all the same
    """
    return Forecast(tools, plan.servers, force).mark(plan)


def _is_moved(entry: planning_plan.Entry) -> bool:
    return any(step in verdicts.NOVA_ACTION for step in entry.ladder)
