# SPDX-License-Identifier: Apache-2.0
"""Which changes of logical volumes are allowed, and their commands.

Agents apply these rules to a new report just before they act, and conductors
before they create a task, so that both come to the same result.
"""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses

from cloudmanager.common import exception
from cloudmanager.domain import lvm

#: Seconds between two looks of LVM at a move that it carries out.
POLL_SECONDS = 2
#: Kinds of segments whose data can be moved or mirrored by themselves.
_PLAIN = frozenset(('linear', 'striped', *lvm.MIRRORED))


@dataclasses.dataclass(frozen=True)
class Change:
    """A change of a volume.

    :ivar command: its words; empty when there is nothing to do
    :ivar size: bytes that are written
    :ivar removed: physical volumes whose copies are given up
    :ivar resumes: whether it only resumes a change that has begun before
    """

    command: tuple[str, ...]
    size: int = 0
    removed: tuple[str, ...] = ()
    resumes: bool = False


def find_group(groups: Sequence[lvm.VolumeGroup],
               name: str) -> lvm.VolumeGroup:
    """Return the one volume group of a name.

    :raises VolumeGroupNotFound: there is none
    :raises Conflict: there are several; LVM cannot tell them apart either
    """
    found = [group for group in groups if group.name == name]
    if not found:
        raise exception.VolumeGroupNotFound(group=name)
    if len(found) > 1:
        raise exception.Conflict(
            reason=f'There are {len(found)} volume groups {name}.')
    return found[0]


def find_volume(group: lvm.VolumeGroup, name: str) -> lvm.LogicalVolume:
    """Return a logical volume of a group.

    :raises LogicalVolumeNotFound: there is none, or it is a part of another
    """
    found = group.volume(name)
    if found is None:
        raise exception.LogicalVolumeNotFound(group=group.name, volume=name)
    return found


def _refusal(volume: lvm.LogicalVolume,
             reason: str) -> exception.LogicalVolumeState:
    return exception.LogicalVolumeState(volume=volume.name, reason=reason)


def _check_plain(group: lvm.VolumeGroup, volume: lvm.LogicalVolume) -> None:
    """Check that the data of a volume are its own.

    :raises LogicalVolumeState: they are not, or lie on no device
    """
    if volume.is_thin:
        raise _refusal(volume, 'it is thin: its data are in the pool '
                               f'{volume.pool}, with those of other volumes')
    for part in (volume, *group.legs(volume)):
        for segment in part.segments:
            if segment.kind not in _PLAIN:
                raise _refusal(volume, f'it is of the kind {segment.kind}')
    missing = sorted(
        name for name in group.devices_of(volume)
        if (device := group.device(name)) is None or 'm' in device.attr[2:])
    if missing:
        raise _refusal(volume, 'a physical volume that it lies on is '
                               f'missing: {", ".join(missing)}')


def _free(group: lvm.VolumeGroup,
          besides: Collection[str]) -> list[lvm.PhysicalVolume]:
    """Return the devices where there is room, the emptiest first."""
    return sorted((device for device in group.devices
                   if device.is_usable and device.free >= group.extent
                   and device.name not in besides),
                  key=lambda device: -device.free)


def mirror(group: lvm.VolumeGroup, name: str, copies: int) -> Change:
    """Return the change that makes a volume keep so many copies of its data.

    :param copies: in all; 1 ends mirroring
    :raises LogicalVolumeNotFound: there is no such volume
    :raises LogicalVolumeState: its state, or lack of space, forbids it
    """
    volume = find_volume(group, name)
    _check_plain(group, volume)
    move = group.move_of(volume)
    if move is not None:
        raise _refusal(volume, 'its data are being moved from '
                               f'{move.move_pv}')
    if copies == volume.copies:
        return Change(())
    target = f'{group.name}/{name}'
    if copies < volume.copies:
        removed = _given_up(group, volume, volume.copies - copies)
        return Change(('lvconvert', '--yes', '--mirrors', str(copies - 1),
                       target, *removed), removed=removed)
    if not group.is_in_sync(volume):
        raise _refusal(volume, 'its copies are not complete yet')
    if volume.kind == 'striped':
        raise _refusal(volume, 'it is striped')
    added = copies - volume.copies
    _check_room(group, volume, added)
    kind = () if volume.kind == 'mirror' else ('--type', 'raid1')
    return Change(('lvconvert', '--yes', *kind, '--mirrors',
                   str(copies - 1), target), size=added * volume.size)


