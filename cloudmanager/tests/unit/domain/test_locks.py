# SPDX-License-Identifier: Apache-2.0
"""Real reports of sanlock, and what follows from them.

The files of ``lock_reports`` are what sanlock 3.8.5 and LVM 2.03.16 wrote on
two machines with a shared volume group: when the first held the volume
``one``, and both ``two``; and when it was killed, its lease given back, and
it had come back without ``one``, which the second one had taken. In the others
sanlock of the second one was killed and started again while volume ``three``
was active, and then the host had joined the lockspace anew.
"""

import pathlib

from cloudmanager.domain import lock_reports
from cloudmanager.domain import locks
from cloudmanager.tests import base

DIRECTORY = pathlib.Path(__file__).parent / 'lock_reports'
ONE = 'YN8387-7fES-m2Uc-Ljna-gaFt-iKhx-PPqwaL'
TWO = 'TqJtMU-CMb7-bcbE-xqE5-2na9-5sfF-6Tp7pz'

THREE = 'zkQVzL-wMUs-XVvJ-E30K-BQFe-Vn2W-XI9bJa'


def text(name):
    return (DIRECTORY / name).read_text('ascii')


class ReportsTestCase(base.TestCase):

    def holders(self, name):
        return {lock: [(one.host_id, one.generation, one.is_exclusive)
                       for one in those] for lock, those in
                lock_reports.lock_holders(text(name)).items()}

    def test_held(self):
        self.assertEqual(
            [(1, 1, 53, '3b041ba7-b59c-42ef-a4e9-2425587caaf9.cmp1'),
             (2, 1, 53, '31568610-3cbb-48e7-83d5-4f9ac54eaa58.cmp2')],
            [(one.host_id, one.generation, one.timestamp, one.name)
             for one in lock_reports.members(text('3.8.5-held-dump.txt'))])
        self.assertEqual(
            {'GLLK': [], 'VGLK': [], ONE: [(1, 1, True)],
             TWO: [(1, 1, False), (2, 1, False)]},
            self.holders('3.8.5-held-dump.txt'))

    def test_returned(self):
        members = lock_reports.members(text('3.8.5-returned-dump.txt'))
        self.assertEqual([(1, 2), (2, 1)], [
            (one.host_id, one.generation) for one in members])
        self.assertEqual(
            {'GLLK': [], 'VGLK': [], ONE: [(2, 1, True)],
             TWO: [(1, 2, False), (2, 1, False)]},
            self.holders('3.8.5-returned-dump.txt'))

    def space(self, name, **values):
        dump = text(name)
        return locks.Lockspace(
            'vgs', 'lvm_vgs', '/dev/mapper/vgs-lvmlock',
            members=tuple(lock_reports.members(dump)), locks=tuple(
                locks.Lock(key, 'three', holders, is_active=key == THREE)
                for key, holders in lock_reports.lock_holders(dump).items()),
            **values)

    def test_restarted(self):
        """LK6: sanlock was restarted, and has not joined."""
        space = self.space('3.8.5-restarted-dump.txt',
                           trouble='the node has not joined')
        self.assertEqual([(THREE, 'the node has not joined')], [
            (lock.name, why) for lock, why in space.unprotected])

    def test_rejoined(self):
        """LK6: the generation is another one than that of the lock."""
        before = self.space('3.8.5-restarted-dump.txt', own_id=2)
        self.assertEqual([], before.unprotected)
        ((lock, why),) = self.space('3.8.5-rejoined-dump.txt',
                                    own_id=2).unprotected
        self.assertEqual(THREE, lock.name)
        self.assertIn('its lock is of generation 3', why)
        self.assertIn('as generation 4', why)

    def test_statuses(self):
        self.assertEqual(
            {('lvm_vgs', 1, 1): 'FAIL', ('lvm_vgs', 2, 1): 'LIVE'},
            lock_reports.statuses(
                's lvm_vgs:2:/dev/mapper/vgs-lvmlock:0 \n'
                'h 1 gen 1 timestamp 66 FAIL\nh 2 gen 1 timestamp 80 LIVE'))

    def test_groups(self):
        (group,) = lock_reports.shared_groups(text('2.03.16-lvs.json'))
        self.assertEqual(('vgs', 'sanlock', '1.0.0:lvmlock'), (
            group.name, group.kind, group.arguments))
        self.assertEqual({ONE: ('one', 70254592), TWO: ('two', 71303168)},
                         group.volumes)

    def test_orphans(self):
        """LK5: lvmlockd was killed while it held a lock with others."""
        heads = [block.head for block in lock_reports.blocks(
            text('3.8.5-orphans-status.txt')) if block.head[0] in 'rs']
        self.assertEqual(
            ['s lvm_vgs:1:/dev/mapper/vgs-lvmlock:0',
             'r lvm_vgs:AK2ZpV-6f8b-7MfV-bJeY-82SU-rHUL-vpOUZZ:/dev/mapper/'
             'vgs-lvmlock:70254592:SH p 0 ORPHAN'], heads)

    def test_no_reports(self):
        for found in ('x', 'offset\nread error', '1 2 3 4 5'):
            for read in (lock_reports.members, lock_reports.lock_holders):
                self.assertRaises(ValueError, read, found)
        for found in ('', '{}', '[]', '{"report": 5}'):
            self.assertRaises(ValueError, lock_reports.shared_groups, found)

    def test_records(self):
        space = locks.Lockspace(
            'vgs', 'lvm_vgs', '/dev/mapper/vgs-lvmlock', own_id=2,
            members=tuple(lock_reports.members(text('3.8.5-held-dump.txt'))),
            locks=(locks.Lock(ONE, 'one', (locks.Holder(1, 1, True),)),))
        values = locks.dump([space])
        del values[0]['locks'][0]['guests']
        values[0]['newer'] = values[0]['members'][0]['newer'] = 1
        self.assertEqual([space], locks.load(values))
        self.assertRaises(ValueError, locks.load, [{'group': 'vgs'}])

    def test_names_of_a_host(self):
        own_id = '3b041ba7-b59c-42ef-a4e9-2425587caaf9'
        for name, expected in (
                (f'{own_id}.cmp1', ('cmp1',)),
                (f'{own_id}.cmp1.example.org', ('cmp1.example.org', 'cmp1')),
                (f'{own_id}.', (f'{own_id}.', own_id)),
                ('cmp1', ('cmp1',)),
                ('cmp1.example.org', ('cmp1.example.org', 'cmp1'))):
            self.assertEqual(expected,
                             locks.Member(1, 1, 1, name).host_names)
