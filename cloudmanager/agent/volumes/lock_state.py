# SPDX-License-Identifier: Apache-2.0
"""Reading who holds the locks of shared volume groups.

If sanlock does not run on the node, its leases are still read from the device,
but they do not tell which hosts are alive.
"""

from collections.abc import Mapping
import dataclasses
import os
import pathlib

from oslo_log import log as logging

from cloudmanager.agent import commands
from cloudmanager.agent import guests
from cloudmanager.common import exception
from cloudmanager.domain import guest_states
from cloudmanager.domain import lock_reports
from cloudmanager.domain import locks

LOG = logging.getLogger(__name__)
_DEVICES = pathlib.Path('/sys/block')
_MIB = 1024 ** 2
# sanlock's defaults: bytes of a sector and of a lease.
_SECTOR = 512


@dataclasses.dataclass(frozen=True)
class _Daemon:
    """The report of the node's sanlock.

    :ivar blocks: objects of the report
    :ivar now: sanlock's clock, in seconds
    :ivar trouble: why there is no report; empty otherwise
    :ivar joined: lockspaces that lvmlockd has joined, or thinks so; ``None``
        when it cannot be asked
    """

    blocks: tuple[lock_reports.Block, ...] = ()
    statuses: str = ''
    now: int = 0
    trouble: str = ''
    joined: frozenset[str] | None = None

    def space(self, name: str) -> lock_reports.Block | None:
        """Return the object of a lockspace that sanlock has joined, if any."""
        return next((block for block in self.blocks
                     if block.head.startswith(f's {name}:')), None)

    def orphans(self, name: str) -> set[str]:
        """Return the locks that sanlock keeps for processes that are gone."""
        return {block.head.split(':')[1] for block in self.blocks
                if block.head.startswith(f'r {name}:')
                and block.head.endswith(' ORPHAN')}


def groups() -> list[lock_reports.SharedGroup]:
    """Return the shared volume groups of the node.

    :raises CommandFailed: LVM is not installed, or its report cannot be read
    """
    text = commands.run(*lock_reports.COMMAND).out
    try:
        return lock_reports.shared_groups(text)
    except ValueError as exc:
        raise exception.CommandFailed(program='lvs',
                                      reason=f'{exc}') from exc


def read(group: str | None = None,
         volume: str | None = None) -> list[locks.Lockspace]:
    """Return the locks of the shared volume groups of the node.

    :param group: name of the group; all groups when ``None``
    :param volume: name of the volume whose lock to read; all when ``None``
    :raises CommandFailed: LVM is not installed, or its report cannot be read
    """
    return spaces([found for found in groups()
                   if group in (None, found.name)], volume)


def spaces(wanted: list[lock_reports.SharedGroup],
           volume: str | None = None) -> list[locks.Lockspace]:
    """Return the locks of shared volume groups of the node.

    :param volume: name of the volume whose lock to read; all when ``None``
    """
    if not wanted:
        return []
    daemon = _ask()
    active = _active()
    return _with_guests([_space(found, daemon, active, volume)
                         for found in wanted],
                        {found.name: found.uuid for found in wanted}, active)


def _ask() -> _Daemon:
    try:
        blocks = lock_reports.blocks(
            commands.run('sanlock', 'client', 'status', '-D').out)
        told = commands.run('sanlock', 'client', 'gets', '-h', '1').out
    except exception.CommandFailed:
        return _Daemon(trouble='sanlock of the node cannot be asked')
    now = next((block.number('monotime') for block in blocks
                if block.head.startswith('daemon ')), None)
    return _Daemon(tuple(blocks), told, now or 0, joined=joined())


def joined() -> frozenset[str] | None:
    """Return the lockspaces that lvmlockd has joined, or thinks so.

    :returns: ``None`` when it cannot be asked
    """
    try:
        told = commands.run('lvmlockctl', '--info').out
    except exception.CommandFailed:
        return None
    return frozenset(line.split()[-1].rpartition(':')[2]
                     for line in told.splitlines() if line.startswith('LS '))


def lockspaces() -> frozenset[str]:
    """Return the lockspaces that sanlock has joined, whosesoever they are.

    :raises CommandFailed: sanlock cannot be asked
    """
    told = commands.run('sanlock', 'client', 'status', '-D').out
    return frozenset(block.head.split()[1] for block in
                     lock_reports.blocks(told) if block.head.startswith('s '))


def active_volumes(group: lock_reports.SharedGroup) -> int:
    """Return how many volumes of a group are active, without its leases."""
    devices = [device for device in _active()
               if device.startswith(_device(group.uuid, ''))]
    if not group.leases:
        # Rather one too many than none: the id of no volume begins all ids.
        return len(devices)
    leases = _device(group.uuid, group.leases)
    return sum(not device.startswith(leases) for device in devices)


def _active() -> dict[str, str]:
    """Return the names of LVM's active devices, by their ids."""
    found = {}
    for path in _DEVICES.glob('dm-*/dm/uuid'):
        try:
            found[path.read_text('ascii').strip()] = path.parent.parent.name
        except OSError:
            # It is gone again.
            continue
    return found


