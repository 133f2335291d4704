# SPDX-License-Identifier: Apache-2.0
"""Real reports of LVM, and what follows from them.

The files of ``lvm_reports`` are what ``vgs``, ``lvs`` and ``pvs`` of some
versions wrote on one Linux machine, the one right after the other, in the
states that their names tell; those with a locale in their names, when that was
set.
"""

import json
import pathlib

from cloudmanager.common import exception
from cloudmanager.domain import lvm
from cloudmanager.domain import lvm_reports
from cloudmanager.domain import lvm_rules
from cloudmanager.tests import base

REPORTS = pathlib.Path(__file__).parent / 'lvm_reports'
VERSIONS = ('2.02.188', '2.03.16', '2.03.31', '2.03.39')
#: Locales, and how much of a move was done in their reports.
LOCALES = {'de_DE': 33.66, 'fr_FR': 41.58, 'ar_SA': 52.48}
FIRST = 'volume-cfae37a3-6e8f-4bc8-862e-85db07ff429f'
SECOND = 'volume-0a5b4c11-83f1-4d7a-9a3b-5e0f6c1d2b7e'
MIB = 1024 ** 2


def texts(version, state):
    """Return the reports of one version in one state."""
    return [(REPORTS / f'{version}-{state}-{kind}.json').read_text('utf-8')
            for kind in ('vgs', 'lvs', 'pvs')]


def group(version, state, name='vol'):
    return lvm_rules.find_group(
        lvm_reports.groups(*texts(version, state)), name)


class EachVersion(base.TestCase):

    def each(self, state):
        """Yield the group and its first volume, by each version."""
        for version in VERSIONS:
            found = group(version, state)
            yield found, found.volume(FIRST)


