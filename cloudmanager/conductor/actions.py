# SPDX-License-Identifier: Apache-2.0
"""All kinds of tasks: how each is checked, and which flow it runs.

Each is declared beside its flow, in ``ACTIONS`` of a module of ``flows``.
"""

from collections.abc import Callable

from cloudmanager import version
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.flows import aggregates
from cloudmanager.conductor.flows import hosts
from cloudmanager.conductor.flows import nodes
from cloudmanager.conductor.flows import power
from cloudmanager.conductor.flows import servers
from cloudmanager.conductor.flows import tasks
from cloudmanager.conductor.flows import volumes
from cloudmanager.conductor.flows.action import Action

#: By the names of tasks.
ACTIONS: dict[str, Action] = {**aggregates.ACTIONS, **hosts.ACTIONS,
                              **servers.ACTIONS, **power.ACTIONS,
                              **nodes.ACTIONS, **volumes.ACTIONS,
                              **tasks.ACTIONS}


def _unknown(name: str) -> exception.ActionUnknown:
    return exception.ActionUnknown(
        action=name, version=version.version_info.version_string())


def get(name: str) -> Action:
    """Return an action.

    :param name: of its tasks
    :raises ActionUnknown: a newer API asks for it, or a newer conductor
    """
    if name not in ACTIONS:
        raise _unknown(name)
    return ACTIONS[name]


def check(name: str) -> Callable[..., JsonObject]:
    """Return what checks an action before there is a task.

    :raises ActionUnknown: nobody asks for it that way in this version
    """
    found = get(name).check
    if found is None:
        raise _unknown(name)
    return found