def _device(group_uuid: str, uuid: str) -> str:
    """Return the id of the device of a volume."""
    return 'LVM-' + f'{group_uuid}{uuid}'.replace('-', '')


def _with_guests(spaces: list[locks.Lockspace], uuids: Mapping[str, str],
                 active: Mapping[str, str]) -> list[locks.Lockspace]:
    """Return lockspaces with the guests that use unprotected volumes.

    :param uuids: of the groups, by name
    """
    if not any(space.unprotected for space in spaces):
        return spaces
    trouble = ''
    users: dict[str, list[str]] = {}
    try:
        for guest in guests.read():
            if guest.state in guest_states.ENDED:
                continue
            for disk in guest.disks:
                users.setdefault(os.path.basename(os.path.realpath(disk)),
                                 []).append(guest.name)
    except exception.CommandFailed as exc:
        trouble = exc.message.rstrip('.')
    return [dataclasses.replace(
        space, guests_trouble=trouble if space.unprotected else '',
        locks=tuple(dataclasses.replace(lock, guests=tuple(sorted(set(
            users.get(active[_device(uuids[space.group], lock.name)], ())))))
            if space.why_unprotected(lock) else lock
            for lock in space.locks)) for space in spaces]


def _space(group: lock_reports.SharedGroup, daemon: _Daemon,
           active: Mapping[str, str], volume: str | None) -> locks.Lockspace:
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
    space = locks.Lockspace(
        group.name, name, path, trouble=trouble,
        own_id=int(own.head.split(':')[1]) if own is not None else None,
        io_timeout=(own.number('io_timeout') if own else None) or 10,
        members=_with_life(name, members, daemon, own),
        locks=tuple(locks.Lock(
            lock, group.volumes.get(lock, ('', 0))[0], holders,
            is_orphan=lock in orphans,
            is_active=_device(group.uuid, lock) in active)
            for lock, holders in sorted(held.items())))
    return dataclasses.replace(space, disorder=_disorder(space, daemon))


def _disorder(space: locks.Lockspace, daemon: _Daemon) -> str:
    """Return why the daemons of locks are to be started anew, if so."""
    if daemon.trouble:
        return daemon.trouble
    if daemon.joined is None:
        # By taking over its locks it begins to run.
        return ('' if space.adoptable else
                'lvmlockd of the node cannot be asked')
    if space.own_id is None and space.name in daemon.joined:
        return ('lvmlockd of the node takes the group for joined, and '
                'sanlock does not')
    if any(lock.is_orphan and not lock.is_active for lock in space.locks):
        return ('lvmlockd was killed and left locks of volumes behind that '
                'are not active')
    return ''


def _trouble(own: lock_reports.Block | None) -> str:
    """Return why a lockspace's view of other hosts is not reliable."""
    if own is None:
        return ('the node has not joined the lockspace of the group '
                '(vgchange --lockstart)')
    if len(own.head.split()) > 2:
        # ADD and REM: the node is joining or leaving.
        return 'the node is just joining or leaving the lockspace'
    if (own.number('renew_fail') or own.number('space_dead')
            or own.number('killing_pids')
            or own.number('renewal_last_result') != 1):
        # With slow storage, others seem silent, too, but still write.
        return ('the node itself cannot renew its lease in time; if its '
                'storage is slow, a longer io_timeout of lvmlockd helps')
    return ''


def _options(own: lock_reports.Block | None) -> tuple[tuple[str, ...], int]:
    """Return the layout of leases, as options, and the bytes of each."""
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
    # The leases of hosts and 64 unused ones are left out, since to read them
    # takes longer than all the rest. Then come the one for all groups, the
    # one for this group, and those of volumes.
    first = 65 * align
    last = max((*places.values(), 67 * align))
    return members, lock_reports.lock_holders(
        dump(first, last + align - first))


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
        # If the lease was renewed after sanlock's last look, its host is
        # alive.
        silent = None
        if known is not None and live:
            same = known.number('timestamp') == member.timestamp
            silent = float(max(0, daemon.now - live)) if same else 0.0
        found.append(dataclasses.replace(
            member, silent=silent, status=statuses.get((name, *key), '')))
    return tuple(found)


def release(space: locks.Lockspace, member: locks.Member) -> None:
    """Release the lease of a host that is proven to be off.

    This frees all locks of that host. No running host writes this lease, so
    there is no conflict.

    :raises CommandFailed: sanlock failed
    """
    LOG.warning('The lease of %(name)s (id %(id)d, generation %(number)d) '
                'in lockspace %(space)s is released.', {
                    'name': member.name, 'id': member.host_id,
                    'number': member.generation, 'space': space.name})
    own = lock_reports.blocks(
        commands.run('sanlock', 'client', 'status', '-D').out)
    options, _ = _options(_Daemon(tuple(own)).space(space.name))
    commands.run('sanlock', 'direct', 'release_id', '-s',
                 f'{space.name}:{member.host_id}:{space.path}:0', *options)
