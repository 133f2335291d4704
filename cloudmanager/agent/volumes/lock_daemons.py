# SPDX-License-Identifier: Apache-2.0
"""Puts the daemons of locks of the node in order.

They are units of systemd. lvmlockd takes over what it has left behind only
from a file, which it writes only if it was started with ``--adopt 1``. What
sanlock keeps for it says the same, so the agent writes the file.
"""

import re

from oslo_log import log as logging

from cloudmanager.agent import commands
from cloudmanager.agent import privileged
from cloudmanager.agent.privileged import files
from cloudmanager.agent.volumes import lock_state
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.domain import lock_reports
from cloudmanager.domain import locks

LOG = logging.getLogger(__name__)
LVMLOCKD = 'lvmlockd.service'
_ADOPT_FILE = '/run/lvm/lvmlockd.adopt'
_WORDS = re.compile(r'argv\[\]=(.+?) ;')
#: Seconds that lvmlockd is given to take over locks, and between two looks.
_PATIENCE = 10.0
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
    wanted = _orphans(lock_state.read())
    if not wanted:
        return []
    for space in wanted:
        if space.trouble:
            raise exception.LocksHeld(group=space.group,
                                      reason=space.trouble)
    if keeps_locks():
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


def _orphans(spaces: list[locks.Lockspace]
             ) -> dict[locks.Lockspace, list[locks.Lock]]:
    """Return the locks to take over."""
    found = {space: space.adoptable for space in spaces}
    return {space: those for space, those in found.items() if those}


def keeps_locks() -> bool:
    """Tell whether lvmlockd runs and has joined a lockspace, or thinks so."""
    found = commands.run('lvmlockctl', '--info', codes=None)
    return found.code == 0 and any(line.startswith('LS ')
                                   for line in found.out.splitlines())


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
    words = match[1]
    if '--adopt' not in words:
        words += ' --adopt 1'
    # Moved, so that a later start does not read it again.
    return ('[Service]\n'
            f'ExecStartPre=-/bin/mv -f {files.path_of("lvmlockd_adopt")} '
            f'{_ADOPT_FILE}\n'
            'ExecStart=\n'
            f'ExecStart={words}\n')
