# SPDX-License-Identifier: Apache-2.0
"""Choosing the rules that decide which steps a server needs."""

from collections.abc import Callable

from cloudmanager.common.json_types import JsonObject
from cloudmanager.planning import remedies

Decide = Callable[[remedies.Symptoms, remedies.History], remedies.NextStep]


def decider(name: str, params: JsonObject) -> Decide:
    """Return the function that decides the steps of an action.

    :param name: the name of the task
    :param params: the parameters of the request
    """
    if name == 'server.reset-reboot':
        return (remedies.reset_and_reboot if params.get('reboot')
                else remedies.reset_only)
    return {'server.wakeup': remedies.wakeup,
            'server.recover': remedies.recover,
            'server.repair': remedies.repair}[name]
