# SPDX-License-Identifier: Apache-2.0
"""Who holds which locks of shared volume groups now.

Where sanlock of the node is away its leases are still read from the device,
but nothing is told of who lives.
"""

import dataclasses
import pathlib

from oslo_log import log as logging

from cloudmanager.agent import commands
from cloudmanager.common import exception
from cloudmanager.domain import lock_reports
from cloudmanager.domain import locks

LOG = logging.getLogger(__name__)
_DEVICES = pathlib.Path('/sys/block')
_MIB = 1024 ** 2
# What sanlock takes if it is not told: bytes of a sector and of a lease.
_SECTOR = 512


@dataclasses.dataclass(frozen=True)
class _Daemon:
    """What sanlock of the node tells.

    :ivar blocks: objects of its report
    :ivar now: its clock, in seconds
    :ivar trouble: why it tells nothing; empty otherwise
    """

    blocks: tuple[lock_reports.Block, ...] = ()
    statuses: str = ''
    now: int = 0
    trouble: str = ''

    def space(self, name: str) -> lock_reports.Block | None:
        """Return what it tells of a lockspace, if it is in it."""
        return next((block for block in self.blocks
                     if block.head.startswith(f's {name}:')), None)

    def orphans(self, name: str) -> set[str]:
        """Return the locks that it keeps for processes that are gone."""
        return {block.head.split(':')[1] for block in self.blocks
                if block.head.startswith(f'r {name}:')
                and block.head.endswith(' ORPHAN')}


def read(group: str | None = None,
         volume: str | None = None) -> list[locks.Lockspace]:
    """Return the locks of the shared volume groups of the node.

    :param group: name of the one that is asked for; all when ``None``
    :param volume: name of the volume whose lock is asked for, likewise
    :raises CommandFailed: LVM is not there, or its report cannot be read
    """
    texts = [commands.run(*words).out for words in lock_reports.COMMANDS]
    try:
        groups = lock_reports.shared_groups(*texts)
    except ValueError as exc:
        raise exception.CommandFailed(program='vgs',
                                      reason=f'{exc}') from exc
    wanted = [found for found in groups if group in (None, found.name)]
    if not wanted:
        return []
    daemon = _ask()
    active = _active()
    return [_space(found, daemon, active, volume) for found in wanted]


def _ask() -> _Daemon:
    try:
        blocks = lock_reports.blocks(
            commands.run('sanlock', 'client', 'status', '-D').out)
        told = commands.run('sanlock', 'client', 'gets', '-h', '1').out
    except exception.CommandFailed:
        return _Daemon(trouble='sanlock of the node cannot be asked')
    now = next((block.number('monotime') for block in blocks
                if block.head.startswith('daemon ')), None)
    return _Daemon(tuple(blocks), told, now or 0)


def _active() -> set[str]:
    """Return the ids of the devices of LVM that there are."""
    found = set()
    for path in _DEVICES.glob('dm-*/dm/uuid'):
        try:
            found.add(path.read_text('ascii').strip())
        except OSError:
            # It is gone again.
            continue
    return found


def _plain(uuid: str) -> str:
    return uuid.replace('-', '')


def _space(group: lock_reports.SharedGroup, daemon: _Daemon,
           active: set[str], volume: str | None) -> locks.Lockspace:
    """Return the locks of a group."""
    name = f'lvm_{group.name}'
    path = f'/dev/mapper/{group.name.replace("-", "--")}-lvmlock'
    if group.kind != lock_reports.SANLOCK:
        return locks.Lockspace(
            group.name, name, path,
            trouble=f'the locks of the group are kept by {group.kind}, of '
                    'which nothing is known here')
    own = daemon.space(name)
    trouble = daemon.trouble or _trouble(own)
    try:
        members, held = _leases(group, path, own, volume)
    except (exception.CommandFailed, ValueError) as exc:
        return locks.Lockspace(
            group.name, name, path, trouble='; '.join(filter(None, (
                trouble, f'its leases cannot be read: {exc}'))))
    orphans = daemon.orphans(name)
    return locks.Lockspace(
        group.name, name, path, trouble=trouble,
        own_id=int(own.head.split(':')[1]) if own is not None else None,
        io_timeout=(own.number('io_timeout') if own else None) or 10,
        members=_with_life(name, members, daemon, own),
        locks=tuple(locks.Lock(
            lock, group.volumes.get(lock, ('', 0))[0], holders,
            is_orphan=lock in orphans,
            is_active=f'LVM-{_plain(group.uuid)}{_plain(lock)}' in active)
            for lock, holders in sorted(held.items())))


