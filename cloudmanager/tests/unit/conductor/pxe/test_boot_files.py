# SPDX-License-Identifier: Apache-2.0
"""Boot files agree with the database, whatever happened to a message."""

import os
import threading

import fixtures

from cloudmanager.conductor.periodics import members
from cloudmanager.conductor.pxe import boot_files
from cloudmanager.conductor.pxe import directory
from cloudmanager.db import node_images
from cloudmanager.db import nodes
from cloudmanager.domain import pxe
from cloudmanager.tests import base

MACS = [f'52:54:00:00:00:{number:02x}' for number in range(9)]
FOREIGN = 'default local\n'


class BootFilesCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        self.path = self.directory / 'pxelinux.cfg'
        self.path.mkdir()
        self.config(group='pxe', config_dir=str(self.path))
        self.log = self.useFixture(fixtures.FakeLogger())
        self.image = self.make_image('first')
        self.files = self.conductor('one')

    def conductor(self, name, *others):
        return boot_files.BootFiles(
            lambda: members.Members(name, [name, *others]))

    def make_image(self, name):
        return node_images.create_image(self.context, {
            'name': name, 'file_data': f'kernel {name}'})['id']

    def node(self, number, image=None):
        return nodes.create_node(self.context, {
            'mac_address': MACS[number],
            'image_id': image or self.image})['id']

    def change(self, node, **values):
        nodes.update_node(self.context, node, values)

    def reconcile(self, files=None):
        (files or self.files).reconcile(threading.Event())

    def refresh(self, *numbers):
        self.files.refresh(self.context, [MACS[n] for n in numbers])

    def file(self, number):
        return self.path / pxe.file_name(MACS[number])

    def found(self):
        """Return the last line of each file, by number."""
        return {number: self.file(number).read_text().splitlines()[-1]
                for number in range(len(MACS))
                if self.file(number).is_file()}

    def foreign(self, number):
        self.file(number).write_text(FOREIGN)


@base.databases()
class BothWaysTestCase(BootFilesCase):
    """By a message, and without any: the same comes of it."""

    def ways(self):
        yield self.refresh
        yield lambda *numbers: self.reconcile()

    def test_life_of_a_node(self):
        other = self.make_image('other')
        for way in self.ways():
            node = self.node(0)
            way(0)
            self.assertEqual({0: 'kernel first'}, self.found())
            self.assertIn(f'image {self.image} of node {node}',
                          self.file(0).read_text())
            self.change(node, image_id=other)
            way(0)
            self.assertEqual({0: 'kernel other'}, self.found())
            self.change(node, mac_address=MACS[1])
            way(0, 1)
            self.assertEqual({1: 'kernel other'}, self.found())
            self.change(node, mac_address=None)
            way(1)
            self.assertEqual({}, self.found())
            self.change(node, mac_address=MACS[1])
            way(1)
            nodes.delete_node(self.context, node)
            way(1)
            self.assertEqual([], os.listdir(self.path))

    def test_default_image(self):
        """It leaves the site's own default alone, unless told otherwise."""
        for way in self.ways():
            node = self.node(0)
            way(0)
            self.change(node, image_id=node_images.DEFAULT)
            way(0)
            self.assertEqual({}, self.found())
            self.config(group='pxe', write_default_image=True)
            way(0)
            self.assertIn('root=192.168.100.1:/mnt/rootfs',
                          self.found()[0])
            self.config(group='pxe', write_default_image=False)
            way(0)
            self.assertEqual({}, self.found())
            nodes.delete_node(self.context, node)

    def test_what_is_not_ours(self):
        for way in self.ways():
            self.foreign(0)
            (self.path / 'default').write_text(FOREIGN)
            self.file(1).symlink_to('default')
            wanted = [self.node(0), self.node(1)]
            way(0, 1)
            for node in wanted:
                nodes.delete_node(self.context, node)
            way(0, 1)
            self.assertEqual((FOREIGN, True), (
                self.file(0).read_text(), self.file(1).is_symlink()))
            self.assertEqual(FOREIGN,
                             (self.path / 'default').read_text())
            self.assertIn('not ours', self.log.output)
            self.file(1).unlink()

    def test_address_of_another_node(self):
        """An address that goes to another node gets that one's image."""
        other = self.make_image('other')
        for way in self.ways():
            nodes.delete_node(self.context, self.node(0, other))
            second = self.node(0)
            way(0)
            self.assertEqual({0: 'kernel first'}, self.found())
            nodes.delete_node(self.context, second)
            way(0)

    def test_not_configured(self):
        self.node(0)
        self.config(group='pxe', config_dir=None)
        for way in self.ways():
            way(0)
        self.assertEqual([], os.listdir(self.path))

    def test_changes_by_hand(self):
        self.node(0)
        for way in self.ways():
            way(0)
            content = self.file(0).read_bytes()
            self.file(0).write_bytes(content + b'more\n')
            way(0)
            self.assertEqual(content, self.file(0).read_bytes())
            self.file(0).chmod(0o600)
            way(0)
            self.assertEqual(0o644, self.file(0).stat().st_mode & 0o777)
            self.file(0).unlink()
            way(0)
            self.assertEqual(content, self.file(0).read_bytes())

    def test_nothing_to_do(self):
        self.node(0)
        for way in self.ways():
            way(0)
            before = self.file(0).stat()
            way(0)
            self.assertEqual(
                (before.st_ino, before.st_mtime_ns),
                (self.file(0).stat().st_ino,
                 self.file(0).stat().st_mtime_ns))

    def test_directory_is_away(self):
        """The conductor goes on, and writes when it is back."""
        self.node(0)
        self.path.rename(self.directory / 'away')
        for way in self.ways():
            way(0)
            self.assertIn('pxelinux.cfg', self.log.output)
        (self.directory / 'away').rename(self.path)
        self.reconcile()
        self.assertEqual({0: 'kernel first'}, self.found())

    def test_one_that_fails_stops_no_other(self):
        write = directory.Directory.write

        def fail(files, mac, content):
            if mac == MACS[1]:
                raise OSError(28, 'No space left on device')
            write(files, mac, content)

        for number in range(3):
            self.node(number)
        for way in self.ways():
            self.patch(directory.Directory, 'write', fail)
            way(0, 1, 2)
            self.assertEqual([0, 2], sorted(self.found()))
            self.assertIn('No space left', self.log.output)
        self.patch(directory.Directory, 'write', write)
        self.reconcile()
        self.assertEqual([0, 1, 2], sorted(self.found()))


