# SPDX-License-Identifier: Apache-2.0
"""Reads sanlock's reports on leases, and LVM's on locks."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import json
import re

from cloudmanager.common.json_types import JsonObject
from cloudmanager.domain import locks

#: The command whose text ``shared_groups`` reads. It takes no locks, so it
#: works without lvmlockd, and without sanlock below it. Then ``--readonly``
#: alone fails.
COMMAND = ('lvs', '--readonly', '--nolocking', '--reportformat', 'json',
           '--all', '--options', 'vg_name,vg_uuid,vg_lock_type,vg_lock_args,'
           'lv_name,lv_uuid,lv_lockargs')
#: Kinds of locks that LVM knows, of which ``SANLOCK`` is read here.
SANLOCK = 'sanlock'
#: Bytes of each lease, by default.
ALIGN = 1024 ** 2
_UNUSED = '#unused'
_LEASES = 'lvmlock'
_OFFSET = re.compile(r'[0-9.]+:(\d+)')
_HOST = re.compile(r'h (\d+) gen (\d+) timestamp (\d+) ([A-Z]+)')
_BLOCK = re.compile(r'([a-z]) (.*)')
# Fields of a line of a lease of a host, of a lock, and of one of several
# holders of a lock.
_LEASE, _LOCK, _SHARED = 6, 7, 3


@dataclasses.dataclass(frozen=True)
class SharedGroup:
    """A volume group whose locks several hosts share.

    :ivar kind: of the locks, such as sanlock or dlm
    :ivar volumes: by the names of their locks: name and place of the lease
    :ivar arguments: of the group's locks, in LVM's form
    :ivar leases: id of the volume that has the leases; empty if there is none
    """

    name: str
    uuid: str
    kind: str
    volumes: Mapping[str, tuple[str, int]]
    arguments: str = ''
    leases: str = ''


@dataclasses.dataclass(frozen=True)
class Block:
    """An object of ``sanlock client status -D``, or of ``host_status``.

    :ivar head: its line
    :ivar fields: those below it, by name
    """

    head: str
    fields: Mapping[str, str]

    def number(self, name: str) -> int | None:
        """Return a field that is a number, if it is there."""
        text = self.fields.get(name, '')
        return int(text) if text.isdigit() else None


def shared_groups(text: str) -> list[SharedGroup]:
    """Return the shared volume groups of a report of LVM on volumes.

    A group without any volume has no locks, and is left out.

    :raises ValueError: it is not what LVM writes
    """
    try:
        parts: dict[str, list[JsonObject]] = {}
        for report in json.loads(text)['report']:
            for row in report.get('lv', ()):
                if row['vg_lock_type'] not in ('', 'none'):
                    parts.setdefault(row['vg_uuid'], []).append(row)
        return [_group(rows) for rows in parts.values()]
    except (json.JSONDecodeError, TypeError, KeyError,
            AttributeError) as exc:
        raise ValueError('this is no report of LVM') from exc


def _group(rows: list[JsonObject]) -> SharedGroup:
    # Parts have brackets around their names unless lvm.conf forbids it.
    names = {row['lv_uuid']: row['lv_name'].strip('[]') for row in rows}
    return SharedGroup(
        rows[0]['vg_name'], rows[0]['vg_uuid'], rows[0]['vg_lock_type'],
        {row['lv_uuid']: (names[row['lv_uuid']], int(match[1]))
         for row in rows
         if (match := _OFFSET.fullmatch(row['lv_lockargs']))},
        rows[0]['vg_lock_args'],
        next((key for key, name in names.items() if name == _LEASES), ''))


def adopt_text(groups: Iterable[SharedGroup],
               wanted: Mapping[locks.Lockspace, Iterable[locks.Lock]]) -> str:
    """Return the file that tells lvmlockd which locks to take over.

    :param wanted: the locks of each lockspace that this host holds
    """
    known = {group.name: group for group in groups}
    lines = ['lvmlockd adopt_version 1.0']
    for space, those in wanted.items():
        group = known[space.group]
        lines.append(f'VG: {group.uuid} {group.name} {group.kind} '
                     f'{group.arguments}')
        version = group.arguments.partition(':')[0]
        for lock in those:
            is_exclusive = any(
                holder.is_exclusive for holder in lock.holders
                if holder.host_id == space.own_id)
            lines.append(f'LV: {group.uuid} {lock.name} '
                         f'{version}:{group.volumes[lock.name][1]} '
                         f'{"ex" if is_exclusive else "sh"} 0')
    return '\n'.join(lines) + '\n'


def blocks(text: str) -> list[Block]:
    """Return the objects of a report with details of sanlock."""
    found: list[Block] = []
    fields: dict[str, str] = {}
    for line in text.splitlines():
        if line[:1].isspace():
            name, _, value = line.strip().partition('=')
            fields[name] = value
        elif line.strip():
            fields = {}
            found.append(Block(line.strip(), fields))
    return found


def statuses(text: str) -> dict[tuple[str, int, int], str]:
    """Return what ``sanlock client gets -h 1`` says of hosts.

    :returns: by lockspace, id and generation
    """
    found: dict[tuple[str, int, int], str] = {}
    space = ''
    for line in text.splitlines():
        match = _HOST.match(line)
        if match:
            found[space, int(match[1]), int(match[2])] = match[4]
        elif line.startswith('s '):
            space = line[2:].partition(':')[0]
    return found


def members(text: str) -> list[locks.Member]:
    """Return the hosts that ``sanlock direct dump`` tells of.

    :raises ValueError: it is not what sanlock writes
    """
    return [locks.Member(host_id=int(words[4]), generation=int(words[5]),
                         timestamp=int(words[3]), name=words[2])
            for words in _lines(text, _LEASE)]


def lock_holders(text: str) -> dict[str, tuple[locks.Holder, ...]]:
    """Return the locks that ``sanlock direct dump`` tells of, by name.

    Holders are all hosts that once got a lock, alive or not.

    :raises ValueError: it is not what sanlock writes
    """
    found: dict[str, list[locks.Holder]] = {}
    holders: list[locks.Holder] = []
    for words in _lines(text, _LOCK, _SHARED):
        if len(words) == _SHARED:
            if words[2] == 'SH':
                holders.append(locks.Holder(int(words[0]), int(words[1]),
                                            is_exclusive=False))
            continue
        # What follows belongs to it, if it is one.
        holders = []
        if words[2] != _UNUSED:
            found[words[2]] = holders
        if int(words[3]):
            holders.append(locks.Holder(int(words[4]), int(words[5]),
                                        is_exclusive=True))
    return {name: tuple(those) for name, those in found.items()}


def _lines(text: str, *lengths: int) -> Iterable[list[str]]:
    """Yield the lines of a dump that have so many words.

    :raises ValueError: there are lines that have another number
    """
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] == 'offset':
            continue
        if (len(words) not in (_LEASE, _LOCK, _SHARED)
                or not words[0].isdigit()):
            raise ValueError(f'{line[:80]!r} is no line of a dump')
        if len(words) in lengths:
            yield words
