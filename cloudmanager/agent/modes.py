# SPDX-License-Identifier: Apache-2.0
"""Operations on the modes of the node and on its packages."""

from typing import Protocol

from cloudmanager.agent.drivers import packages
from cloudmanager.agent.operations import operation
from cloudmanager.agent.reconcile import Reconciler
from cloudmanager.agent.store import Store
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.domain import node_modes


class Agent(Protocol):
    """What these operations need of the agent."""

    store: Store
    reconciler: Reconciler

    def report_soon(self) -> None:
        """Have a report sent at once."""


@operation('modes.apply', version='1.0')
def apply(agent: Agent, generation: int,
          settings: node_modes.Settings) -> JsonObject:
    """Accept a desired state, and bring the node to it.

    :param generation: the generation of the desired state; if a newer one is
        known, nothing is changed
    :param settings: the whole desired state
    :returns: the ``generation`` that is now in force, and ``modes``
    """
    if type(generation) is not int:
        raise exception.Invalid(reason='generation must be a number')
    agent.store.accept(generation, node_modes.check(settings))
    modes = agent.reconciler.run()
    agent.report_soon()
    return {'generation': agent.store.generation, 'modes': modes}


@operation('modes.plan', version='1.0')
def plan(agent: Agent,
         settings: node_modes.Settings) -> dict[str, list[str]]:
    """Return what would be written and run for some settings, by mode.

    :raises Conflict: the node cannot have one of them
    """
    return agent.reconciler.plan(node_modes.check(settings))


@operation('packages.plan', version='1.0')
def plan_upgrade(agent: Agent) -> dict[str, list[str]]:
    """Return what an upgrade of the packages would run, and which ones."""
    return packages.plan()


@operation('packages.upgrade', version='1.0')
def upgrade(agent: Agent, job: str) -> JsonObject:
    """Begin an upgrade of the packages, once for each job.

    :param job: its id, chosen by the caller
    :returns: the result of ``packages.status``
    """
    packages.begin(_text(job))
    return packages.status(job)


@operation('packages.status', version='1.0')
def upgrade_status(agent: Agent, job: str) -> JsonObject:
    """Return the state of an upgrade of the packages.

    :returns: ``state``, ``code`` and ``output`` of the job, see
        ``privileged.jobs``, and ``reboot_required``
    """
    return packages.status(_text(job))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise exception.Invalid(reason='job must be a text')
    return value