class ReportsTestCase(EachVersion):

    def test_plain(self):
        for found, volume in self.each('plain'):
            self.assertEqual(('wz--n-', 4 * MIB, False), (
                found.attr[:6], found.extent, found.is_shared))
            self.assertEqual(
                [f'/dev/ubd{name}' for name in 'bcd'],
                [device.name for device in found.devices])
            self.assertTrue(all(device.is_usable
                                for device in found.devices))
            self.assertEqual(found.free, sum(device.free
                                             for device in found.devices))
            self.assertEqual(
                ('-wi-a-----', 400 * MIB, 1, True, ('x:y', 'z')),
                (volume.attr, volume.size, volume.copies, volume.is_active,
                 volume.tags))
            self.assertEqual([lvm.Piece('/dev/ubdb', 400 * MIB)],
                             found.pieces(volume))
            self.assertEqual(
                [lvm.Piece('/dev/ubdc', 100 * MIB),
                 lvm.Piece('/dev/ubdd', 100 * MIB)],
                found.pieces(found.volume(SECOND)))
            self.assertTrue(found.is_in_sync(volume))
            self.assertEqual([], found.moves)

    def test_mirrored(self):
        for found, volume in self.each('mirrored'):
            self.assertEqual(('raid1', 2, 100.0), (
                volume.kind, volume.copies, volume.percent))
            self.assertTrue(found.is_in_sync(volume))
            self.assertEqual({'/dev/ubdb', '/dev/ubdc'},
                             found.devices_of(volume))
            # With its metadata, an extent of each copy.
            self.assertEqual(404 * MIB, found.bytes_on(volume, '/dev/ubdc'))
            self.assertIsNone(found.volume(f'{FIRST}_rimage_0'))

    def test_syncing(self):
        for found, volume in self.each('syncing'):
            self.assertEqual(2, volume.copies)
            self.assertLess(volume.percent, 100)
            self.assertFalse(found.is_in_sync(volume))

    def test_moving(self):
        for found, volume in self.each('moving'):
            move = found.move_of(volume)
            self.assertEqual(('/dev/ubdb', ['/dev/ubdc']), (
                move.move_pv, found.destinations(move)))
            self.assertIsInstance(move.percent, float)
            # Until all has arrived, it is where it was.
            self.assertEqual([lvm.Piece('/dev/ubdb', 400 * MIB)],
                             found.pieces(volume))
            self.assertEqual(400 * MIB, found.bytes_on(volume, '/dev/ubdb'))
            self.assertEqual(
                '/dev/ubdd', found.move_of(found.volume(SECOND)).move_pv)
            self.assertEqual(2, len(found.moves))

    def test_moving_of_a_copy(self):
        for found, volume in self.each('moving-mirrored'):
            move = found.move_of(volume)
            self.assertEqual(('/dev/ubdb', ['/dev/ubdd'], 2), (
                move.move_pv, found.destinations(move), volume.copies))
            self.assertEqual(404 * MIB, found.bytes_on(volume, '/dev/ubdb'))
            self.assertEqual(404 * MIB, found.bytes_on(volume, '/dev/ubdc'))

    def test_locales(self):
        for locale, percent in LOCALES.items():
            found = group(f'2.03.16-{locale}', 'moving-mirrored')
            move = found.move_of(found.volume(FIRST))
            self.assertEqual(percent, move.percent)
            self.assertEqual(404 * MIB, found.bytes_on(
                found.volume(FIRST), '/dev/ubdb'))

    def test_thin(self):
        for version in VERSIONS:
            found = group(version, 'thin', 'other-vg')
            volume = found.volume('volume-thin')
            self.assertEqual(('pool', True, 1), (
                volume.pool, volume.is_thin, volume.copies))
            self.assertEqual([], found.pieces(volume))
            snapshot = group(version, 'thin').volume('snap')
            self.assertEqual(SECOND, snapshot.origin)
            self.assertFalse(snapshot.is_thin)

    def test_to_the_conductor(self):
        for version in VERSIONS:
            for state in ('plain', 'mirrored', 'moving', 'thin'):
                found = lvm_reports.groups(*texts(version, state))
                sent = json.loads(json.dumps(lvm.dump(found)))
                # A newer agent may tell more.
                sent[-1]['colour'] = sent[-1]['volumes'][0]['colour'] = 'red'
                self.assertEqual(found, lvm.load(sent))

    def test_older_form(self):
        """LVM 2.02 writes a space before names and no brackets of parents.
        """
        parts = texts('2.03.16', 'moving-mirrored')
        for new, old in (('"[pvmove0]"', '"pvmove0"'),
                         ('"lv_name":"', '"lv_name":" '),
                         ('"seg": [', '"lv": [')):
            parts[1] = parts[1].replace(f'"lv_parent":{new}',
                                        f'"lv_parent":{old}').replace(
                new if new.startswith('"lv_n') or 'seg' in new else '\0',
                old)
        found = lvm_rules.find_group(lvm_reports.groups(*parts), 'vol')
        self.assertEqual(group('2.03.16', 'moving-mirrored'), found)

    def test_decimal_comma(self):
        parts = texts('2.03.16', 'mirrored')
        parts[1] = parts[1].replace('"100.00"', '"100,00"')
        found = lvm_rules.find_group(lvm_reports.groups(*parts), 'vol')
        self.assertEqual(group('2.03.16', 'mirrored'), found)

    def test_no_report(self):
        for text in ('', '{', '[]', '{"report": 5}',
                     '{"report": [{"vg": [{}]}]}',
                'null', '{"report": [{"vg": 7}]}'):
            good = texts('2.03.16', 'plain')
            for place in range(3):
                bad = list(good)
                bad[place] = text.replace('vg', ('vg', 'lv', 'pv')[place])
                self.assertRaises(ValueError, lvm_reports.groups, *bad)

    def test_no_dump(self):
        for value in (None, 5, [5], [{}], [{'volumes': 3}], 'x'):
            self.assertRaises(ValueError, lvm.load, value)

    def test_gone_between(self):
        """A group that was removed while it was asked for is left out."""
        parts = texts('2.03.16', 'plain')
        parts[2] = '{"report": [{"pv": []}]}'
        self.assertEqual([], lvm_reports.groups(*parts))


