# SPDX-License-Identifier: Apache-2.0
"""Puts the daemons of locks of the node in order.

They are units of systemd. lvmlockd takes over what it has left behind only
from a file, which it writes only if it was started with ``--adopt 1``. What
sanlock keeps for it says the same, so the agent writes the file.
"""

import re

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.agent import commands
from cloudmanager.agent import guests
from cloudmanager.agent import privileged
from cloudmanager.agent.drivers import units
from cloudmanager.agent.privileged import files
from cloudmanager.agent.volumes import lock_state
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.domain import guest_states
from cloudmanager.domain import lock_reports
from cloudmanager.domain import locks

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
LVMLOCKD = 'lvmlockd.service'
SANLOCK = 'sanlock.service'
WDMD = 'wdmd.service'
_ADOPT_FILE = '/run/lvm/lvmlockd.adopt'
_WORDS = re.compile(r'argv\[\]=(.+?) ;')
_ADOPT = re.compile(r' (?:--adopt[ =]|-A ?)\d+')
#: Seconds that lvmlockd is given to take over locks, and between two looks.
_PATIENCE = 10.0
_LEAVE_SECONDS = 60.0
_TRIES = 3
_POLL_SECONDS = 0.5


def adopt() -> list[str]:
    """Have lvmlockd take over the locks that it has left behind.

    sanlock of the node keeps them for a process that is gone, so no other
    host has them. Only those of volumes that are active are taken over:
    lvmlockd leaves the others where they are.

    :returns: the locks, each as group and volume
    :raises LocksHeld: lvmlockd runs and keeps locks, or sanlock does not
        renew the lease of this node
    :raises CommandFailed: lvmlockd cannot be started, or does not take them
    """
    groups = lock_state.groups()
    wanted = _orphans(lock_state.spaces(groups))
    if not wanted:
        return []
    for space in wanted:
        if space.trouble:
            raise exception.LocksHeld(group=space.group,
                                      reason=space.trouble)
    if lock_state.joined():
        raise exception.LocksHeld(
            group=next(iter(wanted)).group,
            reason='lvmlockd of this node runs and keeps other locks')
    names = [f'{space.group}/{lock.volume}' for space in wanted
             for lock in wanted[space]]
    LOG.warning('lvmlockd has left locks behind and takes them over: %s.',
                ', '.join(names))
    privileged.call('files', 'write', 'lvmlockd_adopt',
                    lock_reports.adopt_text(groups, wanted))
    privileged.call('files', 'write', 'lvmlockd', _drop_in())
    commands.run('systemctl', 'daemon-reload')
    commands.run('systemctl', 'restart', '--', LVMLOCKD)
    deadline = clock.monotonic() + _PATIENCE
    while left := _orphans(lock_state.read()):
        if clock.monotonic() > deadline:
            raise exception.CommandFailed(
                program='lvmlockd', reason='it does not take over '
                + ', '.join(f'{space.group}/{lock.volume}' for space in left
                            for lock in left[space]))
        clock.sleep(_POLL_SECONDS)
    return names


def reset() -> list[str] | None:
    """Stop the daemons of locks in order, start them, and join the groups.

    Nothing is done unless there is disorder. The leases are given back first,
    so that the watchdog does not reset the node.

    :returns: the groups that are being joined; ``None`` when there was no
        disorder
    :raises LocksHeld: something on the node may need the locks
    :raises CommandFailed: that is not known, or a daemon does not do it
    """
    groups = lock_state.groups()
    spaces = lock_state.spaces(groups)
    if not any(space.disorder for space in spaces):
        return None
    _check_unused(groups)
    LOG.warning('The daemons of locks are started anew: %s.', '; '.join(
        sorted({space.disorder for space in spaces if space.disorder})))
    joined = lock_state.joined()
    to_join = _joined(spaces, joined)
    for space in spaces:
        if space.own_id is None and joined:
            commands.run('lvmlockctl', '--drop', space.group, codes=None)
    # Asked to end, it would wait for sanlock to leave, which waits for
    # somebody to take over what was left. Killed, it changes nothing.
    commands.run('systemctl', 'kill', '--signal=KILL', '--', LVMLOCKD,
                 codes=None)
    commands.run('systemctl', 'stop', '--', LVMLOCKD)
    try:
        # Without lvmlockd nothing becomes active any more.
        _check_unused(groups)
    except exception.CloudManagerException:
        if not adopt():
            commands.run('systemctl', 'start', '--', LVMLOCKD)
        raise
    _start_anew(spaces, to_join)
    return to_join