class MessagesTestCase(BootFilesCase):

    def test_only_what_was_named(self):
        self.node(0), self.node(1)
        self.refresh(1)
        self.assertEqual([1], sorted(self.found()))

    def test_strange_addresses(self):
        """An address never leads out of the directory."""
        self.files.refresh(self.context, [
            '../../x', '', 'default', MACS[0].upper(), MACS[0] + '\n'])
        self.assertEqual([], os.listdir(self.path))

    def test_endpoint(self):
        self.node(0)
        boot_files.Endpoint(self.files).refresh(self.context, [MACS[0]])
        self.assertEqual([0], sorted(self.found()))


class RoundsTestCase(BootFilesCase):

    def test_complaints_are_not_repeated(self):
        self.foreign(0)
        self.node(0), self.node(1)
        for _ in range(3):
            self.reconcile()
        self.assertEqual(1, self.log.output.count('not ours'))
        self.node(2)
        self.foreign(2)
        self.reconcile()
        self.assertEqual(2, self.log.output.count('not ours'))

    def test_node_that_comes_meanwhile(self):
        """A round does not undo what came after its look at the database.
        """
        macs = directory.Directory.macs

        def create_in_between(files):
            if not self.found():
                self.node(0)
                self.refresh(0)
            return macs(files)

        self.patch(directory.Directory, 'macs', create_in_between)
        self.reconcile()
        self.assertEqual({0: 'kernel first'}, self.found())

    def test_stops(self):
        for number in range(3):
            self.node(number)
        stopping = threading.Event()
        stopping.set()
        self.files.reconcile(stopping)
        self.assertEqual({}, self.found())

    def test_batches(self):
        self.patch(boot_files, 'BATCH', 2)
        for number in range(5):
            self.node(number)
        with self.statements() as sent:
            self.reconcile()
        self.assertEqual(5, len(self.found()))
        self.assertEqual(
            8, len([line for line in sent if 'SELECT' in line]))

    def test_raced(self):
        """Messages and rounds together leave what the database says."""
        images = [self.make_image(f'i{number}') for number in range(6)]
        node = self.node(0)

        def act(number):
            self.change(node, image_id=images[number])
            self.refresh(0)
            self.reconcile()

        calls = base.Together(6, act)

        self.assertEqual([], calls.raised)
        last = nodes.get_node(self.context, node)['image']['name']
        self.assertEqual({0: f'kernel {last}'}, self.found())


class SharedDirectoryTestCase(BootFilesCase):

    def setUp(self):
        super().setUp()
        self.others = {name: self.conductor(name, 'one', 'two', 'three')
                       for name in ('one', 'two', 'three')}
        for number in range(len(MACS)):
            self.node(number)

    def owners(self):
        everyone = members.Members('one', list(self.others))
        return [everyone.owner(mac) for mac in MACS]

    def test_each_has_its_own(self):
        """Each conductor keeps its files when all see the same."""
        self.config(group='pxe', shared_config_dir=True)
        owners = self.owners()
        self.assertEqual(3, len(set(owners)))
        for done, (name, files) in enumerate(self.others.items(), 1):
            self.reconcile(files)
            self.assertEqual(
                [number for number, owner in enumerate(owners)
                 if owner in list(self.others)[:done]],
                sorted(self.found()))
        # The files of the others are left alone, even those that differ.
        for number, owner in enumerate(owners):
            self.file(number).chmod(0o600)
            self.others['one'].refresh(self.context, [MACS[number]])
            self.assertEqual(owner == 'one', bool(
                self.file(number).stat().st_mode & 0o044))

    def test_one_that_is_lost(self):
        """Its files go to those that live."""
        self.config(group='pxe', shared_config_dir=True)
        for name in ('two', 'three'):
            self.reconcile(self.conductor(name, 'two', 'three'))
        self.assertEqual(len(MACS), len(self.found()))

    def test_not_shared(self):
        """Each has all of them in a directory of its own."""
        for files in self.others.values():
            for number in self.found():
                self.file(number).unlink()
            self.reconcile(files)
            self.assertEqual(len(MACS), len(self.found()))