class NamesTestCase(base.TestCase):

    def test_names(self):
        for name in ('vol', 'a', '_x', '.hidden', 'a+b.c-d', 'x' * 127):
            self.assertEqual(name, lvm.check_name(name, 'vg'))
        self.assertEqual(FIRST, lvm.check_volume_name(FIRST))

    def test_no_names(self):
        for name in ('', '.', '..', '-y', '--config', 'a/b', 'a b',
                     'a;b', '$(x)',
                'a\n', 'a\x00', 'ä', 'x' * 128, None, 5, ['a']):
            self.assertRaises(ValueError, lvm.check_name, name, 'vg')
            self.assertRaises(ValueError, lvm.check_volume_name, name)

    def test_parts(self):
        for name in ('pvmove0', 'snapshot1', 'a_rimage_0', 'a_tdata',
                     'x_mlog'):
            self.assertRaises(ValueError, lvm.check_volume_name, name)

    def test_devices(self):
        for path in ('/dev/sda', '/dev/mapper/mpathb',
                     '/dev/disk/by-id/a:b@c=d'):
            self.assertEqual(path, lvm.check_device(path, 'source'))

    def test_no_devices(self):
        for path in ('/dev', '/dev/', '/etc/passwd', '/dev/../etc/x',
                     '/dev/-x',
                '/dev/a b', 'dev/a', '--all', '/dev/a\n', '/dev//a', None, 7,
                '/dev/' + 'x' * 255):
            self.assertRaises(ValueError, lvm.check_device, path, 'source')

    def test_sizes(self):
        for size, text in ((0, '0b'), (512, '512b'), (1024, '1.00k'),
                (1024 ** 3, '1.00g'), (1023.999 * MIB, '1.00g'),
                (46 * 1024 ** 3, '46.00g'), (400 * MIB, '400.00m'),
                (1.5 * 1024 ** 4, '1.50t'), (2 * 1024 ** 6, '2.00e')):
            self.assertEqual(text, lvm.size_text(size))


