# SPDX-License-Identifier: Apache-2.0
"""Reads the reports of LVM's programs: ``--reportformat json``, in bytes.

The names of fields are those that all versions since 2.02.158 know.
"""

from collections.abc import Mapping
import json
import re
from typing import Any

from cloudmanager.domain import lvm

VOLUME_FIELDS = (
    'vg_name', 'vg_uuid', 'lv_name', 'lv_uuid', 'lv_attr', 'lv_size',
    'lv_tags', 'pool_lv', 'origin', 'lv_parent', 'lv_active', 'move_pv',
    'copy_percent', 'segtype', 'seg_size', 'devices')
GROUP_FIELDS = ('vg_name', 'vg_uuid', 'vg_attr', 'vg_size', 'vg_free',
                'vg_extent_size')
DEVICE_FIELDS = ('pv_name', 'vg_uuid', 'pv_uuid', 'pv_attr', 'pv_size',
                 'pv_free')
#: What a program of LVM says when lvmlockd gives it no lock. It then ends with
#: a report that has no rows, and with the status of one that is not complete.
LOCK_FAILED = 'Global lock failed'
#: The option to report without locks; LVM heeds it since 2.02.126.
NO_LOCKS = '--nolocking'
_PLACE = re.compile(r'(.+)\(\d+\)')
Row = Mapping[str, Any]


def command(program: str, fields: tuple[str, ...],
            *more: str) -> tuple[str, ...]:
    """Return the words of a command whose report is read here."""
    return (program, '--reportformat', 'json', '--units', 'b', '--nosuffix',
            '--options', ','.join(fields), *more)


#: What makes the three texts that ``groups`` reads.
COMMANDS = (command('vgs', GROUP_FIELDS),
            # By the brackets parts are told from volumes; lvm.conf of the
            # node may leave them out.
            command('lvs', VOLUME_FIELDS, '--all', '--segments', '--config',
                    'report{mark_hidden_devices=1}'),
            command('pvs', DEVICE_FIELDS))


def groups(groups_text: str, volumes_text: str,
           devices_text: str) -> list[lvm.VolumeGroup]:
    """Return all volume groups of three reports.

    A group that came or went between two of them is left out.

    :raises ValueError: a report is not what LVM writes
    """
    try:
        rows = _rows(groups_text, 'vg')
        volumes = _by_group(_rows(volumes_text, 'seg', 'lv'))
        devices = _by_group(_rows(devices_text, 'pv'))
        return [_group(row, volumes.get(row['vg_uuid'], []),
                       devices.get(row['vg_uuid'], []))
                for row in rows if row['vg_uuid'] in devices]
    except (TypeError, KeyError, AttributeError) as exc:
        raise ValueError('this is no report of LVM') from exc


def _rows(text: str, *names: str) -> list[Row]:
    """Return the rows of a report, whichever of some names they have."""
    try:
        reports = json.loads(text)['report']
    except (json.JSONDecodeError, TypeError, KeyError) as exc:
        raise ValueError('this is no report of LVM') from exc
    return [row for report in reports for name in names
            for row in report.get(name, ())]


def _by_group(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row['vg_uuid'], []).append(row)
    return found


def _size(text: str) -> int:
    return int(text.strip().rstrip('Bb'))


def _percent(text: str) -> float | None:
    """Read a share; programs of some locales have a comma in it."""
    text = text.strip().replace(',', '.')
    return float(text) if text else None


def _plain(name: str) -> str:
    """Return a name without the brackets around those of parts."""
    return name.strip().removeprefix('[').removesuffix(']')


def _devices(text: str) -> tuple[str, ...]:
    found = []
    for place in filter(None, text.split(',')):
        match = _PLACE.fullmatch(place.strip())
        if match is None:
            raise ValueError(f'{place[:80]!r} is no place on a device')
        found.append(_plain(match[1]))
    return tuple(found)


def _group(row: Row, volumes: list[Row],
           devices: list[Row]) -> lvm.VolumeGroup:
    # The rows of a volume, one a segment, need not follow each other.
    parts: dict[str, list[Row]] = {}
    for volume in volumes:
        parts.setdefault(volume['lv_uuid'], []).append(volume)
    return lvm.VolumeGroup(
        name=row['vg_name'], uuid=row['vg_uuid'], attr=row['vg_attr'],
        size=_size(row['vg_size']), free=_size(row['vg_free']),
        extent=_size(row['vg_extent_size']),
        volumes=tuple(_volume(rows) for rows in parts.values()),
        devices=tuple(lvm.PhysicalVolume(
            name=device['pv_name'], uuid=device['pv_uuid'],
            attr=device['pv_attr'], size=_size(device['pv_size']),
            free=_size(device['pv_free'])) for device in devices))


def _volume(rows: list[Row]) -> lvm.LogicalVolume:
    row = rows[0]
    name = row['lv_name'].strip()
    return lvm.LogicalVolume(
        name=_plain(name), uuid=row['lv_uuid'], attr=row['lv_attr'],
        size=_size(row['lv_size']), is_internal=name.startswith('['),
        tags=tuple(filter(None, row['lv_tags'].split(','))),
        pool=_plain(row['pool_lv']), origin=_plain(row['origin']),
        parent=_plain(row['lv_parent']), active=row['lv_active'],
        move_pv=row['move_pv'], percent=_percent(row['copy_percent']),
        segments=tuple(lvm.Segment(
            part['segtype'], _size(part['seg_size']),
            _devices(part['devices'])) for part in rows))
