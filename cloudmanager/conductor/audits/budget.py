# SPDX-License-Identifier: Apache-2.0
"""Which servers an audit leaves where they are for the sake of budgets."""

from collections.abc import Iterable

from oslo_config import cfg

from cloudmanager.common import context as cm_context
from cloudmanager.conductor.moves import budgets as move_budgets
from cloudmanager.conductor.tools import Tools
from cloudmanager.db import counted_moves
from cloudmanager.domain import budgets
from cloudmanager.planning.cloud import model

CONF = cfg.CONF
SPENT = 'whose moves of a day are used up'
SPENT_BY_PROJECT = 'whose project has used up its moves of a day'


class Limits:
    """What is left of the budgets of servers and projects.

    :param hosts: whose servers an audit may move, by name
    :ivar held: why servers stay, by id
    """

    def __init__(self, tools: Tools, cloud: model.Cloud,
                 hosts: Iterable[str]) -> None:
        self._servers = {server.id: server for host in hosts
                         for server in cloud.servers_on(host)}
        self.held: dict[str, str] = {}
        self._left: dict[str, int] = {}
        projects = move_budgets.of_projects(tools)
        own = {server.id: most for server in self._servers.values()
               if (most := budgets.read(server.metadata.get(
                   CONF.host_tasks.budget_key))) is not None}
        context = cm_context.admin_context()
        if own:
            counted = counted_moves.of_servers(context)
            self.held = {
                key: SPENT for key, most in own.items()
                if max(counted.get(key, 0),
                       move_budgets.seen(tools.nova, key)) >= most}
        if projects:
            self._left = budgets.left(projects,
                                      counted_moves.of_projects(context))
            self._hold(project for project, number in self._left.items()
                       if not number)

    def hold_what_exceeds(self, moved: Iterable[str]) -> bool:
        """Hold servers of projects of which too many would be moved.

        Those that would be moved first may be.

        :param moved: ids of servers, in order
        :returns: whether there are some; other moves are to be found then
        """
        chosen: dict[str, list[str]] = {}
        for key in moved:
            chosen.setdefault(self._servers[key].project_id, []).append(key)
        over = [project for project, keys in chosen.items()
                if len(keys) > self._left.get(project, len(keys))]
        self._hold(over, {key for project in over for key
                          in chosen[project][:self._left[project]]})
        return bool(over)

    def _hold(self, projects: Iterable[str],
              besides: Iterable[str] = ()) -> None:
        """Hold the servers of some projects, but for some."""
        found, free = set(projects), set(besides)
        for key, server in self._servers.items():
            if server.project_id in found and key not in free:
                self.held.setdefault(key, SPENT_BY_PROJECT)
