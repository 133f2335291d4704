# SPDX-License-Identifier: Apache-2.0
"""How often the servers of a project may be moved, as Keystone knows it.

Projects that have a budget have a tag, so that Keystone has to answer few of
them, and the number as a property.
"""

from collections.abc import Mapping
import threading

from oslo_config import cfg

from cloudmanager.clients import keystone
from cloudmanager.common import clock
from cloudmanager.domain import budgets

CONF = cfg.CONF
#: Seconds for which an answer of Keystone is used.
FRESH_SECONDS = 60


class ProjectBudgets:
    """Asks Keystone for budgets, now and then.

    :param client: of Keystone, ours by default
    """

    def __init__(self, client: keystone.Keystone | None = None) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._known: dict[str, int] = {}

    def __call__(self) -> Mapping[str, int]:
        """Return moves a day by the ids of projects.

        :raises CloudUnreachable: Keystone did not answer
        :raises CloudRequestRefused: we may not list projects
        """
        if not CONF.host_tasks.project_budget_tag:
            return {}
        with self._lock:
            now = clock.monotonic()
            if self._read_at is None or now - self._read_at > FRESH_SECONDS:
                self._known = self._read()
                self._read_at = now
            return self._known

    def _read(self) -> dict[str, int]:
        if self._client is None:
            self._client = keystone.Keystone()
        found = {}
        for project in self._client.projects_with_tag(
                CONF.host_tasks.project_budget_tag):
            number = budgets.read(project.get(CONF.host_tasks.budget_key))
            if number is not None:
                found[str(project['id'])] = number
        return found
