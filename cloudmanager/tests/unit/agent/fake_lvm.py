# SPDX-License-Identifier: Apache-2.0
"""LVM of one host, with time: what it answers, and what becomes of it.

It takes the commands that the agent runs and refuses what LVM 2.03 refuses,
in its words. Data are copied as the clock goes on.
"""

import dataclasses
import itertools
import json

from cloudmanager.agent import commands
from cloudmanager.common import exception

EXTENT = 4 * 1024 ** 2
REFUSED = 5


class Refusal(Exception):
    """LVM says no."""


@dataclasses.dataclass
class Volume:
    """A logical volume.

    :ivar legs: physical volume of each copy
    :ivar synced: how many of the copies are complete
    :ivar since: when the making of the others began, if it goes on
    """

    group: str
    extents: int
    legs: list
    active: bool = True
    open: bool = False
    pool: str = ''
    synced: int = 1
    since: float = 0.0
    uuid: str = ''


@dataclasses.dataclass
class Move:
    """A move.

    :ivar since: when LVM began to look after it; ``None`` after a restart
        of the node, until somebody tells LVM to go on
    """

    volume: str
    leg: int
    source: str
    destination: str
    since: float | None


class FakeLVM:
    """LVM.

    :ivar seconds: how long it takes to copy a volume
    :ivar changes: the changing commands that were carried out
    :ivar script: what becomes of coming changes, by program: a text that
        it fails with, in their order
    :ivar failing: whether it cannot even tell
    """

    def __init__(self, clock):
        self.clock = clock
        self.begin()

    def begin(self):
        """Begin anew, with one group of four devices of 100 extents."""
        self.devices, self.volumes, self.moves = {}, {}, []
        self.changes, self.script = [], {}
        self.seconds, self.failing = 60.0, False
        self._ids = itertools.count()
        self.shared = False
        for name in 'bcde':
            self.add_device(f'/dev/sd{name}')

    def add_device(self, name, group='vol', extents=100):
        self.devices[name] = (group, extents)

    def add(self, name, *legs, extents=50, group='vol', **values):
        """Put a volume on devices, whole copies on each."""
        self.volumes[name] = Volume(
            group, extents, list(legs or ['/dev/sdb']),
            synced=max(1, len(legs)), uuid=f'lv-{next(self._ids)}', **values)

    def run(self, *words, timeout=None, codes=(0,)):
        """Stand in the place of ``commands.run``."""
        self._settle()
        if self.failing:
            raise exception.CommandFailed(program=words[0],
                                          reason='status 5: no lvm')
        if '--reportformat' in words:
            return commands.Result(0, self._report(words), '')
        try:
            failures = self.script.get(words[0])
            if failures:
                text = failures.pop(0)
                if text:
                    raise Refusal(text)
            getattr(self, f'_{words[0]}')(words[1:])
        except Refusal as exc:
            raise exception.CommandFailed(
                program=words[0], reason=f'status {REFUSED}: {exc}') from exc
        self.changes.append(words)
        return commands.Result(0, '', '')

    def restart(self, active=True):
        """Let the node be killed and start again."""
        self._settle()
        for volume in self.volumes.values():
            volume.active, volume.since = active, self.clock.monotonic()
        for move in self.moves:
            move.since = None

    def on(self, name):
        """Return where a volume is, and how it is going on there."""
        self._settle()
        return list(self.volumes[name].legs)

    # Time

    def _percent(self, since):
        return min(100.0, 100 * (self.clock.monotonic() - since)
                   / self.seconds)

    def _settle(self):
        """Let happen what should have happened by now."""
        for volume in self.volumes.values():
            if volume.active and self._percent(volume.since) >= 100:
                volume.synced = len(volume.legs)
        for move in list(self.moves):
            if move.since is not None and self._percent(move.since) >= 100:
                self.volumes[move.volume].legs[move.leg] = move.destination
                self.moves.remove(move)

    # Changes

    def _volume(self, target):
        group, _, name = target.partition('/')
        found = self.volumes.get(name)
        if found is None or found.group != group:
            raise Refusal(f'Failed to find logical volume "{target}"')
        return name, found

    def _free(self, device):
        group, extents = self.devices[device]
        for volume in self.volumes.values():
            meta = 1 if len(volume.legs) > 1 else 0
            extents -= volume.legs.count(device) * (volume.extents + meta)
        return extents - sum(self._size(move) for move in self.moves
                             if move.destination == device)

    def _size(self, move):
        volume = self.volumes[move.volume]
        return volume.extents + (1 if len(volume.legs) > 1 else 0)

    def _place(self, group, extents, besides):
        for device in self.devices:
            if (self.devices[device][0] == group and device not in besides
                    and self._free(device) >= extents):
                return device
        raise Refusal('Insufficient suitable allocatable extents')

    def _lvconvert(self, words):
        options, rest = self._options(words, ('--type', '--mirrors'))
        name, volume = self._volume(rest[0])
        wanted = int(options['--mirrors']) + 1
        if any(move.volume == name for move in self.moves):
            raise Refusal('name format not recognized for internal LV')
        if not volume.active:
            raise Refusal(f'{rest[0]} must be active')
        if wanted > len(volume.legs):
            if volume.synced < len(volume.legs):
                raise Refusal("Can't add image to RAID LV that is still "
                              'initializing.')
            for _ in range(wanted - len(volume.legs)):
                volume.legs.append(self._place(
                    volume.group, volume.extents + 1, volume.legs))
            volume.since = self.clock.monotonic()
        elif wanted < len(volume.legs):
            removed = set(rest[1:])
            kept = [leg for leg in volume.legs if leg not in removed]
            if (len(kept) != wanted
                    or volume.legs[0] not in kept and volume.synced == 1):
                raise Refusal('Unable to remove all primary source devices')
            volume.legs = kept
            volume.synced = min(volume.synced, wanted)

    def _lvchange(self, words):
        options, rest = self._options(words, ('--activate',))
        _, volume = self._volume(rest[0])
        if options['--activate'] == 'n' and volume.open:
            raise Refusal(f'Logical volume {rest[0]} in use.')
        if not volume.active and options['--activate'] == 'y':
            volume.since = self.clock.monotonic()
        volume.active = options['--activate'] == 'y'

    def _pvmove(self, words):
        options, rest = self._options(words, ('--interval', '--name'))
        source = rest[0]
        running = next((move for move in self.moves
                        if move.source == source), None)
        if '--abort' in words:
            if running is not None:
                self.moves.remove(running)
            return
        if running is not None:
            if running.since is None:
                running.since = self.clock.monotonic()
            return
        name, volume = self._volume(options['--name'])
        if source not in volume.legs:
            raise Refusal(f'No data to move for {volume.group}.')
        size = volume.extents + (1 if len(volume.legs) > 1 else 0)
        if len(rest) > 1:
            if rest[1] in volume.legs or self._free(rest[1]) < size:
                raise Refusal(f'Insufficient free space: {size} extents '
                              'needed, but only 0 available')
            destination = rest[1]
        else:
            destination = self._place(volume.group, size, volume.legs)
        self.moves.append(Move(name, volume.legs.index(source), source,
                               destination, self.clock.monotonic()))

    @staticmethod
    def _options(words, valued):
        """Return the options that have values, and what is no option."""
        options, rest, words = {}, [], list(words)
        while words:
            word = words.pop(0)
            if word in valued:
                options[word] = words.pop(0)
            elif not word.startswith('--'):
                rest.append(word)
        return options, rest

    # Reports

    def _report(self, words):
        rows = {'vgs': self._vgs, 'lvs': self._lvs,
                'pvs': self._pvs}[words[0]]()
        fields = words[words.index('--options') + 1].split(',')
        name = {'vgs': 'vg', 'lvs': 'seg', 'pvs': 'pv'}[words[0]]
        return json.dumps({'report': [{name: [
            {field: row.get(field, '') for field in fields}
            for row in rows]}]})

    def _groups(self):
        return dict.fromkeys(group for group, _ in self.devices.values())

    def _vgs(self):
        for group in self._groups():
            mine = [device for device, (name, _) in self.devices.items()
                    if name == group]
            yield {'vg_name': group, 'vg_uuid': f'uuid-{group}',
                   'vg_attr': 'wz--ns' if self.shared else 'wz--n-',
                   'vg_size': str(EXTENT * sum(
                       self.devices[device][1] for device in mine)),
                   'vg_free': str(EXTENT * sum(map(self._free, mine))),
                   'vg_extent_size': str(EXTENT)}

    def _pvs(self):
        for device, (group, extents) in self.devices.items():
            yield {'pv_name': device, 'vg_uuid': f'uuid-{group}',
                   'pv_uuid': f'pv{device}', 'pv_attr': 'a--',
                   'pv_size': str(EXTENT * extents),
                   'pv_free': str(EXTENT * self._free(device))}

    def _lvs(self):
        for name, volume in self.volumes.items():
            yield from self._rows(name, volume)
        for number, move in enumerate(self.moves):
            yield from self._move_rows(f'pvmove{number}', move)

    def _rows(self, name, volume):
        group = {'vg_name': volume.group, 'vg_uuid': f'uuid-{volume.group}'}
        state = ('a' if volume.active else '-') + (
            'o' if volume.open else '-')
        size = {'lv_size': str(EXTENT * volume.extents),
                'seg_size': str(EXTENT * volume.extents)}
        places = [self._where(name, leg)
                  for leg in range(len(volume.legs))]
        if volume.pool:
            yield {**group, **size, 'lv_name': name, 'segtype': 'thin',
                   'lv_uuid': volume.uuid, 'lv_attr': f'Vwi-{state}tz--',
                   'pool_lv': volume.pool}
            return
        if len(places) == 1:
            yield {**group, **size, 'lv_name': name, 'segtype': 'linear',
                   'lv_uuid': volume.uuid, 'lv_attr': f'-wi-{state}----',
                   'devices': f'{places[0]}(0)'}
            return
        complete = volume.synced == len(volume.legs)
        percent = 100.0 if complete else self._percent(volume.since)
        yield {**group, **size, 'lv_name': name, 'segtype': 'raid1',
               'lv_uuid': volume.uuid, 'lv_attr': f'rwi-{state}r---',
               'copy_percent': f'{percent:.2f}' if volume.active else '',
               'devices': ','.join(f'{name}_rimage_{leg}(0)'
                                   for leg in range(len(places)))}
        for leg, place in enumerate(places):
            kind = 'i' if leg < volume.synced else 'I'
            for part, attr, extents in (('rimage', kind, volume.extents),
                                        ('rmeta', 'e', 1)):
                yield {**group, 'lv_name': f'[{name}_{part}_{leg}]',
                       'lv_uuid': f'{volume.uuid}-{part}-{leg}',
                       'lv_attr': f'{attr}wi-{state[0]}or---',
                       'lv_parent': name, 'segtype': 'linear',
                       'lv_size': str(EXTENT * extents),
                       'seg_size': str(EXTENT * extents),
                       'devices': f'{place}(0)'}

    def _where(self, name, leg):
        for number, move in enumerate(self.moves):
            if (move.volume, move.leg) == (name, leg):
                return f'pvmove{number}'
        return self.volumes[name].legs[leg]

    def _move_rows(self, name, move):
        volume = self.volumes[move.volume]
        size = str(EXTENT * self._size(move))
        common = {'vg_name': volume.group,
                  'vg_uuid': f'uuid-{volume.group}',
                  'lv_size': size, 'seg_size': size}
        percent = '' if move.since is None else (
            f'{self._percent(move.since):.2f}')
        yield {**common, 'lv_name': f'[{name}]', 'segtype': 'mirror',
               'lv_uuid': f'{name}-{move.source}', 'lv_attr': 'p-C-aom---',
               'move_pv': move.source, 'copy_percent': percent,
               'devices': f'{name}_mimage_0(0),{name}_mimage_1(0)'}
        for image, device in enumerate((move.source, move.destination)):
            yield {**common, 'lv_name': f'[{name}_mimage_{image}]',
                   'lv_uuid': f'{name}-{move.source}-{image}',
                   'lv_attr': 'Iwi-aom---', 'lv_parent': f'[{name}]',
                   'segtype': 'linear', 'devices': f'{device}(0)'}