def _joined(spaces: list[locks.Lockspace],
            known: frozenset[str] | None) -> list[str]:
    """Return the groups that the node has joined, as far as daemons know.

    :param known: lockspaces that lvmlockd has joined; ``None`` when it cannot
        be asked
    :returns: all groups when no daemon can tell
    """
    if known is None and all(space.own_id is None for space in spaces):
        return [space.group for space in spaces]
    return [space.group for space in spaces
            if space.own_id is not None or space.name in (known or ())]


def _start_anew(spaces: list[locks.Lockspace], to_join: list[str]) -> None:
    """Have sanlock leave, start everything, and join groups."""
    for space in spaces:
        if space.own_id is not None:
            place = f'{space.name}:{space.own_id}:{space.path}:0'
            # Otherwise it waits for somebody to take over what was left.
            commands.run('sanlock', 'client', 'set_config', '-s', place,
                         '-O', '0')
            commands.run('sanlock', 'client', 'rem_lockspace', '-s', place,
                         timeout=_LEAVE_SECONDS)
    present = [unit for unit in (WDMD, SANLOCK) if _is_there(unit)]
    for unit in reversed(present):
        commands.run('systemctl', 'stop', '--', unit)
    for unit in (*present, LVMLOCKD):
        commands.run('systemctl', 'start', '--', unit)
    for group in to_join:
        _join(group)


def _is_there(unit: str) -> bool:
    try:
        units.show(unit)
    except exception.Conflict:
        return False
    return True


def _join(group: str) -> None:
    """Begin to join the lockspace of a group.

    The first try may come before udev has made the device of the leases.

    :raises CommandFailed: no try has begun it
    """
    for left in reversed(range(_TRIES)):
        try:
            commands.run('vgchange', '--lockstart', '--lockopt', 'nowait',
                         group)
            return
        except exception.CommandFailed:
            if not left:
                raise
            commands.run('udevadm', 'settle')


def _check_unused(groups: list[lock_reports.SharedGroup]) -> None:
    """Check that nothing on the node needs the locks.

    :raises LocksHeld: something may
    :raises CommandFailed: libvirt does not tell which guests run
    """
    for group in groups:
        if group.kind != lock_reports.SANLOCK:
            raise exception.LocksHeld(
                group=group.name,
                reason=f'its locks are kept by {group.kind}')
        number = lock_state.active_volumes(group)
        if number:
            raise exception.LocksHeld(
                group=group.name,
                reason=f'{number} of its volumes are active on this node')
    if CONF.agent.libvirt_uri:
        names = [guest.name for guest in guests.read()
                 if guest.state not in guest_states.ENDED]
        if names:
            raise exception.LocksHeld(
                group=groups[0].name,
                reason=f'servers run on this node: {", ".join(names)}')
    try:
        others = {space.partition(':')[0] for space in lock_state.lockspaces()
                  } - {f'lvm_{group.name}' for group in groups}
    except exception.CommandFailed:
        # It does not run, so nobody uses it.
        return
    if others:
        raise exception.LocksHeld(
            group=groups[0].name, reason='sanlock of this node is used for '
            f'something else, too: {", ".join(sorted(others))}')


def _orphans(spaces: list[locks.Lockspace]
             ) -> dict[locks.Lockspace, list[locks.Lock]]:
    """Return the locks to take over."""
    found = {space: space.adoptable for space in spaces}
    return {space: those for space, those in found.items() if those}


def _drop_in() -> str:
    """Return what has the unit take over locks at its next start.

    :raises CommandFailed: the unit is not known
    """
    told = commands.run('systemctl', 'show', '--no-pager',
                        '--property=ExecStart', '--', LVMLOCKD).out
    match = _WORDS.search(told)
    if match is None:
        raise exception.CommandFailed(
            program='systemctl', reason=f'it knows no {LVMLOCKD}')
    words = f'{_ADOPT.sub("", match[1])} --adopt 1'
    # Moved, so that a later start does not read it again.
    return ('[Service]\n'
            f'ExecStartPre=-/bin/mv -f {files.path_of("lvmlockd_adopt")} '
            f'{_ADOPT_FILE}\n'
            'ExecStart=\n'
            f'ExecStart={words}\n')
