# SPDX-License-Identifier: Apache-2.0
"""What a server loses by an action.

A server always keeps its addresses, since its ports move with it. ``disks``
tells which of its disks are lost.
"""


from collections.abc import Iterable

from cloudmanager.planning.cloud import model
from cloudmanager.planning.terms import Action

#: It does not run for longer than a moment.
UPTIME = 'uptime'
#: The content of its memory, saved or not: it boots.
MEMORY = 'memory'
#: The content of its root or ephemeral disk.
LOCAL_DISK = 'local-disk'
#: The possibility to revert a resize that was not confirmed.
REVERT = 'revert'

_RUNNING_POWER = 1
_OFF_POWER = (4, 6)
#: By status: what a boot from its disks does not restore.
_HELD = {
    'ACTIVE': (UPTIME, MEMORY),
    'RESCUED': (UPTIME, MEMORY),
    'PAUSED': (MEMORY,),
    'SUSPENDED': (MEMORY,),
}


def _held(server: model.Server, status: str) -> tuple[str, ...]:
    if status == 'ACTIVE' and server.power_state in _OFF_POWER:
        return ()
    if status in _HELD:
        return _HELD[status]
    if status != 'SHUTOFF' and server.power_state == _RUNNING_POWER:
        return _HELD['ACTIVE']
    return ()


def of(server: model.Server, status: str,
       ladder: Iterable[str]) -> tuple[str, ...]:
    """What the first action loses, apart from waiting.

    :param status: of the server, without its running task
    :param ladder: the actions to try in turn
    """
    step = next((step for step in ladder if step != Action.WAIT), '')
    found: list[str] = []
    if step in (Action.COLD, Action.EVACUATE):
        found.extend(_held(server, status))
    if step == Action.EVACUATE:
        if server.local_disk:
            found.append(LOCAL_DISK)
        if status == 'VERIFY_RESIZE':
            found.append(REVERT)
    if step == Action.OFFLOAD and model.EPHEMERAL in server.disks:
        found.append(LOCAL_DISK)
    return tuple(found)
