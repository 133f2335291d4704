# SPDX-License-Identifier: Apache-2.0
"""Files of the agent: its key, its store, and its drop-ins."""

import os

from cloudmanager.agent import keys
from cloudmanager.agent import privileged
from cloudmanager.agent import store
from cloudmanager.agent.privileged import files
from cloudmanager.common import exception
from cloudmanager.common import private
from cloudmanager.common import signing
from cloudmanager.tests import base


class KeyFileTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.path = self.directory / 'agent.key'
        self.one, self.two = signing.new_key(), signing.new_key()

    def write(self, text):
        private.replace(self.path, text.encode())

    def test_newest_signs_all_verify(self):
        self.write(f'# a comment\n\n{keys.line(self.two)}\n'
                   f'{keys.line(self.one)}\n')
        found = keys.KeyFile(self.path)
        self.assertEqual(self.two, found.newest)
        self.assertEqual({self.one.id: self.one.secret,
                          self.two.id: self.two.secret}, found.all)

    def test_replaced(self):
        self.write(keys.line(self.one))
        found = keys.KeyFile(self.path)
        self.write(keys.line(self.two))
        self.assertEqual(self.two, found.newest)

    def test_spoiled_later(self):
        """The keys that were read before are kept."""
        self.write(keys.line(self.one))
        found = keys.KeyFile(self.path)
        self.write('nonsense')
        self.assertEqual(self.one, found.newest)
        self.path.unlink()
        self.assertEqual(self.one, found.newest)

    def test_wrong(self):
        self.assertRaises(exception.Misconfigured, keys.KeyFile, self.path)
        for text in ('', '# only\n', 'x', 'x:', 'x:!!!', 'x:QUJD', ':QUJD',
                     '\xff'):
            self.write(text)
            self.assertRaises(exception.Misconfigured, keys.KeyFile,
                              self.path)

    def test_others_can_read_it(self):
        self.write(keys.line(self.one))
        self.path.chmod(0o644)
        self.assertRaises(exception.Misconfigured, keys.KeyFile, self.path)


class StoreTestCase(base.TestCase):

    def make(self):
        return store.Store(self.directory / 'agent')

    @property
    def path(self):
        return self.directory / 'agent' / 'desired.json'

    def test_kept(self):
        self.assertTrue(self.make().accept(3, {'snmp': True}))
        found = self.make()
        self.assertEqual((3, {'snmp': True}),
                         (found.generation, found.settings))
        self.assertEqual(0o600, private.mode(self.path))
        self.assertEqual(0o700, private.mode(self.path.parent))

    def test_older_is_dropped(self):
        made = self.make()
        made.accept(3, {'snmp': True})
        self.assertFalse(made.accept(2, {'snmp': False}))
        self.assertTrue(made.accept(3, {'snmp': True}))
        self.assertEqual({'snmp': True}, self.make().settings)

    def test_spoiled(self):
        """A file that cannot be used is like none; it comes again."""
        self.make().accept(3, {'snmp': True})
        for text in ('', '{', '[]', '{"settings": {"x": 1}}',
                     '{"generation": "x"}', '{"settings": null}', '7'):
            self.path.write_text(text)
            self.assertEqual(0, self.make().generation)
        self.make().accept(1, {'ssh': False})
        self.assertEqual({'ssh': False}, self.make().settings)

    def test_restarts(self):
        made = self.make()
        made.set_restart_due('a.service', True)
        self.assertTrue(self.make().is_restart_due('a.service'))
        made.accept(1, {})
        made.set_restart_due('b.service', True)
        made.set_restart_due('a.service', False)
        found = self.make()
        self.assertFalse(found.is_restart_due('a.service'))
        self.assertTrue(found.is_restart_due('b.service'))

    def test_left_by_a_kill(self):
        self.make()
        left = self.path.parent / '.desired.json.abc.new'
        left.write_text('{')
        self.make()
        self.assertFalse(left.exists())

    def test_full_disk(self):
        """What could not be written does not hold."""
        made = self.make()
        made.accept(1, {'snmp': True})
        os.rename(self.path.parent, self.directory / 'away')
        self.assertRaises(OSError, made.accept, 2, {'snmp': False})
        self.assertEqual((1, {'snmp': True}),
                         (made.generation, made.settings))

    def test_full_disk_at_the_start(self):
        """An agent starts all the same; a node without one looks dead."""
        made = self.make()
        self.assertEqual(5, made.begin_life(5))
        os.rename(self.path.parent, self.directory / 'away')
        self.assertEqual(6, made.begin_life(1))
        self.assertEqual(7, made.begin_life(1))
        os.rename(self.directory / 'away', self.path.parent)
        made.accept(1, {'snmp': True})
        self.assertEqual(8, self.make().begin_life(1))


class DropInTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.path = self.directory / 'etc' / '90-cm.conf'
        self.config(group='agent', privileged='none',
                    nova_drop_in=str(self.path))

    def call(self, name, *arguments):
        return privileged.call('files', name, 'nova', *arguments)

    def test_life(self):
        self.assertIsNone(self.call('read'))
        self.call('remove')
        self.call('write', 'a = 1\n')
        self.assertEqual('a = 1\n', self.call('read'))
        self.assertEqual(files.MARK + 'a = 1\n', self.path.read_text())
        self.assertEqual(0o644, private.mode(self.path))
        self.call('write', 'b\n')
        self.call('remove')
        self.assertEqual([], os.listdir(self.path.parent))

    def test_of_others(self):
        """Nothing else than a file with our mark is touched."""
        self.path.parent.mkdir()
        target = self.directory / 'target'
        target.write_text(files.MARK + 'x')
        for make in (lambda: self.path.write_text('theirs'),
                     lambda: self.path.symlink_to(target),
                     lambda: self.path.symlink_to(self.directory / 'none'),
                     lambda: os.mkfifo(self.path)):
            make()
            for action in (('read',), ('write', 'x'), ('remove',)):
                self.assertRaises(exception.Conflict, self.call, *action)
            self.path.unlink()
        self.assertEqual(files.MARK + 'x', target.read_text())

    def test_program_is_not_there(self):
        """Only the last directory is made."""
        self.config(group='agent',
                    nova_drop_in=str(self.directory / 'nova/d/x.conf'))
        self.assertRaises(exception.Unavailable, self.call, 'write', 'x')
        self.assertEqual([], os.listdir(self.directory))

    def test_size(self):
        """What is written can be read again, and nothing longer is."""
        content = 'x' * (files.MAX_SIZE - len(files.MARK))
        self.call('write', content)
        self.assertEqual(content, self.call('read'))
        self.assertRaises(exception.Unavailable, self.call, 'write',
                          content + 'x')
        self.assertEqual(content, self.call('read'))

    def test_many_locks(self):
        """lvmlockd of a node with thousands of volumes takes its locks over.
        """
        content = 'LVM_LOCK ' * 50_000
        self.call('write', content)
        self.assertEqual(content, self.call('read'))

    def test_left_by_a_kill(self):
        self.call('write', 'a')
        left = self.path.parent / f'.{self.path.name}.abc.new'
        left.write_text('half')
        self.call('write', 'b')
        self.assertEqual([self.path.name], os.listdir(self.path.parent))

    def test_only_what_is_offered(self):
        for name in ('path_of', '_sweep', 'os', 'MARK'):
            self.assertRaises(PermissionError, self.call, name)
