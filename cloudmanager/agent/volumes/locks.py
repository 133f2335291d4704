# SPDX-License-Identifier: Apache-2.0
"""Operations on locks of shared volume groups that conductors request."""

import threading

from cloudmanager.agent.operations import Json
from cloudmanager.agent.operations import operation
from cloudmanager.agent.volumes import lock_daemons
from cloudmanager.agent.volumes import lock_state
from cloudmanager.common import exception
from cloudmanager.domain import locks
from cloudmanager.domain import lvm

VERSION = '1.0'
# Who asks anew because the answer is late must not disturb what goes on.
_one_at_a_time = threading.Lock()


def _name(text: str, what: str) -> str:
    try:
        return lvm.check_name(text, what)
    except ValueError as exc:
        raise exception.Invalid(reason=f'{exc}.') from exc


@operation('locks.report', version=VERSION)
def report(agent: object, group: str | None = None,
           volume: str | None = None) -> Json:
    """Return who holds the locks of shared volume groups.

    :param group: name of the group; all groups when ``None``
    :param volume: name of the volume whose lock to read; all when ``None``
    """
    for text, what in ((group, 'group'), (volume, 'volume')):
        if text is not None:
            _name(text, what)
    return locks.dump(lock_state.read(group, volume))


@operation('locks.release', version=VERSION)
def release(agent: object, group: str, host_id: int, generation: int,
            timestamp: int) -> Json:
    """Free all locks in a group that belong to a host proven to be off.

    The conductor has the proof. It must not contradict what is seen here: the
    host must have the given generation, and must be silent.

    :param generation: generation of the host at the time of the proof
    :param timestamp: time of its last renewal at the time of the proof
    :returns: ``released``: false when the host had left already
    :raises LocksHeld: the host has another generation by now, or is alive
    """
    _name(group, 'group')
    for value in (host_id, generation, timestamp):
        if type(value) is not int or value < 0:
            raise exception.Invalid(
                reason='Host, generation and time of a lease are numbers.')
    space = _look(group)
    member = space.member(host_id)
    if member is None or member.generation != generation:
        raise exception.LocksHeld(
            group=group, reason=f'id {host_id} is not of generation '
                                f'{generation}, so its host has come back')
    if not member.timestamp:
        return {'released': False}
    if host_id == space.own_id:
        raise exception.LocksHeld(group=group,
                                  reason=f'id {host_id} is this node')
    if space.trouble:
        raise exception.LocksHeld(group=group, reason=space.trouble)
    if member.timestamp != timestamp or not space.is_silent(member):
        raise exception.LocksHeld(
            group=group, reason=f'{member.name} (id {host_id}) renews its '
                                'lease')
    lock_state.release(space, member)
    after = _look(group).member(host_id)
    if after is None or (after.generation, after.timestamp) != (generation,
                                                               0):
        raise exception.LocksHeld(
            group=group, reason=f'the lease of {member.name} (id {host_id}) '
                                'was written by somebody else meanwhile')
    return {'released': True}


@operation('locks.adopt', version=VERSION)
def adopt(agent: object) -> Json:
    """Have lvmlockd take over the locks that it left when it was killed.

    :returns: ``adopted``: the locks, each as group and volume
    :raises LocksHeld: lvmlockd or sanlock of the node are in another state
    :raises CommandFailed: lvmlockd does not take them over
    """
    with _one_at_a_time:
        return {'adopted': list(lock_daemons.adopt())}


@operation('locks.reset', version=VERSION)
def reset(agent: object) -> Json:
    """Start the daemons of locks of the node anew, if they are in disorder.

    :returns: ``reset``: whether that was done; ``joining``: the groups that
        are being joined then
    :raises LocksHeld: something on the node may need the locks
    :raises CommandFailed: that is not known, or a daemon does not do it
    """
    with _one_at_a_time:
        joining = lock_daemons.reset()
        return {'reset': joining is not None, 'joining': joining or []}


def _look(group: str) -> locks.Lockspace:
    """Return the hosts of a group as they are now.

    :raises VolumeGroupNotFound: there is no such shared group
    """
    # No volume has an empty name, so no locks of volumes are read.
    found = lock_state.read(group, '')
    if not found:
        raise exception.VolumeGroupNotFound(group=group)
    return found[0]
