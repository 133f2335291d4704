# SPDX-License-Identifier: Apache-2.0
"""Which rules decide on the steps that a server needs."""

from collections.abc import Callable

from cloudmanager.common.json_types import JsonObject
from cloudmanager.planning import remedies

Decide = Callable[[remedies.Symptoms, remedies.History], remedies.NextStep]


def decider(name: str, params: JsonObject) -> Decide:
    """Return what decides for an action.

    :param name: of the task
    :param params: of the request
    """
    if name == 'server.reset-reboot':
        return (remedies.reset_and_reboot if params.get('reboot')
                else remedies.reset_only)
    return {'server.wakeup': remedies.wakeup,
            'server.recover': remedies.recover,
            'server.repair': remedies.repair}[name]