def _given_up(group: lvm.VolumeGroup, volume: lvm.LogicalVolume,
              number: int) -> tuple[str, ...]:
    """Return the devices of the copies to remove.

    The command has to name them: otherwise LVM may choose the only complete
    copy, and then refuse.

    :raises LogicalVolumeState: too few complete copies would be left
    """
    legs = group.legs(volume)
    # Incomplete copies first, then the last ones.
    order = sorted(range(len(legs)), key=lambda index: (
        legs[index].is_out_of_sync, index), reverse=True)
    left = [legs[index] for index in order[number:]]
    if any(leg.is_out_of_sync for leg in left):
        raise _refusal(volume, 'its copies are not complete yet')
    return tuple(dict.fromkeys(
        piece.device for index in order[:number]
        for piece in group.pieces(legs[index])))


def _check_room(group: lvm.VolumeGroup, volume: lvm.LogicalVolume,
                added: int) -> None:
    """Check that there is room for more copies.

    Each copy, including the first, needs one more extent for metadata, and no
    two copies may share a device.

    :raises LogicalVolumeState: there is not enough room
    """
    extent = group.extent
    own = group.devices_of(volume)
    if volume.kind not in lvm.MIRRORED and not any(
            device.is_usable and device.free >= extent
            for device in group.devices if device.name in own):
        raise _refusal(volume, 'there is no extent free for the metadata of '
                               'a mirror on its own physical volume')
    need = volume.size + extent
    rest = _free(group, own)
    for _ in range(added):
        found = 0
        while found < need and rest:
            found += rest.pop(0).free
        if found < need:
            raise _refusal(
                volume, f'{added} more of {lvm.size_text(need)} each do not '
                        'fit on physical volumes that hold no copy of it')


def move(group: lvm.VolumeGroup, name: str, source: str,
         destination: str | None) -> Change:
    """Return how the data of a volume leave a physical volume.

    A move is atomic: until all of it has arrived, the data that count are
    where they were, and one that is aborted leaves nothing behind.

    :param destination: LVM chooses when it is ``None``
    :raises LogicalVolumeNotFound: there is no such volume
    :raises LogicalVolumeState: its state, another move, or lack of space
        forbids it
    """
    volume = find_volume(group, name)
    _check_plain(group, volume)
    size = group.bytes_on(volume, source)
    # Without the name of the volume, LVM would move all that is on the
    # source if no move from there is under way any more.
    command = ('pvmove', '--background', '--atomic', '--interval',
               str(POLL_SECONDS), '--name', f'{group.name}/{name}', source)
    running = group.move_of(volume)
    if running is not None and running.move_pv == source:
        return Change(command, size=size, resumes=True)
    if group.moves:
        raise _refusal(volume, f'in volume group {group.name} data are being '
                               f'moved from {group.moves[0].move_pv}')
    if not group.is_in_sync(volume):
        raise _refusal(volume, 'its copies are not complete yet')
    _check_devices(group, volume, source, destination, size)
    return Change(command + ((destination,) if destination else ()),
                  size=size)


def _check_devices(group: lvm.VolumeGroup, volume: lvm.LogicalVolume,
                   source: str, destination: str | None, size: int) -> None:
    """Check the source and the destination of a move.

    :raises LogicalVolumeState: one of them cannot be used
    """
    for device in filter(None, (source, destination)):
        if group.device(device) is None:
            raise _refusal(volume, f'{device} is no physical volume of its '
                                   f'volume group {group.name}')
    if not size:
        raise _refusal(volume, f'it has no data on {source}')
    if source == destination:
        raise _refusal(volume, f'its data are on {source} already')
    # Two copies of a mirrored volume must not get onto the same device.
    taken = {source, *(piece.device for leg in group.legs(volume)
                       if not group.bytes_on(leg, source)
                       for piece in group.pieces(leg))}
    if destination in taken:
        raise _refusal(volume, f'another copy of it is on {destination}')
    rest = _free(group, taken)
    if destination is not None:
        rest = [device for device in rest if device.name == destination]
    room = sum(device.free for device in rest)
    if room < size:
        raise _refusal(
            volume, f'{lvm.size_text(size)} do not fit '
                    f'{"on " + destination if destination else "elsewhere"}: '
                    f'{lvm.size_text(room)} are free there')
