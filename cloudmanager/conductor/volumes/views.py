# SPDX-License-Identifier: Apache-2.0
"""Back ends and volumes as the REST API answers them."""

from cloudmanager.common import exception
from cloudmanager.common.context import RequestContext
from cloudmanager.common.json_types import JsonObject
from cloudmanager.conductor.tools import Tools
from cloudmanager.conductor.volumes import backends
from cloudmanager.conductor.volumes import locks
from cloudmanager.conductor.volumes import places
from cloudmanager.conductor.volumes.differences import Differences
from cloudmanager.domain import locks as domain_locks
from cloudmanager.domain import lvm

_GIB = 1024 ** 3
Document = JsonObject


def list_backends(context: RequestContext, tools: Tools) -> list[Document]:
    """Return the back ends that can be read, with their volumes."""
    found = backends.find(tools)
    reports = backends.read(context, tools, found)
    return [_backend(backend, group) for backend in found
            if (group := reports.of(backend)) is not None]


def list_volumes(context: RequestContext, tools: Tools) -> Document:
    """Return Cinder's volumes on LVM.

    :returns: ``volumes``, in the order of their ids, and ``warnings`` about
        back ends that cannot be read, and about volumes of which Cinder and
        LVM say different things
    """
    found = backends.find(tools)
    by_pool = {backend.pool: backend for backend in found}
    volumes = [volume for volume in tools.cinder.list_volumes()
               if volume.host in by_pool]
    reports = backends.read(context, tools, found)
    documents = []
    differences = Differences()
    for volume in sorted(volumes, key=lambda volume: volume.id):
        backend = by_pool[volume.host or '']
        group = reports.of(backend)
        if group is None:
            continue
        logical = group.volume(places.logical_name(volume))
        differences.look(volume, backend, group, logical)
        if logical is not None:
            documents.append(_volume(volume.id, backend, group, logical))
    return {'volumes': documents,
            'warnings': [*reports.warnings(found), *differences.warnings()]}


def show_volume(context: RequestContext, tools: Tools,
                volume_id: str) -> Document:
    """Return a volume with its holders.

    :raises NotFound: there is no volume with this id on LVM
    :raises Unavailable: Cinder or the agent does not answer
    """
    place = places.find(context, tools, volume_id)
    return {**_volume(volume_id, place.backend, place.group, place.logical),
            **_lock(context, tools, place)}


def _lock(context: RequestContext, tools: Tools,
          place: places.Place) -> Document:
    """Return the holders of a volume.

    A group that is not shared has no locks; a host that uses the volume holds
    it.
    """
    if not place.group.is_shared:
        return {'lock_hosts': list(place.holders), 'lock_reason': None,
                'lock_exclusive': len(place.holders) == 1}
    unknown = {'lock_hosts': None, 'lock_exclusive': None}
    try:
        spaces = locks.read(context, tools.agents, place.backend.host,
                            place.group.name, place.logical.name)
    except exception.CloudManagerException as exc:
        return {**unknown, 'lock_reason': exc.message}
    for space in spaces:
        for lock in space.locks:
            holders = space.holders(lock)
            members = [member for holder in holders if (
                member := space.member(holder.host_id)) is not None]
            return {'lock_hosts': sorted(locks.host_name(context, member)
                                         for member in members),
                    'lock_exclusive': any(holder.is_exclusive
                                          for holder in holders),
                    'lock_reason': _reason(place.backend.host, space, lock)}
    trouble = '; '.join(space.trouble for space in spaces if space.trouble)
    return {**unknown, 'lock_reason': (
        f'Host {place.backend.host}: {trouble}.' if trouble
        else 'The volume has no lock.')}


def _reason(host: str, space: domain_locks.Lockspace,
            lock: domain_locks.Lock) -> str | None:
    """Return what is wrong with the lock of a volume, if anything is.

    :param host: the host that reports it
    """
    why = space.why_unprotected(lock)
    if why:
        return f'The volume is unprotected on host {host}: {why}.'
    return f'Host {host}: {space.trouble}.' if space.trouble else None


def _gigabytes(size: int) -> str:
    """Return a size in GiB as text, without trailing zeros."""
    return f'{size / _GIB:.2f}'.rstrip('0').rstrip('.')


def _backend(backend: backends.Backend, group: lvm.VolumeGroup) -> Document:
    return {
        'volume_backend_name': backend.name, 'host': backend.host,
        'vg_name': group.name, 'protocol': backend.protocol,
        'free_size': _gigabytes(group.free),
        'total_size': _gigabytes(group.size),
        'logical_volumes': [_logical(group, volume)
                            for volume in group.volumes
                            if not volume.is_internal],
        'physical_volumes': [
            {'pv_name': device.name, 'vg_name': group.name,
             'pv_attr': device.attr, 'pv_size': lvm.size_text(device.size),
             'pv_free': lvm.size_text(device.free)}
            for device in group.devices]}


def _logical(group: lvm.VolumeGroup,
             volume: lvm.LogicalVolume) -> Document:
    return {
        'lv_name': volume.name, 'vg_name': group.name,
        'lv_attr': volume.attr, 'lv_size': lvm.size_text(volume.size),
        'lv_uuid': volume.uuid, 'mirror_count': str(volume.copies),
        'devices': [{'pv': piece.device,
                     'seg_size': lvm.size_text(piece.size)}
                    for piece in group.pieces(volume)]}


def _volume(volume_id: str, backend: backends.Backend,
            group: lvm.VolumeGroup,
            logical: lvm.LogicalVolume) -> Document:
    return {
        'id': volume_id, 'volume_id': volume_id,
        'volume_backend_name': backend.name, 'host': backend.host,
        'thin_enabled': logical.is_thin,
        'logical_volume': {**_logical(group, logical),
                           'lv_status': _status(group, logical)}}


def _status(group: lvm.VolumeGroup,
            volume: lvm.LogicalVolume) -> str | None:
    """Return what LVM is doing with a volume, or nothing."""
    move = group.move_of(volume)
    if move is not None:
        return _share(f'moving data from {move.move_pv}', move.percent)
    if not group.is_in_sync(volume):
        return _share('making copies', volume.percent)
    return None


def _share(text: str, percent: float | None) -> str:
    return text if percent is None else f'{text}: {percent:.2f}%'
