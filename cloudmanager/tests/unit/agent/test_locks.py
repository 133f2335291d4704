# SPDX-License-Identifier: Apache-2.0
"""The agent's operations on locks, on a fake sanlock."""

import types

import fixtures

from cloudmanager.agent import commands
from cloudmanager.agent import operations
from cloudmanager.agent.volumes import locks  # noqa: F401
from cloudmanager.domain import locks as domain_locks
from cloudmanager.tests import base
from cloudmanager.tests.unit.agent import fake_sanlock

AGENT = types.SimpleNamespace(host='stor1')
RELEASE = 'locks.release'


class LocksTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.sanlock = fake_sanlock.FakeSanlock()
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.commands.run', self.sanlock.run))
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.volumes.lock_state._active',
            self.sanlock.devices))
        self.assertIs(commands.run.__self__, self.sanlock)

    def ask(self, name, **arguments):
        return operations.carry_out(AGENT, {'operation': name,
                                            'arguments': arguments})

    def look(self, **arguments):
        (space,) = domain_locks.load(
            self.ask('locks.report', **arguments)['result'])
        return space

    def verdicts(self, **arguments):
        space = self.look(**arguments)
        return {lock.volume: [str(space.judge(holder)[0])
                              for holder in lock.holders]
                for lock in space.locks}

    def release(self, **values):
        return self.ask(RELEASE, **{
            'group': 'vol', 'host_id': 1, 'generation': 1, 'timestamp': 1000,
            **values})

    def refused(self, **values):
        error = self.release(**values)['error']
        self.assertEqual('LocksHeld', error['class'])
        self.assertEqual([], self.sanlock.ran)
        return error['text']

    def test_who_holds_what(self):
        self.assertEqual({'one': ['held'], 'two': ['held', 'held']},
                         self.verdicts())
        self.sanlock.silence(1, 8)
        self.assertEqual({'one': ['silent'], 'two': ['silent', 'held']},
                         self.verdicts())
        self.sanlock.hosts[1].status = 'DEAD'
        self.assertEqual({'one': ['free'], 'two': ['free', 'held']},
                         self.verdicts())
        self.sanlock.come_back(1)
        self.assertEqual({'one': ['free'], 'two': ['free', 'held']},
                         self.verdicts())

    def test_one_volume(self):
        self.assertEqual({'two': ['held', 'held']},
                         self.verdicts(group='vol', volume='two'))
        self.assertEqual({}, self.verdicts(group='vol', volume='none'))
        self.assertEqual([], self.ask('locks.report',
                                      group='local')['result'])

    def test_freed(self):
        self.sanlock.silence(1, 8)
        self.assertEqual({'result': {'released': True}}, self.release())
        self.assertEqual([('sanlock', 'direct', 'release_id', '-s',
                           'lvm_vol:1:/dev/mapper/vol-lvmlock:0')],
                         self.sanlock.ran)
        self.assertEqual({'one': ['free'], 'two': ['free', 'held']},
                         self.verdicts())
        self.assertEqual({'result': {'released': False}}, self.release())

    def test_owner_lives(self):
        self.assertIn('renews', self.refused())
        self.sanlock.silence(1, 7)
        self.assertIn('renews', self.refused())

    def test_renewed_since_sanlock_has_looked(self):
        """What is on the device counts, not what is remembered of it."""
        self.sanlock.silence(1, 60)
        self.sanlock.hosts[1].timestamp = 1060
        self.assertIn('renews', self.refused())
        self.assertIn('renews', self.refused(timestamp=1060))
        self.assertEqual({'one': ['held'], 'two': ['held', 'held']},
                         self.verdicts())

    def test_owner_came_back(self):
        self.sanlock.silence(1, 60)
        self.sanlock.come_back(1)
        self.assertIn('come back', self.refused())
        self.sanlock.silence(1, 60)
        self.assertIn('come back', self.refused())

    def test_not_itself(self):
        self.sanlock.silence(2, 60)
        self.assertIn('this node', self.refused(host_id=2))

    def test_slow_storage(self):
        """LK3: who cannot renew its own lease does not judge others."""
        self.sanlock.silence(1, 60)
        for field, value in (('renew_fail', 1), ('space_dead', 1),
                             ('renewal_last_result', -202)):
            self.sanlock.space = {field: value}
            self.assertIn('io_timeout', self.refused())
            self.assertEqual(['held'], self.verdicts()['one'])

    def test_sanlock_is_away(self):
        """LK6: who holds what is still told, and nobody is judged."""
        self.sanlock.is_away = True
        self.sanlock.silence(1, 60)
        self.assertIn('sanlock', self.refused())
        self.assertEqual(['held'], self.verdicts()['one'])
        self.assertIn('cannot be asked', self.look().trouble)

    def test_not_joined(self):
        self.sanlock.is_joined = False
        self.assertIn('lockstart', self.refused())
        self.assertIsNone(self.look().own_id)

    def test_dlm(self):
        self.sanlock.kind = 'dlm'
        self.assertIn('dlm', self.look().trouble)
        self.assertIn('not of generation', self.refused())

    def test_orphans(self):
        """LK5: lvmlockd was killed and its locks are still there."""
        self.sanlock.orphans = ['two']
        self.assertEqual(
            {'one': False, 'two': True},
            {lock.volume: lock.is_orphan for lock in self.look().locks})

    def unprotected(self):
        return [(lock.volume, lock.guests, why)
                for lock, why in self.look().unprotected]

    def test_unprotected(self):
        """LK6: sanlock was restarted under running guests."""
        self.sanlock.active = ['two']
        self.sanlock.guests = {'web': 'two', 'db': 'one'}
        self.assertEqual([], self.unprotected())
        self.sanlock.is_joined = False
        (found,) = self.unprotected()
        self.assertEqual(('two', ('web',)), found[:2])
        self.assertIn('lockstart', found[2])
        self.sanlock.is_joined = True
        self.sanlock.come_back(2)
        (found,) = self.unprotected()
        self.assertEqual(('two', ('web',)), found[:2])
        self.assertIn('of generation 1 of this node', found[2])
        self.assertIn('as generation 2', found[2])
        self.sanlock.held['two'] = [(2, 2, True)]
        self.assertEqual([], self.unprotected())

    def test_unprotected_without_sanlock(self):
        """LK6: nor does a daemon that is away keep others off."""
        self.sanlock.active = ['one', 'two']
        self.sanlock.is_away = True
        self.assertEqual(['one', 'two'],
                         [found[0] for found in self.unprotected()])

    def test_never_locked(self):
        """LK6: a volume that was activated past lvmlockd."""
        self.sanlock.active = ['one']
        self.assertEqual([('one', (), 'no lock is held for it')],
                         self.unprotected())

    def test_guests_are_not_known(self):
        self.sanlock.active = ['one']
        self.sanlock.is_libvirt_away = True
        self.assertIn('virsh', self.look().guests_trouble)
        self.sanlock.active = []
        self.assertEqual('', self.look().guests_trouble)

    def test_unused_leases_are_not_read(self):
        """All but the leases of hosts lie behind 64 MiB without a lock."""
        dumps = []
        self.sanlock.on_run = lambda words: dumps.append(words[-1])
        self.look()
        self.assertEqual(
            ['/dev/mapper/vol-lvmlock:0:1048576',
             '/dev/mapper/vol-lvmlock:68157440:4194304'],
            [word for word in dumps if word.startswith('/dev')])

    def test_hostile_names(self):
        for name in ('a b', '-x', 'vol;reboot', '../x', '$(id)', ''):
            for arguments in ({'group': name},
                              {'group': 'vol', 'volume': name}):
                self.assertIn('error', self.ask('locks.report', **arguments))
            self.assertIn('error', self.release(group=name))
        for value in (-1, True, '1', 1.5, None):
            for name in ('host_id', 'generation', 'timestamp'):
                self.assertEqual('Invalid', self.release(
                    **{name: value})['error']['class'])
        self.assertEqual([], self.sanlock.ran)
