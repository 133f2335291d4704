# SPDX-License-Identifier: Apache-2.0
"""What Cinder and LVM say differently of the same volumes."""

import collections
import math

from cloudmanager.clients import cinder
from cloudmanager.conductor.volumes.backends import Backend
from cloudmanager.domain import lvm

_GIB = 1024 ** 3
#: How many volumes a warning names.
NAMED = 3
#: In these states Cinder has no data of a volume yet, or none any more, or is
#: just changing its size.
_UNSETTLED = frozenset((
    'creating', 'downloading', 'deleting', 'error', 'error_deleting',
    'extending', 'error_extending', 'maintenance', 'managing',
    'error_managing', 'unmanaging', 'restoring-backup'))


class Differences:
    """Collects the differences, by back end."""

    def __init__(self) -> None:
        self._missing: dict[Backend, list[str]] = collections.defaultdict(
            list)
        self._sizes: dict[Backend, list[str]] = collections.defaultdict(list)

    def look(self, volume: cinder.Volume, backend: Backend,
             group: lvm.VolumeGroup,
             logical: lvm.LogicalVolume | None) -> None:
        """Compare a volume of Cinder with its logical volume.

        :param group: the volume group that it is to be in
        :param logical: what LVM has of it, if anything
        """
        if volume.status in _UNSETTLED:
            return
        if logical is None:
            self._missing[backend].append(volume.id)
            return
        # LVM rounds up to whole extents.
        extents = math.ceil(volume.size_gb * _GIB / group.extent)
        if logical.size != extents * group.extent:
            self._sizes[backend].append(
                f'{volume.id} ({volume.size_gb} GiB in Cinder, '
                f'{logical.size / _GIB:g} GiB in LVM)')

    def warnings(self) -> list[str]:
        """Return a warning for each back end and kind of difference."""
        texts = [
            f'Volume group {backend.group} of host {backend.host} has no '
            f'logical volume of {_some(ids)}, which Cinder has on backend '
            f'{backend.name}.' for backend, ids in self._missing.items()]
        texts += [
            f'Sizes in volume group {backend.group} of host {backend.host} '
            f'differ from those in Cinder: {_some(sizes)}.'
            for backend, sizes in self._sizes.items()]
        return texts


def _some(texts: list[str]) -> str:
    """Name the first ones, and how many there are besides."""
    more = len(texts) - NAMED
    named = ', '.join(texts[:NAMED])
    if more <= 0:
        return named
    return f'{named} and {more} other' + ('s' if more > 1 else '')