def _trouble(own: lock_reports.Block | None) -> str:
    """Return why a lockspace does not serve to judge others by."""
    if own is None:
        return ('the node has not joined the lockspace of the group '
                '(vgchange --lockstart)')
    if len(own.head.split()) > 2:
        # ADD, REM: on the way in or out.
        return 'the node is just joining or leaving the lockspace'
    if (own.number('renew_fail') or own.number('space_dead')
            or own.number('killing_pids')
            or own.number('renewal_last_result') != 1):
        # Slow storage: others seem silent, too, and write all the same.
        return ('the node itself cannot renew its lease in time; if its '
                'storage is slow, a longer io_timeout of lvmlockd helps')
    return ''


def _options(own: lock_reports.Block | None) -> tuple[tuple[str, ...], int]:
    """Return how leases are laid out, as options, and bytes of each."""
    sector = (own.number('sector_size') if own else None) or _SECTOR
    align = (own.number('align_size') if own else None) or lock_reports.ALIGN
    if (sector, align) == (_SECTOR, lock_reports.ALIGN):
        return (), align
    return ('-Z', str(sector), '-A', f'{align // _MIB}M'), align


def _leases(group: lock_reports.SharedGroup, path: str,
            own: lock_reports.Block | None, volume: str | None
            ) -> tuple[list[locks.Member], dict[
                str, tuple[locks.Holder, ...]]]:
    """Read leases from their device."""
    options, align = _options(own)

    def dump(offset: int, size: int) -> str:
        return commands.run('sanlock', 'direct', 'dump',
                            f'{path}:{offset}:{size}', *options).out

    members = lock_reports.members(dump(0, align))
    places = {name: offset for name, offset in group.volumes.values()}
    if volume is not None:
        if volume not in places:
            return members, {}
        return members, lock_reports.lock_holders(
            dump(places[volume], align))
    # Behind the leases of hosts there are 64 that nobody uses, and those
    # of all groups and of the group itself.
    last = max((*places.values(), 67 * align))
    return members, lock_reports.lock_holders(dump(0, last + align))


def _with_life(name: str, members: list[locks.Member], daemon: _Daemon,
               own: lock_reports.Block | None) -> tuple[locks.Member, ...]:
    """Return members with what sanlock has seen of their renewals."""
    if own is None:
        return tuple(members)
    seen: dict[tuple[int | None, int | None], lock_reports.Block] = {}
    told = commands.run('sanlock', 'client', 'host_status', '-s', name, '-D')
    for block in lock_reports.blocks(told.out):
        seen[block.number('owner_id'),
             block.number('owner_generation')] = block
    statuses = lock_reports.statuses(daemon.statuses)
    found = []
    for member in members:
        key = member.host_id, member.generation
        known = seen.get(key)
        live = known.number('last_live') if known else None
        # A lease that was renewed since sanlock has looked is that of one
        # who lives.
        silent = None
        if known is not None and live:
            same = known.number('timestamp') == member.timestamp
            silent = float(max(0, daemon.now - live)) if same else 0.0
        found.append(dataclasses.replace(
            member, silent=silent, status=statuses.get((name, *key), '')))
    return tuple(found)


def release(space: locks.Lockspace, member: locks.Member) -> None:
    """Give back the lease of a host that is proven to be gone.

    With it all that the host held is free. It is the one lease that no
    living host writes, so nobody is in the way.

    :raises CommandFailed: sanlock could not
    """
    LOG.warning('The lease of %(name)s (id %(id)d, generation %(number)d) '
                'in lockspace %(space)s is given back.', {
                    'name': member.name, 'id': member.host_id,
                    'number': member.generation, 'space': space.name})
    own = lock_reports.blocks(
        commands.run('sanlock', 'client', 'status', '-D').out)
    options, _ = _options(_Daemon(tuple(own)).space(space.name))
    commands.run('sanlock', 'direct', 'release_id', '-s',
                 f'{space.name}:{member.host_id}:{space.path}:0', *options)
