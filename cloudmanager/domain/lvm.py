# SPDX-License-Identifier: Apache-2.0
"""What LVM knows of volume groups, as records.

The agent reads them from the reports of ``lvs``, ``vgs`` and ``pvs``, and
conductors get them from the agent. Sizes are in bytes.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import re
from typing import Any

#: Kinds of segments that keep whole copies of their data.
MIRRORED = frozenset(('raid1', 'mirror'))
#: Place of the state among the characters of ``lv_attr``, see lvs(8).
_STATE = 4
_OUT_OF_SYNC = 'I'
_UNITS = ('b', 'k', 'm', 'g', 't', 'p', 'e')
_MAX_NAME = 127
# The grammar of names is LVM's own, see lvm(8), "VALID NAMES".
_NAME = re.compile(r'[A-Za-z0-9+_.][A-Za-z0-9+_.-]*')
_RESERVED = re.compile(
    r'^(snapshot|pvmove)|_(cdata|cmeta|corig|cvol|mimage|mlog|pmspare|rimage'
    r'|rmeta|tdata|tmeta|vdata|vorigin|imeta|iorig|wcorig)')
_DEVICE = re.compile(r'/dev(/[A-Za-z0-9][A-Za-z0-9_.:+@=-]*)+')


def check_name(text: object, what: str) -> str:
    """Return the name of a volume group or logical volume.

    :param what: of which it is said to be the name
    :raises ValueError: LVM would not take it
    """
    if (not isinstance(text, str) or len(text) > _MAX_NAME
            or not _NAME.fullmatch(text) or text in ('.', '..')):
        raise ValueError(f'{what} must be a name as LVM has them')
    return text


def check_volume_name(text: object) -> str:
    """Return the name of a logical volume that is not LVM's own part.

    :raises ValueError: there can be none
    """
    name = check_name(text, 'lv')
    if _RESERVED.search(name):
        raise ValueError('lv must not be a name that LVM keeps for its own '
                         'parts of volumes')
    return name


def check_device(text: object, what: str) -> str:
    """Return the path of a physical volume.

    :raises ValueError: it is no path below /dev
    """
    if (not isinstance(text, str) or len(text) > 255
            or not _DEVICE.fullmatch(text)):
        raise ValueError(f'{what} must be the path of a device below /dev')
    return text


def size_text(size: float) -> str:
    """Return a size as LVM writes it, such as 1.00g.

    :param size: bytes
    """
    step = 0
    # What would be written as 1024.00 is 1.00 of the next unit.
    while size >= 1023.995 and step < len(_UNITS) - 1:
        size, step = size / 1024, step + 1
    return f'{size:.2f}{_UNITS[step]}' if step else f'{size:.0f}b'


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A part of a logical volume.

    :ivar kind: such as linear, striped, raid1 or thin
    :ivar size: bytes
    :ivar devices: paths of physical volumes, and names of internal logical
        volumes, that it lies on
    """

    kind: str
    size: int
    devices: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """So many bytes of a volume on a physical volume."""

    device: str
    size: int


@dataclasses.dataclass(frozen=True)
class LogicalVolume:
    """A logical volume, or an internal part of one.

    :ivar attr: attributes as ``lvs`` writes them
    :ivar size: bytes
    :ivar pool: name of its thin pool, if it is thin
    :ivar parent: name of the volume that it is an internal part of
    :ivar active: whether it is active on this host, and how, in LVM's words
    :ivar move_pv: source of the move that it stands for, if it does
    :ivar percent: how much of its copies is in sync, or of it is moved
    """

    name: str
    uuid: str
    attr: str
    size: int
    segments: tuple[Segment, ...]
    is_internal: bool = False
    tags: tuple[str, ...] = ()
    pool: str = ''
    origin: str = ''
    parent: str = ''
    active: str = ''
    move_pv: str = ''
    percent: float | None = None

    @property
    def is_active(self) -> bool:
        return self.attr[_STATE:_STATE + 1] == 'a'

    @property
    def is_open(self) -> bool:
        """Whether somebody uses its device."""
        return self.attr[_STATE + 1:_STATE + 2] == 'o'

    @property
    def is_thin(self) -> bool:
        return bool(self.pool) or self.attr[:1] == 'V'

    @property
    def is_out_of_sync(self) -> bool:
        """Whether it is a copy that is not complete yet."""
        return self.attr[:1] == _OUT_OF_SYNC

    @property
    def kind(self) -> str:
        """Kind of its first segment."""
        return self.segments[0].kind if self.segments else ''

    @property
    def copies(self) -> int:
        """How many whole copies of the data it keeps."""
        if self.kind in MIRRORED:
            return len(self.segments[0].devices)
        return 2 if self.kind == 'raid10' else 1


@dataclasses.dataclass(frozen=True, slots=True)
class PhysicalVolume:
    """A physical volume.

    :ivar name: path of its device; no path when the device is missing
    :ivar attr: attributes as ``pvs`` writes them
    :ivar size: bytes
    :ivar free: bytes
    """

    name: str
    uuid: str
    attr: str
    size: int
    free: int

    @property
    def is_usable(self) -> bool:
        """Whether new data may be placed on it."""
        return self.attr[:1] == 'a' and 'm' not in self.attr[2:]


