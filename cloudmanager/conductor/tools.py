# SPDX-License-Identifier: Apache-2.0
"""The clients that steps and checks work with."""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
from typing import Any
from typing import NoReturn
from typing import Protocol

from cloudmanager.clients import protocols
from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.checked_plans import CheckedPlans
from cloudmanager.conductor.engine.run import Run
from cloudmanager.db.models import Row
from cloudmanager.power import confirm


class Power(Protocol):
    """``cloudmanager.conductor.power.nodes.NodePower`` or its like."""

    def node_of_host(self, context: RequestContext,
                     host: str) -> Row | None: ...

    def fence(self, node: Row, run: Run) -> None: ...

    def is_off(self, node: Row, run: Run) -> bool: ...

    def why_unreadable(self, context: RequestContext,
                       node: Row) -> str: ...

    def switch_off(self, node: Row, run: Run, *,
                   manner: confirm.Manner = confirm.SOFT_THEN_HARD,
                   journal: confirm.Journal | None = None,
                   cancellable: bool = False) -> None: ...

    def switch_on(self, node: Row, run: Run, *,
                  cancellable: bool = False) -> None: ...

    def reset(self, node: Row, run: Run, *,
              manner: confirm.Manner = confirm.HARD,
              journal: confirm.Journal | None = None,
              cancellable: bool = False) -> None: ...

    def switch_output(self, control: Row, output: str, on: bool,
                      run: Run) -> None: ...


class Agents(Protocol):
    """``cloudmanager.agent.rpcapi.AgentAPI`` or its like."""

    def call(self, context: RequestContext, host: str, operation: str,
             arguments: JsonObject, *,
             timeout: float | None = None) -> Any: ...

    def tell(self, context: RequestContext, host: str, operation: str,
             arguments: JsonObject) -> None: ...


@dataclasses.dataclass(frozen=True)
class ProjectClients:
    """Clients in the project of a tenant: what they create belongs to it."""

    nova: protocols.Nova
    cinder: protocols.Cinder


class _NoCloud:
    """Stands where a client would when no cloud is configured."""

    def __getattr__(self, name: str) -> NoReturn:
        raise exception.CloudNotConfigured(setting='[cloud]')


class _NoAgents:
    """Stands where a way to agents would."""

    def call(self, context: RequestContext, host: str, operation: str,
             arguments: JsonObject, *,
             timeout: float | None = None) -> NoReturn:
        raise exception.AgentUnreachable(
            host=host, reason='nobody here speaks to agents',
            last_contact='never')

    def tell(self, context: RequestContext, host: str, operation: str,
             arguments: JsonObject) -> None:
        self.call(context, host, operation, arguments)


_NONE: Any = _NoCloud()


@dataclasses.dataclass(frozen=True)
class Tools:
    """What steps work with; tests put other ones here.

    :ivar in_project: returns clients in a project; raises ProjectClosed
    :ivar project_budgets: returns how often the servers of projects may be
        moved in a day, by project
    :ivar checked_plans: what requests were checked with a moment ago
    """

    power: Power
    agents: Agents = _NoAgents()
    nova: protocols.Nova = _NONE
    placement: protocols.Placement = _NONE
    neutron: protocols.Neutron = _NONE
    cinder: protocols.Cinder = _NONE
    cinder_db: protocols.CinderDatabase = _NONE
    glance: protocols.Glance = _NONE
    in_project: Callable[[str], ProjectClients] = _NONE
    project_budgets: Callable[[], Mapping[str, int]] = dict
    checked_plans: CheckedPlans = dataclasses.field(
        default_factory=CheckedPlans)
