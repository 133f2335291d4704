# SPDX-License-Identifier: Apache-2.0
"""Guests, from what virsh of libvirt 9.0.0 prints with guests of QEMU."""

import fixtures

from cloudmanager.agent import guests
from cloudmanager.agent import observer
from cloudmanager.common import exception
from cloudmanager.tests import base

ONE = '17b15142-1123-409b-a645-64c739f7f506'
TWO = '27b15142-1123-409b-a645-64c739f7f506'
TEXT = f"""\
{ONE} facts-it's
{TWO} instance-00000002


Domain: 'facts-it's'
  state.state=1
  state.reason=1
  cpu.time=230000000
  cpu.user=100000000
  cpu.cache.monitor.count=0
  balloon.current=65536
  balloon.rss=41984
  net.count=2
  net.0.name=tap0
  net.0.rx.bytes=1048576
  net.0.rx.pkts=10
  net.0.tx.bytes=0
  net.1.rx.bytes=1048576
  net.1.tx.bytes=2097152
  block.count=1
  block.0.name=vda
  block.0.path=/dev/vol/one
  block.0.rd.bytes=3145728
  block.0.wr.bytes=0

Domain: 'instance-00000002'
  state.state=5
  state.reason=1
  balloon.maximum=65536

Domain: 'begun meanwhile'
  state.state=1

"""


class GuestsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.config(group='agent', privileged='none', command_timeout=20,
                    load_interval=10)
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', f'{self.directory}:/usr/bin:/bin'))
        self.now = 0.0
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.common.clock.monotonic', lambda: self.now))

    def virsh(self, text, status=0):
        (self.directory / 'text').write_text(text)
        path = self.directory / 'virsh'
        path.write_text(f'#!/bin/sh\necho "$*" > {self.directory}/words\n'
                        f'cat {self.directory}/text\nexit {status}\n')
        path.chmod(0o755)

    def test_parse(self):
        first, second = guests.parse(TEXT)
        self.assertEqual(
            guests.Guest(ONE, "facts-it's", 'running', {
                'cpus': 0.23, 'network_in_mb': 2.0, 'network_out_mb': 2.0,
                'disk_read_mb': 3.0, 'disk_write_mb': 0.0}, 41.0,
                ('/dev/vol/one',)), first)
        self.assertEqual((TWO, 'stopped', None), (
            second.id, second.state, second.memory_mb))
        self.assertEqual([], guests.parse('\n\n'))
        for number, state in enumerate((
                'unknown', 'running', 'running', 'paused', 'stopping',
                'stopped', 'crashed', 'suspended', 'unknown')):
            changed = TEXT.replace('state.state=5', f'state.state={number}')
            self.assertEqual(state, guests.parse(changed)[1].state)
        for wrong in ('error: x', f'{ONE[:-1]} x\n',
                      TEXT.replace('state.state=5', 'state.state=on')):
            self.assertRaises(ValueError, guests.parse, wrong)

    def test_names(self):
        """Whatever a guest is called, the others are known."""
        for name in ('a\x0bb', 'a\x1cb', 'a\u2028b', 'a\x85b'):
            found = guests.parse(TEXT.replace("facts-it's", name))
            self.assertEqual([name, 'instance-00000002'],
                             [guest.name for guest in found])

    def test_read_only(self):
        self.virsh(TEXT)
        self.assertEqual([ONE, TWO], [guest.id for guest in guests.read()])
        self.assertIn('--readonly --connect qemu:///system list',
                      (self.directory / 'words').read_text())
        self.virsh('what?')
        self.assertRaises(exception.CommandFailed, guests.read)
        self.config(group='agent', libvirt_uri='')
        self.assertRaises(exception.CommandFailed, guests.read)

    def test_observer(self):
        """Changes of states are told; use is an average; reasons are given.
        """
        self.virsh(TEXT)
        seen = observer.Observer()
        self.assertEqual((None, 'nobody has looked yet'), seen.guests())
        self.assertTrue(seen.look())
        self.assertFalse(seen.look())
        self.assertEqual(([
            {'id': ONE, 'name': "facts-it's", 'state': 'running'},
            {'id': TWO, 'name': 'instance-00000002', 'state': 'stopped'},
        ], None), seen.guests())
        self.assertIsNone(seen.load())
        self.now = 10.0
        self.virsh(TEXT.replace('cpu.time=230000000', 'cpu.time=5230000000'))
        self.assertFalse(seen.look())
        load = seen.load()
        self.assertEqual({'cpus': 0.5, 'memory_mb': 41.0,
                          'network_in_mb': 0.0, 'network_out_mb': 0.0,
                          'disk_read_mb': 0.0, 'disk_write_mb': 0.0},
                         load['guests'][ONE])
        self.assertNotIn(TWO, load['guests'])
        self.assertIsNone(seen.load())
        self.virsh('', 1)
        self.assertTrue(seen.look())
        self.assertIsNone(seen.guests()[0])
        self.now = 20.0
        load = seen.load()
        self.assertEqual({}, load['guests'])
        self.assertIn('status 1', load['reasons']['guests'])