class RulesTestCase(EachVersion):

    def refused(self, word, function, *args):
        error = self.assertRaises(exception.LogicalVolumeState, function,
                                  *args)
        self.assertIn(word, error.message)

    def test_mirror(self):
        for found, _ in self.each('plain'):
            change = lvm_rules.mirror(found, FIRST, 2)
            self.assertEqual(
                ('lvconvert', '--yes', '--type', 'raid1', '--mirrors', '1',
                 f'vol/{FIRST}'), change.command)
            self.assertEqual(400 * MIB, change.size)
            self.assertEqual((), lvm_rules.mirror(found, FIRST, 1).command)
            # Its own data are on two of three devices.
            self.refused('do not fit', lvm_rules.mirror, found, SECOND, 3)
            self.refused('do not fit', lvm_rules.mirror, found, FIRST, 4)

    def test_mirror_ends(self):
        for found, _ in self.each('mirrored'):
            change = lvm_rules.mirror(found, FIRST, 1)
            self.assertEqual(
                ('lvconvert', '--yes', '--mirrors', '0', f'vol/{FIRST}',
                 '/dev/ubdc'), change.command)
            self.assertEqual(('/dev/ubdc',), change.removed)

    def test_mirror_while_syncing(self):
        """The copy that is not complete is given up, and no other."""
        for found, _ in self.each('syncing'):
            self.assertEqual(('/dev/ubdc',),
                             lvm_rules.mirror(found, FIRST, 1).removed)
            self.refused('not complete', lvm_rules.mirror, found, FIRST, 3)
            self.refused('not complete', lvm_rules.move, found, FIRST,
                         '/dev/ubdb', None)

    def test_mirror_while_moving(self):
        """LVM would remove one layer and fail on the next."""
        for state in ('moving', 'moving-mirrored'):
            for found, _ in self.each(state):
                for copies in (1, 2, 3):
                    self.refused('being moved', lvm_rules.mirror, found,
                                 FIRST, copies)

    def test_move(self):
        for found, _ in self.each('plain'):
            for destination in ('/dev/ubdc', None):
                change = lvm_rules.move(found, FIRST, '/dev/ubdb',
                                        destination)
                self.assertEqual(
                    ('pvmove', '--background', '--atomic', '--interval',
                     '2', '--name', f'vol/{FIRST}', '/dev/ubdb',
                     *filter(None, (destination,))), change.command)
                self.assertEqual((400 * MIB, False), (change.size,
                                                      change.resumes))

    def test_moves_that_cannot_be(self):
        for found, _ in self.each('plain'):
            for word, volume, source, destination in (
                    ('no data on /dev/ubdc', FIRST, '/dev/ubdc', None),
                    ('no physical volume', FIRST, '/dev/ubde', None),
                    ('no physical volume', FIRST, '/dev/ubdb', '/dev/ubde'),
                    ('already', FIRST, '/dev/ubdb', '/dev/ubdb')):
                self.refused(word, lvm_rules.move, found, volume, source,
                             destination)

    def test_move_of_a_copy(self):
        for found, _ in self.each('mirrored'):
            self.refused('another copy', lvm_rules.move, found, FIRST,
                         '/dev/ubdb', '/dev/ubdc')
            lvm_rules.move(found, FIRST, '/dev/ubdb', '/dev/ubdd')

    def test_move_goes_on(self):
        """A move of its own volume only, whatever else it names."""
        for found, _ in self.each('moving'):
            change = lvm_rules.move(found, FIRST, '/dev/ubdb', None)
            self.assertTrue(change.resumes)
            self.assertIn(f'vol/{FIRST}', change.command)
            self.refused('being moved', lvm_rules.move, found, FIRST,
                         '/dev/ubdc', None)
            self.refused('being moved', lvm_rules.move, found, 'snap',
                         '/dev/ubdb', None)

    def test_no_room(self):
        for found, _ in self.each('plain'):
            full = lvm.load([{
                **entry, 'devices': [
                    {**device, 'free': 3 * MIB}
                    for device in entry['devices']]}
                for entry in lvm.dump([found])])[0]
            self.refused('do not fit on /dev/ubdc', lvm_rules.move, full,
                         FIRST, '/dev/ubdb', '/dev/ubdc')
            self.refused('do not fit elsewhere', lvm_rules.move, full,
                         FIRST, '/dev/ubdb', None)
            self.refused('no extent free', lvm_rules.mirror, full, FIRST, 2)

    def test_missing_device(self):
        for found, _ in self.each('plain'):
            entry = lvm.dump([found])[0]
            entry['devices'][0]['attr'] = 'a-m'
            broken = lvm.load([entry])[0]
            self.refused('missing', lvm_rules.mirror, broken, FIRST, 2)
            self.refused('missing', lvm_rules.move, broken, FIRST,
                         '/dev/ubdb', None)

    def test_thin(self):
        for version in VERSIONS:
            found = group(version, 'thin', 'other-vg')
            self.refused('pool', lvm_rules.mirror, found, 'volume-thin', 2)
            self.refused('pool', lvm_rules.move, found, 'volume-thin',
                         '/dev/ubde', None)
            # The pool itself is no volume of Cinder.
            self.refused('thin-pool', lvm_rules.mirror, found, 'pool', 2)

    def test_names(self):
        found = group('2.03.16', 'mirrored')
        self.assertRaises(exception.LogicalVolumeNotFound,
                          lvm_rules.find_volume, found, 'other')
        self.assertRaises(exception.LogicalVolumeNotFound,
                          lvm_rules.find_volume, found,
                          f'{FIRST}_rimage_0')
        self.assertRaises(exception.VolumeGroupNotFound,
                          lvm_rules.find_group, [found], 'vo')
        self.assertRaises(exception.Conflict, lvm_rules.find_group,
                          [found, found], 'vol')