@dataclasses.dataclass(frozen=True)
class VolumeGroup:
    """A volume group with all that is in it.

    :ivar size: bytes
    :ivar free: bytes
    :ivar extent: bytes of an extent
    """

    name: str
    uuid: str
    attr: str
    size: int
    free: int
    extent: int
    volumes: tuple[LogicalVolume, ...] = ()
    devices: tuple[PhysicalVolume, ...] = ()

    @property
    def is_shared(self) -> bool:
        """Whether several hosts use it at the same time."""
        return self.attr[5:6] in ('c', 's')

    @functools.cached_property
    def _volumes(self) -> dict[str, LogicalVolume]:
        return {volume.name: volume for volume in self.volumes}

    @functools.cached_property
    def _devices(self) -> dict[str, PhysicalVolume]:
        return {device.name: device for device in self.devices}

    @functools.cached_property
    def _parts(self) -> dict[str, list[LogicalVolume]]:
        found: dict[str, list[LogicalVolume]] = {}
        for volume in self.volumes:
            if volume.parent:
                found.setdefault(volume.parent, []).append(volume)
        return found

    def volume(self, name: str) -> LogicalVolume | None:
        """Return a volume that is not an internal part, if there is one."""
        found = self._volumes.get(name)
        return None if found is None or found.is_internal else found

    def device(self, name: str) -> PhysicalVolume | None:
        """Return a physical volume, if there is one."""
        return self._devices.get(name)

    @property
    def moves(self) -> list[LogicalVolume]:
        """The moves of data that are under way."""
        return [volume for volume in self.volumes if volume.move_pv]

    def move_of(self, volume: LogicalVolume) -> LogicalVolume | None:
        """Return the move that a volume is the subject of, if it is."""
        for part in self._family(volume):
            for segment in part.segments:
                for name in segment.devices:
                    found = self._volumes.get(name)
                    if found is not None and found.move_pv:
                        return found
        return None

    def destinations(self, move: LogicalVolume) -> list[str]:
        """Return the physical volumes that a move brings data to."""
        found: dict[str, None] = {}
        for segment in move.segments:
            for name in segment.devices[1:]:
                image = self._volumes.get(name)
                found.update(dict.fromkeys(
                    [name] if image is None else
                    (device for part in image.segments
                     for device in part.devices)))
        return list(found)

    def _family(self, volume: LogicalVolume) -> Iterator[LogicalVolume]:
        """Yield a volume and its internal parts, theirs included."""
        yield volume
        for part in self._parts.get(volume.name, ()):
            yield from self._family(part)

    def legs(self, volume: LogicalVolume) -> list[LogicalVolume]:
        """Return the copies of a mirrored volume; itself if it is none."""
        if volume.kind not in MIRRORED:
            return [volume]
        found = [self._volumes[name] for name in volume.segments[0].devices
                 if name in self._volumes]
        return found or [volume]

    def pieces(self, volume: LogicalVolume) -> list[Piece]:
        """Return where the data of a volume are, part by part.

        What is being moved is where it comes from until it has arrived.
        """
        found: list[Piece] = []
        for segment in volume.segments:
            for name in segment.devices:
                part = self._volumes.get(name)
                if part is None:
                    size = segment.size // (
                        len(segment.devices) if segment.kind == 'striped'
                        else 1)
                    found.append(Piece(name, size))
                elif part.move_pv:
                    found.append(Piece(part.move_pv, segment.size))
                else:
                    found += self.pieces(part)
        return found

    def bytes_on(self, volume: LogicalVolume, device: str) -> int:
        """Return how much of a volume, with its metadata, is on a device."""
        return sum(piece.size for part in self._family(volume)
                   if part.kind not in MIRRORED
                   for piece in self.pieces(part) if piece.device == device)

    def devices_of(self, volume: LogicalVolume) -> set[str]:
        """Return the physical volumes that a volume lies on."""
        return {piece.device for part in self._family(volume)
                for piece in self.pieces(part)}

    def is_in_sync(self, volume: LogicalVolume) -> bool:
        """Tell whether all copies of a volume are complete."""
        return volume.kind not in MIRRORED or (
            volume.percent is not None and volume.percent >= 100
            and not any(leg.is_out_of_sync for leg in self.legs(volume)))


def dump(groups: Sequence[VolumeGroup]) -> list[dict[str, Any]]:
    """Return volume groups as JSON-safe values."""
    return [dataclasses.asdict(group) for group in groups]


def load(values: Sequence[Mapping[str, Any]]) -> list[VolumeGroup]:
    """Return the volume groups of ``dump``, of any version.

    :raises ValueError: they are not of its form
    """
    try:
        return [_group(value) for value in values]
    except (TypeError, KeyError, AttributeError) as exc:
        raise ValueError('this is no report on volume groups') from exc


def _known(kind: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what this version knows of a record."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: found for name, found in value.items() if name in names}


def _group(value: Mapping[str, Any]) -> VolumeGroup:
    return VolumeGroup(**{
        **_known(VolumeGroup, value),
        'volumes': tuple(_volume(one) for one in value['volumes']),
        'devices': tuple(PhysicalVolume(**_known(PhysicalVolume, one))
                         for one in value['devices'])})


def _volume(value: Mapping[str, Any]) -> LogicalVolume:
    return LogicalVolume(**{
        **_known(LogicalVolume, value), 'tags': tuple(value['tags']),
        'segments': tuple(
            Segment(one['kind'], one['size'], tuple(one['devices']))
            for one in value['segments'])})
