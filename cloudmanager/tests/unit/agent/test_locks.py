# SPDX-License-Identifier: Apache-2.0
"""The agent's operations on locks, on a fake sanlock."""

import pathlib
import types

import fixtures

from cloudmanager.agent import commands
from cloudmanager.agent import operations
from cloudmanager.agent.privileged import files
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
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.adopt_file = directory / 'adopt'
        self.drop_in = directory / 'lvmlockd.service.d' / '90.conf'
        self.config(group='agent', privileged='none',
                    lvmlockd_adopt_file=str(self.adopt_file),
                    lvmlockd_drop_in=str(self.drop_in))
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

    def test_guests_that_have_ended(self):
        """It neither uses its disks nor forbids to start daemons anew.

        One that libvirt calls crashed is preserved, with its disks open.
        """
        self.sanlock.guests = {'web': 'one'}
        for self.sanlock.guest_state, users in (
                (3, ('web',)), (5, ()), (6, ('web',)), (0, ('web',))):
            self.sanlock.active = ['one']
            self.assertEqual([users],
                             [found[1] for found in self.unprotected()])
            self.sanlock.active = []
            self.sanlock.kill_lvmlockd('two')
            self.assertEqual(bool(users),
                             'error' in self.ask('locks.reset'))

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

    def test_adopt(self):
        """LK5: lvmlockd gets the locks of active volumes from a file."""
        self.sanlock.held['two'] = [(2, 1, False)]
        self.sanlock.held['own'] = [(2, 1, True)]
        self.sanlock.active = ['two', 'own']
        self.sanlock.kill_lvmlockd('two', 'own')
        self.assertEqual({'adopted': ['vol/own', 'vol/two']},
                         self.ask('locks.adopt')['result'])
        mark = files.MARK
        group = fake_sanlock.GROUP_UUID
        self.assertEqual(
            f'{mark}lvmlockd adopt_version 1.0\n'
            f'VG: {group} vol sanlock 1.0.0:lvmlock\n'
            + ''.join(f'LV: {group} {self.sanlock.uuid(name)} '
                      f'1.0.0:{self.sanlock.offset(name)} {mode} 0\n'
                      for name, mode in (('own', 'ex'), ('two', 'sh'))),
            self.adopt_file.read_text())
        self.assertEqual(
            f'{mark}[Service]\nExecStartPre=-/bin/mv -f {self.adopt_file} '
            '/run/lvm/lvmlockd.adopt\nExecStart=\n'
            'ExecStart=/sbin/lvmlockd --foreground -o 2 --adopt 1\n',
            self.drop_in.read_text())
        self.assertEqual(
            [('systemctl', 'daemon-reload'),
             ('systemctl', 'restart', '--', 'lvmlockd.service')],
            self.sanlock.ran)
        self.assertEqual({'adopted': []}, self.ask('locks.adopt')['result'])

    def test_adopt_whatever_lvmlockd_is_told(self):
        """LK5: ``--adopt 0`` would have it take over nothing."""
        for options in ('--adopt 0 -o 2', '-o 2 -A 0', '-o 2 --adopt=0',
                        '-A0 -o 2', '-o 2 --adopt 1'):
            self.sanlock.options = options
            self.sanlock.active = ['two']
            self.sanlock.kill_lvmlockd('two')
            self.assertEqual({'adopted': ['vol/two']},
                             self.ask('locks.adopt')['result'])
            self.assertIn('ExecStart=/sbin/lvmlockd --foreground -o 2 '
                          '--adopt 1\n', self.drop_in.read_text())

    def test_a_volume_appears(self):
        """LK5: what is made after the report of LVM is left for later."""
        self.sanlock.active = ['two']
        self.sanlock.kill_lvmlockd('two')

        def on_run(words):
            if words[:3] == ('sanlock', 'client', 'status'):
                self.sanlock.held['zero'] = [(2, 1, True)]
                self.sanlock.active = ['two', 'zero']
                self.sanlock.orphans = ['two', 'zero']
                self.sanlock.on_run = lambda words: None

        self.sanlock.on_run = on_run
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.volumes.lock_daemons._PATIENCE', 0.0))
        self.ask('locks.adopt')
        self.assertNotIn(self.sanlock.uuid('zero'),
                         self.adopt_file.read_text())
        self.assertIn(self.sanlock.uuid('two'), self.adopt_file.read_text())

    def left(self):
        """Check that nothing is taken over; return the error."""
        error = self.ask('locks.adopt')['error']
        self.assertFalse(self.adopt_file.exists())
        self.assertEqual([], self.sanlock.ran)
        self.assertEqual('LocksHeld', error['class'])
        return error['text']

    def test_adopt_without_proof(self):
        """LK5: of a lease that may have run out nothing is taken over."""
        self.sanlock.active = ['two']
        self.sanlock.kill_lvmlockd('two')
        self.sanlock.space = {'renew_fail': 1}
        self.assertIn('io_timeout', self.left())

    def test_adopt_while_lvmlockd_runs(self):
        """LK5: its other locks would be lost by a restart."""
        self.sanlock.active = self.sanlock.orphans = ['two']
        self.assertIn('keeps other locks', self.left())

    def test_adopt_nothing(self):
        """LK5: lvmlockd does not take over what is not in use."""
        self.sanlock.kill_lvmlockd('two')
        self.assertEqual({'adopted': []}, self.ask('locks.adopt')['result'])
        self.assertEqual([], self.sanlock.ran)

    def test_not_adopted(self):
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.volumes.lock_daemons._PATIENCE', 0.0))
        self.sanlock.active = ['two']
        self.sanlock.kill_lvmlockd('two')
        self.sanlock.takes_over = False
        error = self.ask('locks.adopt')['error']
        self.assertEqual('CommandFailed', error['class'])
        self.assertIn('vol/two', error['text'])

    PLACE = 'lvm_vol:2:/dev/mapper/vol-lvmlock:0'

    def reset(self, *joining):
        joining = list(joining)
        self.assertEqual({'result': {'reset': True, 'joining': joining}},
                         self.ask('locks.reset'))
        self.assertEqual('', self.look().disorder)
        self.assertEqual({'result': {'reset': False, 'joining': []}},
                         self.ask('locks.reset'))
        return [' '.join(words) for words in self.sanlock.ran]

    def test_reset(self):
        """LK4: orphans of volumes that are not active; in order."""
        self.sanlock.kill_lvmlockd('two')
        self.assertEqual([
            'systemctl kill --signal=KILL -- lvmlockd.service',
            'systemctl stop -- lvmlockd.service',
            f'sanlock client set_config -s {self.PLACE} -O 0',
            f'sanlock client rem_lockspace -s {self.PLACE}',
            'systemctl stop -- sanlock.service',
            'systemctl start -- sanlock.service',
            'systemctl start -- lvmlockd.service',
            'vgchange --lockstart --lockopt nowait vol'], self.reset('vol'))

    def test_reset_after_restart_of_sanlock(self):
        """LK4: lvmlockd thinks that the group is still joined."""
        self.sanlock.is_joined, self.sanlock.is_stale = False, True
        ran = self.reset('vol')
        self.assertEqual('lvmlockctl --drop vol', ran[0])
        self.assertNotIn('rem_lockspace', ' '.join(ran))

    def test_reset_without_sanlock(self):
        """LK4: it does not run, and nothing was joined before."""
        self.sanlock.is_away = True
        self.sanlock.is_joined = False
        ran = self.reset()
        self.assertIn('systemctl start -- sanlock.service', ran)
        self.assertNotIn('vgchange', ' '.join(ran))

    def test_reset_after_both_were_killed(self):
        """LK4: no daemon knows any more what was joined."""
        self.sanlock.is_away = True
        self.sanlock.is_joined = False
        self.sanlock.kill_lvmlockd()
        self.assertIn('vgchange --lockstart --lockopt nowait vol',
                      self.reset('vol'))

    def test_no_disorder(self):
        """LK4: what works is left alone, and what was left on purpose."""
        for is_joined in (True, False):
            self.sanlock.is_joined = is_joined
            self.assertEqual({'result': {'reset': False, 'joining': []}},
                             self.ask('locks.reset'))
        self.assertEqual([], self.sanlock.ran)

    def no_reset(self):
        error = self.ask('locks.reset')['error']
        self.assertEqual([], self.sanlock.ran)
        return error['text']

    def test_no_reset_in_use(self):
        """LK4: not while anything may need the locks."""
        self.sanlock.kill_lvmlockd('two')
        self.sanlock.active = ['one']
        self.assertIn('1 of its volumes are active', self.no_reset())
        self.sanlock.active = []
        self.sanlock.guests = {'web': 'elsewhere'}
        self.assertIn('servers run on this node: web', self.no_reset())
        self.sanlock.is_libvirt_away = True
        self.assertIn('virsh', self.no_reset())
        self.sanlock.guests, self.sanlock.is_libvirt_away = {}, False
        self.sanlock.other_spaces = ['__LIBVIRT__DISKS__']
        self.assertIn('__LIBVIRT__DISKS__', self.no_reset())

    def test_no_reset_whatever_leases_are_called(self):
        """LK4: volumes that are active are seen by any settings of LVM."""
        self.sanlock.kill_lvmlockd('two')
        self.sanlock.active = ['one']
        for self.sanlock.leases, number in (('lvmlock', 1), ('others', 2)):
            self.assertIn(f'{number} of its volumes are active',
                          self.no_reset())

    def test_becomes_active_at_the_last_moment(self):
        """LK4: before lvmlockd was killed; it begins again with it."""
        for name, ending in (('one', ['start']),
                             ('two', ['daemon-reload', 'restart'])):
            self.sanlock.__init__()
            self.sanlock.kill_lvmlockd('two')

            def on_run(words, name=name):
                if words[:2] == ('systemctl', 'stop'):
                    self.sanlock.active = [name]
            self.sanlock.on_run = on_run
            self.assertIn('active',
                          self.ask('locks.reset')['error']['text'])
            self.assertEqual(['kill', 'stop', *ending],
                             [words[1] for words in self.sanlock.ran])

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
