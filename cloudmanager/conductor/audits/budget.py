# SPDX-License-Identifier: Apache-2.0
"""Holding servers where they are because a budget is used up."""

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

    :param hosts: the names of the hosts whose servers an audit may move
    :ivar held: why servers stay where they are, by the server's id
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
        """Hold servers of projects whose budget some moves would exceed.

        The moves that come first stay within the budget, and are allowed.

        :param moved: ids of the servers, in the order of the moves
        :returns: whether any server is held; the caller must then plan again
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
        """Hold the servers of some projects, except some."""
        found, free = set(projects), set(besides)
        for key, server in self._servers.items():
            if server.project_id in found and key not in free:
                self.held.setdefault(key, SPENT_BY_PROJECT)
