# SPDX-License-Identifier: Apache-2.0
"""Boot files: their names, and what they must not lead to."""

from cloudmanager.domain import pxe
from cloudmanager.tests import base

# Of the documentation.
SAMPLE = (
    'default vesamenu.c32\naprompt 1\ntimeout 30\nlabel ubuntu 14.04\n'
    'menu label CENTER COMPUTE NODE DEFAULT\nkernel vmlinuz\nappend '
    'initrd=dracut root=192.168.100.1:/mnt/rootfs biosdevname=0 ip=eth0:on '
    'ip=eth1:on bond=bond0:eth0,eth1:mode=6 ip=bond0:dhcp ro')
GOOD = (
    SAMPLE, 'root=test', '', '\n', 'a\tb\n\n', 'Узел № 1', '😀\u200f',
    '# include ../x', '#include /x', 'say See http://a/ or ../b',
    'menu label A / B .. c', 'menu title /../', 'menu passwd /a::b',
    'label Windows 10 / 11',
    'kernel images/a/vmlinuz', 'initrd a.img,b/c.img',
    'append initrd=a,b/c init=/sbin/init inst.ks=http://a/b?c ro',
    'append root=/dev/nfs nfsroot=10.0.0.1:/srv/..root ip=::::h::dhcp',
    'append -', 'ipappend 2', 'localboot 0', 'include common.cfg',
    'menu include menus/more.cfg A / B', 'f1 help.txt splash.png',
    'default a.b..c', 'kernel a..b/c', 'included /a', 'configs ../a',
    'menu included /a', 'f13x /a', 'text help\n ../x or /x\nendtext',
    'menu', 'include', 'append', 'menu include', 'menu hiddenkey F1')
BAD_NAMES = ('/a', '../a', 'a/../b', '..', 'a/..', '\\a', 'a\\..\\b',
             '10.0.0.1::a', '::a', 'http://a/b', 'tftp://a', 'a,/b',
             'a=/../b')
FILE = ('include', 'INCLUDE', 'iNcLuDe', ' \t include', 'menu include',
        'Menu\tInclude', 'menu background', 'label', 'display', 'font',
        'kbdmap', 'f1', 'F12', 'f', 'f0', 'f+1', 'f01', 'kernel', 'linux',
        'boot', 'bss', 'pxe', 'fdimage', 'comboot', 'com32', 'config',
        'initrd', 'ui', 'default', 'ontimeout', 'onerror', 'menu onerror',
        'path', 'fdt', 'menu hiddenkey F1', 'default menu.c32',
        'kernel mboot.c32 a ---', 'append', 'append a b', 'f 1', 'config a',
        'f1 a')
BAD_ARGUMENTS = ('initrd=/a', 'initrd=a,/b', 'initrd=../a', 'xinitrd=/a',
                 'initrd=a,initrd=/b', 'initrd=http://a/b', 'a=b/../c')


class CheckTestCase(base.TestCase):

    def refused(self, text):
        return str(self.assertRaises(ValueError, pxe.check, text))

    def test_good(self):
        for text in GOOD:
            self.assertEqual(text, pxe.check(text))

    def test_files_outside(self):
        """Whatever names a file, and in whatever form."""
        for directive in FILE:
            for name in BAD_NAMES:
                text = f'say a\n{directive} {name}\nsay b'
                self.assertIn('line 2', self.refused(text), text)

    def test_other_alphabets(self):
        """Their bytes are spaces to some builds and letters to others."""
        for line in ('é include /a', 'éinclude ../a', 'menu é include /a',
                     'include é/../b', 'include a\u00a0/../b',
                     'kernel a\u2003/../b', 'appendé /a'):
            self.refused(line)

    def test_command_lines(self):
        for directive in ('append', 'kernel a', 'default a', 'ui a b',
                          'onerror a', 'menu hiddenkey F1 a'):
            for argument in BAD_ARGUMENTS:
                self.assertIn('boot directory', self.refused(
                    f'{directive} ro {argument} quiet'))

    def test_in_help_texts(self):
        """Old versions do not know these blocks and read their lines."""
        self.refused('text help\ninclude /x\nendtext')

    def test_control_characters(self):
        for character in ('\x00', '\x01', '\r', '\x0b', '\x0c', '\x1b',
                          '\x7f', '\x85', '\x9b'):
            self.assertIn('line 2', self.refused(f'a\nb{character}c'))
            self.assertIn('control', self.refused(f'a{character}\n'))

    def test_size(self):
        line = 'x' * 99 + '\n'
        pxe.check(line * 655)
        self.assertIn('65536 bytes', self.refused(line * 656))
        self.assertIn('65536 bytes', self.refused(
            ('ü' * 50 + '\n') * 649))

    def test_long_lines(self):
        """The rest of a line that is too long would be one of its own."""
        for character in ('x', 'ü'):
            count = pxe.MAX_LINE_BYTES // len(character.encode())
            pxe.check('#' + character * (count - 1))
            self.assertIn('line 1', self.refused(
                '#' + character * count + 'include ../x'))

    def test_text_of_the_error(self):
        self.assertNotIn('S3cret', self.refused('include /S3cret'))


class FilesTestCase(base.TestCase):

    def test_names(self):
        name = '01-52-54-00-12-ab-ff'
        self.assertEqual(name, pxe.file_name('52:54:00:12:ab:ff'))
        self.assertEqual('52:54:00:12:ab:ff', pxe.mac_of(name))
        for other in ('default', '52-54-00-12-ab-ff', name + '.bak',
                      '01-52-54-00-12-AB-FF', 'C0A8', '', name[:-1],
                      '02-52-54-00-12-ab-ff', name + '\n',
                      '4c4c4544-0051-3010-8052-b4c04f4e3132'):
            self.assertIsNone(pxe.mac_of(other))

    def test_addresses(self):
        self.assertTrue(pxe.is_mac('52:54:00:12:ab:ff'))
        for other in ('', '52-54-00-12-ab-ff', '52:54:00:12:AB:FF', '../x',
                      '52:54:00:12:ab', '52:54:00:12:ab:ff\n'):
            self.assertFalse(pxe.is_mac(other))

    def test_content(self):
        for text in ('a\nü', 'a\nü\n'):
            first, *rest = pxe.content(7, 2, text).decode().split('\n')
            self.assertTrue(first.startswith(pxe.MARK))
            self.assertIn('image 2 of node 7', first)
            self.assertEqual(['a', 'ü', ''], rest)
