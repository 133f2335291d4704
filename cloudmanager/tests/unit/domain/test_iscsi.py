# SPDX-License-Identifier: Apache-2.0
"""Names of portals and targets, and what iscsiadm tells."""

from cloudmanager.domain import iscsi
from cloudmanager.tests import base

PREFIX = 'iqn.2010-10.org.openstack:'
#: What a request, or a storage, may put in the place of a name.
HOSTILE = ('', ' ', '-p', '--login', '../../etc/shadow', '/etc/passwd', 'a/b',
           'a b', 'a\nb', 'a\0b', '$(id)', '`id`', 'a;b', "a'b", 'a"b', 'a*',
           '\u0430bc', '.', '..', 'a,1', None, 7, True, ['a'], {'a': 'b'})


class PortalTestCase(base.TestCase):

    def test_forms(self):
        for text, shown, address in (
                ('10.0.0.2', '10.0.0.2', '10.0.0.2:3260'),
                ('10.0.0.2:3260', '10.0.0.2', '10.0.0.2:3260'),
                ('10.0.0.2:3261', '10.0.0.2:3261', '10.0.0.2:3261'),
                ('2001:DB8::2', '2001:db8::2', '[2001:db8::2]:3260'),
                ('[2001:db8::2]', '2001:db8::2', '[2001:db8::2]:3260'),
                ('[2001:db8::2]:99', '[2001:db8::2]:99',
                 '[2001:db8::2]:99'),
                ('Stor1.Example.org:1', 'stor1.example.org:1',
                 'stor1.example.org:1')):
            found = iscsi.portal(text)
            self.assertEqual((shown, address), (str(found), found.address))
            self.assertEqual(found, iscsi.portal(shown))
            self.assertEqual(found, iscsi.portal(address))

    def test_refused(self):
        for text in (*HOSTILE, '10.0.0.2:0', '10.0.0.2:65536', '10.0.0.2:',
                     '10.0.0.2:x', '[10.0.0.2]:3260', '[stor1]:3260',
                     '2001:db8::2]:1', '[::1', 'stor1:1:2', '10.0.0.2 :1'):
            self.assertRaises(ValueError, iscsi.portal, text)


class NameTestCase(base.TestCase):

    def test_prefix(self):
        for short, full in (
                ('volume-1', f'{PREFIX}volume-1'),
                ('iqn.2026-01.org.example:x', 'iqn.2026-01.org.example:x'),
                ('eui.02004567a425678d', 'eui.02004567a425678d'),
                ('naa.52004567ba64678d', 'naa.52004567ba64678d'),
                # Not the beginning of a full name.
                ('iqnx', f'{PREFIX}iqnx')):
            self.assertEqual(full, iscsi.full_name(short, PREFIX))
            self.assertEqual(short, iscsi.short_name(full, PREFIX))
            self.assertEqual(full, iscsi.full_name(full, PREFIX))

    def test_no_other_target_is_meant(self):
        """A name is never told short that would be taken for another."""
        for name in (PREFIX, f'{PREFIX}iqn.2026-01.org.example:x',
                     f'{PREFIX}eui.1'):
            self.assertEqual(name, iscsi.short_name(name, PREFIX))
            self.assertEqual(name, iscsi.full_name(name, PREFIX))

    def test_refused(self):
        for name in (*HOSTILE, 'a' * 224, 'a' * 223):
            self.assertRaises(ValueError, iscsi.full_name, name, PREFIX)


class ReportTestCase(base.TestCase):

    def test_found(self):
        found = iscsi.found(
            f'10.0.0.2:3260,1 {PREFIX}volume-1\n'
            f'[2001:db8::2]:3261,2 {PREFIX}volume-1\n'
            f'10.0.0.2:3260,1 {PREFIX}volume-0\n')
        self.assertEqual(
            {'10.0.0.2': ['volume-0', 'volume-1'],
             '[2001:db8::2]:3261': ['volume-1']},
            iscsi.by_portal(found, PREFIX))

    def test_lying_storage(self):
        """What it should not tell is left out, and the rest is not."""
        lines = [f'10.0.0.2:3260,1 {name}' for name in HOSTILE
                 if isinstance(name, str) and name != 'a\nb']
        lines += [f'{portal},1 {PREFIX}x' for portal in (
            'fe80::1:3260', '[fe80::1]:3260', '169.254.1.1:3260',
            '0.0.0.0:3260', '[::]:3260', '224.0.0.1:3260', '-p', '$(id)',
            '10.0.0.2:99999')]
        lines += [f'10.0.0.2:3260 {PREFIX}x', f'10.0.0.2:3260,1 {PREFIX}x y',
                  f'10.0.0.2:3260,1 {PREFIX}\x1b[2J']
        lines += [f'10.0.0.2:3260,1 {PREFIX}good']
        self.assertEqual({'10.0.0.2': ['good']},
                         iscsi.by_portal(iscsi.found('\n'.join(lines)),
                                         PREFIX))

    def test_endless_storage(self):
        found = iscsi.found('\n'.join(f'10.0.0.2:3260,1 t{number}'
                                      for number in range(12_000)))
        self.assertEqual(iscsi.MAX_TARGETS, len(found))

    def test_sessions(self):
        found = iscsi.sessions(
            f'tcp: [1] 10.0.0.2:3260,1 {PREFIX}volume-1 (non-flash)\n'
            f'tcp: [12] [2001:db8::2]:3260,1 {PREFIX}volume-1\n'
            'iscsiadm: something else\n')
        self.assertEqual([1, 12], [session.number for session in found])
        self.assertEqual(
            {'10.0.0.2': [f'{PREFIX}volume-1'],
             '2001:db8::2': [f'{PREFIX}volume-1']},
            iscsi.by_portal(session.path for session in found))
