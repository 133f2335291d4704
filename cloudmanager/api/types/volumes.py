# SPDX-License-Identifier: Apache-2.0
"""Block storage backends and their logical volumes."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import formats
from cloudmanager.api.types import hosts as host_types
from cloudmanager.api.types.containers import List
from cloudmanager.api.types.fields import About
from cloudmanager.api.types.fields import Field
from cloudmanager.api.types.fields import Resource
from cloudmanager.api.types.values import Boolean
from cloudmanager.api.types.values import Integer
from cloudmanager.api.types.values import Text

# The kernel's mirrors have at most nine legs (MAX_NR_MIRRORS in
# drivers/md/dm-raid1.c).
_MAX_EXTRA_COPIES = 8


def _text(description: str, *, nullable: bool = False,
          filtered: bool = False) -> Field:
    return Field(Text(), nullable=nullable, computed=True,
                 filtered=filtered, description=description)


class _Segment(Resource):
    _about = About(title='LogicalVolumeDevice')

    pv = _text('Physical volume that holds it.')
    seg_size = _text('Size.')


class LogicalVolume(Resource):
    """A logical volume."""

    _about = About(title='LogicalVolume')

    lv_name = _text('Name.')
    vg_name = _text('Volume group.')
    lv_attr = _text('Attributes, as LVM writes them.')
    lv_size = _text('Size, such as 1.00g.')
    lv_uuid = _text('UUID that LVM gave it.')
    mirror_count = _text('How many copies of the data there are.')
    devices = Field([_Segment], nullable=False, computed=True,
                    description='Where its data are.')


class _WithStatus(LogicalVolume):
    _about = About(title='LogicalVolumeStatus')

    lv_status = _text('What LVM is doing with it.', nullable=True)


class PhysicalVolume(Resource):
    """A physical volume."""

    _about = About(title='PhysicalVolume')

    pv_name = _text('Path of the device.')
    vg_name = _text('Volume group.')
    pv_attr = _text('Attributes, as LVM writes them.')
    pv_size = _text('Size.')
    pv_free = _text('Size that is not in use.')


class _OfBackend(Resource):
    volume_backend_name = _text('Name of the backend in Cinder.',
                                filtered=True)
    host = _text('Host of the storage.', filtered=True)


class Backend(_OfBackend):
    """A backend of block storage."""

    _about = About(identity=None, title='VolumeBackend')

    vg_name = _text('Volume group.', filtered=True)
    protocol = _text('How hosts reach the storage.')
    free_size = _text('Free space in GB.')
    total_size = _text('Whole space in GB.')
    logical_volumes = Field([LogicalVolume], nullable=False, computed=True,
                            description='Logical volumes.')
    physical_volumes = Field([PhysicalVolume], nullable=False, computed=True,
                             description='Physical volumes.')


class Volume(_OfBackend):
    """A volume."""

    _about = About('volume', 'volumes', identity=str)

    volume_id = _text('Id of the volume in Cinder.')
    logical_volume = Field(_WithStatus, nullable=False, computed=True,
                           description='What LVM knows of it.')
    thin_enabled = Field(Boolean(), nullable=False, computed=True,
                         description='Whether it is thin.')


class _Detail(Volume):
    _about = About('volume', title='VolumeDetail')

    lock_hosts = Field(List(Text()), computed=True,
                       description='Hosts that hold its lock.')
    lock_exclusive = Field(Boolean(), computed=True,
                           description='Whether the lock is exclusive.')
    lock_reason = Field(Text(), computed=True,
                        description='Why it is not known, or not for sure, '
                                    'who holds the lock.')


ONE_VOLUME = answers.one(_Detail)
VOLUMES = answers.page(Volume, warnings=answers.warnings())


class Mirror(host_types.DryRun):
    """How often a volume is there."""

    mirror_count = Field(Integer(0, _MAX_EXTRA_COPIES), create=True,
                         required=True, nullable=False,
                         description='How many extra copies to keep; 0 ends '
                                     'mirroring.')


class Migration(host_types.DryRun):
    """Where the data of a volume go."""

    source_pv = Field(formats.DEVICE, create=True, required=True,
                      nullable=False, description='Physical volume to move '
                                                  'data from.')
    dest_pv = Field(formats.DEVICE, create=True, nullable=False,
                    description='Physical volume to move data to; LVM '
                                'chooses by default.')
