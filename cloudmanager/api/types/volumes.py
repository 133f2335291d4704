# SPDX-License-Identifier: Apache-2.0
"""Block storage backends and their logical volumes."""

from cloudmanager.api.types import answers
from cloudmanager.api.types import fields
from cloudmanager.api.types import formats
from cloudmanager.api.types.fields import Field

_TEXT = fields.OPERATORS[fields.STRING]
# The kernel's mirrors have at most nine legs (MAX_NR_MIRRORS in
# drivers/md/dm-raid1.c).
_MAX_EXTRA_COPIES = 8


def _string(name: str, description: str, nullable: bool = False) -> Field:
    return Field(name, nullable=nullable, computed=True,
                 description=description)


def _filtered(name: str, description: str) -> Field:
    return Field(name, nullable=False, computed=True, operators=_TEXT,
                 description=description)


_SEGMENT = fields.Resource('', '', (
    _string('pv', 'Physical volume that holds it.'),
    _string('seg_size', 'Size.'),
), title='LogicalVolumeDevice')
_LOGICAL = (
    _string('lv_name', 'Name.'),
    _string('vg_name', 'Volume group.'),
    _string('lv_attr', 'Attributes, as LVM writes them.'),
    _string('lv_size', 'Size, such as 1.00g.'),
    _string('lv_uuid', 'UUID that LVM gave it.'),
    _string('mirror_count', 'How many copies of the data there are.'),
    Field('devices', fields.LIST, of=_SEGMENT, nullable=False,
          computed=True, description='Where its data are.'),
)
LOGICAL_VOLUME = fields.Resource('', '', _LOGICAL, title='LogicalVolume')
_WITH_STATUS = fields.Resource('', '', (
    *_LOGICAL,
    _string('lv_status', 'What LVM is doing with it.', nullable=True),
), title='LogicalVolumeStatus')
PHYSICAL_VOLUME = fields.Resource('', '', (
    _string('pv_name', 'Path of the device.'),
    _string('vg_name', 'Volume group.'),
    _string('pv_attr', 'Attributes, as LVM writes them.'),
    _string('pv_size', 'Size.'),
    _string('pv_free', 'Size that is not in use.'),
), title='PhysicalVolume')

BACKEND = fields.Resource('', '', (
    _filtered('volume_backend_name', 'Name of the backend in Cinder.'),
    _filtered('host', 'Host of the storage.'),
    _filtered('vg_name', 'Volume group.'),
    _string('protocol', 'How hosts reach the storage.'),
    _string('free_size', 'Free space in GB.'),
    _string('total_size', 'Whole space in GB.'),
    Field('logical_volumes', fields.LIST, of=LOGICAL_VOLUME,
          nullable=False, computed=True, description='Logical volumes.'),
    Field('physical_volumes', fields.LIST, of=PHYSICAL_VOLUME,
          nullable=False, computed=True, description='Physical volumes.'),
), identity='', title='VolumeBackend')

_VOLUME = (
    _string('volume_id', 'Id of the volume in Cinder.'),
    _filtered('volume_backend_name', 'Name of the backend in Cinder.'),
    _filtered('host', 'Host of the storage.'),
    Field('logical_volume', fields.OBJECT, of=_WITH_STATUS, nullable=False,
          computed=True, description='What LVM knows of it.'),
    Field('thin_enabled', fields.BOOLEAN, nullable=False, computed=True,
          description='Whether it is thin.'),
)
VOLUME = fields.Resource('volume', 'volumes', _VOLUME,
                         identity=fields.STRING)
ONE_VOLUME = answers.one(fields.Resource('volume', '', (
    *_VOLUME,
    Field('lock_hosts', fields.LIST, nullable=False, computed=True,
          schema={'items': {'type': 'string'}},
          description='Hosts that hold its lock.'),
    Field('lock_exclusive', fields.BOOLEAN, nullable=False, computed=True,
          description='Whether the lock is exclusive.'),
), title='VolumeDetail'))

MIRROR = fields.Resource('', '', (
    Field('mirror_count', fields.INTEGER, create=True, required=True,
          nullable=False, schema={'maximum': _MAX_EXTRA_COPIES},
          description='How many extra copies to keep; 0 ends mirroring.'),
))
MIGRATION = fields.Resource('', '', (
    Field('source_pv', create=True, required=True, nullable=False,
          convert=formats.device,
          description='Physical volume to move data from.'),
    Field('dest_pv', create=True, nullable=False, convert=formats.device,
          description='Physical volume to move data to; LVM chooses by '
                      'default.'),
))
