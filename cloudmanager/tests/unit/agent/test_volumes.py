# SPDX-License-Identifier: Apache-2.0
"""Operations of an agent on logical volumes, on a fake LVM."""

import threading

from cloudmanager.agent import commands
from cloudmanager.agent.privileged import programs
from cloudmanager.agent.volumes import reports
from cloudmanager.agent.volumes import works
from cloudmanager.common import exception
from cloudmanager.domain import lvm
from cloudmanager.domain import lvm_reports
from cloudmanager.tests import base
from cloudmanager.tests import clocks
from cloudmanager.tests.unit.agent import fake_lvm
from cloudmanager.tests.unit.agent import lvm_case

#: Values of any field that no name or path may have.
HOSTILE = ('', '-y', '--config=devices{}', 'vol/one', '../one', 'a b', 'a;b',
           '$(reboot)', '`id`', 'a\nb', 'a\x00b', 'x' * 200, None, 5, True,
           ['one'], {'a': 1})

#: What 2.03.16 writes, with status 5, when lvmlockd answers that its lock
#: manager fails: to standard output and to standard error.
EMPTY = {program: (f'''\
  {{
      "report": [
          {{
              "{rows}": [
              ]
          }}
      ]
  }}
''', '  Global lock failed: error -221.\n') for program, rows in (
    ('vgs', 'vg'), ('lvs', 'seg'), ('pvs', 'pv'))}


class VolumesCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = clocks.simulate(self)
        self.lvm = fake_lvm.FakeLVM(self.clock)
        lvm_case.install(self, self.lvm)
        self.agents = lvm_case.FakeAgents(self.lvm)
        self.lvm.add('one')

    def ask(self, operation, **arguments):
        return self.agents.call(None, 'stor1', f'lvm.{operation}', {
            'vg': 'vol', 'lv': 'one', **arguments})

    def changes(self):
        """Return the changing commands that were carried out."""
        return [words[0] for words in self.lvm.changes]


class ReportTestCase(VolumesCase):

    def report(self, **arguments):
        return lvm.load(self.agents.call(None, 'stor1', 'lvm.report',
                                         arguments))

    def test_groups(self):
        self.lvm.add_device('/dev/sdx', 'root-vg')
        self.lvm.add('root', '/dev/sdx', group='root-vg')
        self.assertEqual(['vol', 'root-vg'],
                         [group.name for group in self.report()])
        (found,) = self.report(groups=['vol', 'other'])
        self.assertEqual(('vol', ['one']), (
            found.name, [volume.name for volume in found.volumes]))

    def test_trouble(self):
        self.lvm.failing = True
        self.assertRaises(exception.CommandFailed, self.report)

    def test_programs(self):
        """All that is run is among what the agent may run."""
        for words in lvm_reports.COMMANDS:
            self.assertIn(words[0], programs.PROGRAMS)
        self.assertLess({'lvconvert', 'lvchange', 'pvmove'},
                        programs.PROGRAMS)

    def test_long(self):
        """Of a report that was cut off nothing is believed."""
        self.patch_run(lambda *words, **_: commands.Result(
            0, '{"report": []}', '', is_cut=True))
        self.assertIn('longer', str(self.assertRaises(
            exception.CommandFailed, reports.read)))

    def test_nonsense(self):
        self.patch_run(lambda *words, **_: commands.Result(0, 'oops', ''))
        self.assertRaises(exception.CommandFailed, reports.read)

    def test_partly(self):
        """One group that LVM cannot read does not hide the others."""
        run = self.lvm.run

        def partly(*words, codes=(0,), **kwargs):
            self.assertIn(5, codes)
            return run(*words, **kwargs)

        self.patch_run(partly)
        self.assertEqual(1, len(reports.read()))

    def test_without_sanlock(self):
        """Where locks fail LVM's report is empty, so it is made without."""
        whole, run = reports.read(), self.lvm.run

        def locked(*words, codes=(0,), **kwargs):
            if words[-1] == '--nolocking':
                return run(*words[:-1], **kwargs)
            self.assertIn(5, codes)
            return commands.Result(5, *EMPTY[words[0]])

        self.patch_run(locked)
        self.assertEqual(whole, reports.read())

    def test_with_locks(self):
        """What LVM reports with locks is not asked for again."""
        asked, run = [], self.lvm.run

        def incomplete(*words, **kwargs):
            asked.append(words)
            return commands.Result(5, run(*words).out,
                                   '  Volume group "other" not found\n')

        self.patch_run(incomplete)
        reports.read()
        self.assertEqual(list(lvm_reports.COMMANDS), asked)

    def patch_run(self, function):
        self.useFixture(lvm_case.fixtures.MockPatchObject(
            commands, 'run', function))


class MirrorTestCase(VolumesCase):

    def test_up_and_down(self):
        plan = self.ask('mirror.begin', copies=3, request='r')
        self.assertEqual('lvconvert', plan['command'][0])
        status = self.ask('mirror.status', request='r')
        self.assertEqual((3, False, False), (
            status['copies'], status['in_sync'], status['running']))
        self.clock.sleep(30)
        self.assertEqual(50.0, self.ask('mirror.status')['percent'])
        self.clock.sleep(30)
        self.assertTrue(self.ask('mirror.status')['in_sync'])
        self.ask('mirror.begin', copies=1)
        self.assertEqual(['/dev/sdb'], self.lvm.on('one'))
        self.assertEqual(['lvconvert'] * 2, self.changes())

    def test_twice(self):
        for _ in range(3):
            self.ask('mirror.begin', copies=2)
        self.assertEqual(['lvconvert'], self.changes())

    def test_dry_run(self):
        plan = self.ask('mirror.begin', copies=2, dry_run=True)
        self.assertIn('--mirrors', plan['command'])
        self.assertEqual([], self.changes())

    def test_given_up_while_made(self):
        self.ask('mirror.begin', copies=3)
        self.clock.sleep(10)
        self.ask('mirror.begin', copies=1)
        self.assertEqual(['/dev/sdb'], self.lvm.on('one'))

    def test_inactive(self):
        """LVM converts what is active; it is given back afterwards."""
        self.lvm.volumes['one'].active = False
        self.ask('mirror.begin', copies=2)
        self.assertEqual(['lvchange', 'lvconvert'], self.changes())
        self.ask('mirror.end')
        self.assertFalse(self.lvm.volumes['one'].active)

    def test_opened_meanwhile(self):
        self.lvm.volumes['one'].open = True
        self.ask('mirror.end')
        self.assertTrue(self.lvm.volumes['one'].active)

    def test_inactive_after_restart(self):
        self.ask('mirror.begin', copies=2)
        self.lvm.restart(active=False)
        self.clock.sleep(100)
        self.assertFalse(self.ask('mirror.status')['in_sync'])
        self.ask('mirror.begin', copies=2)
        self.clock.sleep(60)
        self.assertTrue(self.ask('mirror.status')['in_sync'])

    def test_refused_by_lvm(self):
        """What LVM says is told, to whom it concerns only."""
        self.lvm.script['lvconvert'] = ['no luck today']
        self.ask('mirror.begin', copies=2, request='a')
        self.assertIn('no luck', self.ask('mirror.status',
                                          request='a')['error'])
        self.assertIsNone(self.ask('mirror.status', request='b')['error'])
        self.ask('mirror.begin', copies=2, request='a')
        self.assertIsNone(self.ask('mirror.status', request='a')['error'])

    def test_copies(self):
        for copies in (0, 10, -1, '2', 1.0, True, None, [2]):
            self.assertRaises(exception.Invalid, self.ask, 'mirror.begin',
                              copies=copies)


class MigrateTestCase(VolumesCase):

    def status(self, source='/dev/sdb', **arguments):
        return self.ask('migrate.status', source=source, **arguments)

    def test_move(self):
        self.ask('migrate.begin', source='/dev/sdb', destination='/dev/sdd')
        status = self.status()
        self.assertEqual((True, 0.0, ['/dev/sdd'], 50 * fake_lvm.EXTENT), (
            status['moving'], status['percent'], status['destinations'],
            status['left']))
        self.clock.sleep(45)
        self.assertEqual(75.0, self.status()['percent'])
        self.clock.sleep(15)
        status = self.status()
        self.assertEqual((False, 0, ['/dev/sdd']), (
            status['moving'], status['left'], status['devices']))
        self.assertEqual(['pvmove'], self.changes())

    def test_cancel(self):
        self.ask('migrate.begin', source='/dev/sdb')
        self.ask('migrate.cancel', source='/dev/sdb')
        self.assertEqual(['/dev/sdb'], self.lvm.on('one'))
        self.assertIn('--abort', self.lvm.changes[-1])
        self.ask('migrate.cancel', source='/dev/sdb')
        self.assertEqual(2, len(self.lvm.changes))

    def test_others_are_not_cancelled(self):
        self.lvm.add('two', '/dev/sdc')
        self.agents.call(None, 'stor1', 'lvm.migrate.begin', {
            'vg': 'vol', 'lv': 'two', 'source': '/dev/sdc'})
        self.ask('migrate.cancel', source='/dev/sdc')
        self.ask('migrate.cancel', source='/dev/sdb')
        self.assertEqual(1, len(self.lvm.changes))

    def test_node_restarts(self):
        """LVM does not go on by itself; the agent has it do so."""
        self.ask('migrate.begin', source='/dev/sdb', destination='/dev/sdd')
        self.clock.sleep(30)
        self.lvm.restart()
        self.agents.restart_agent()
        self.clock.sleep(300)
        self.assertEqual(['/dev/sdb'], self.lvm.on('one'))
        self.status()
        self.clock.sleep(60)
        self.assertEqual(0, self.status()['left'])
        self.assertEqual(['/dev/sdd'], self.lvm.on('one'))
        self.assertEqual(['pvmove'] * 2, self.changes())
        self.assertIn('vol/one', self.lvm.changes[-1])

    def test_agent_restarts(self):
        """A move that goes on is only told once to do so."""
        self.ask('migrate.begin', source='/dev/sdb')
        self.agents.restart_agent()
        for _ in range(5):
            self.status()
            self.clock.sleep(10)
        self.assertEqual(2, len(self.lvm.changes))

    def test_stalled(self):
        """Whoever looked after it has died; LVM is told again."""
        self.ask('migrate.begin', source='/dev/sdb')
        self.status()
        self.lvm.moves[0].since = None
        for _ in range(20):
            self.clock.sleep(10)
            self.status()
        self.assertEqual(0, self.status()['left'])
        self.assertEqual(2, len(self.lvm.changes))

    def test_nothing_of_others(self):
        """When no move is under way, none is begun by looking."""
        self.status()
        self.status('/dev/sdc')
        self.assertEqual([], self.lvm.changes)

    def test_one_at_a_time(self):
        self.lvm.add('two', '/dev/sdc')
        self.ask('migrate.begin', source='/dev/sdb')
        self.assertRaises(
            exception.LogicalVolumeState, self.agents.call, None, 'stor1',
            'lvm.migrate.begin', {'vg': 'vol', 'lv': 'two',
                                  'source': '/dev/sdc'})

    def test_dry_run(self):
        plan = self.ask('migrate.begin', source='/dev/sdb', dry_run=True)
        self.assertEqual(50 * fake_lvm.EXTENT, plan['size'])
        self.assertEqual([], self.lvm.changes)

    def test_outside_of_the_group(self):
        """Nothing is touched that is not of the group of the volume."""
        self.lvm.add_device('/dev/sdx', 'root-vg')
        self.lvm.add('root', '/dev/sdx', group='root-vg')
        for arguments in ({'source': '/dev/sdx'},
                          {'source': '/dev/sdb', 'destination': '/dev/sdx'},
                          {'source': '/dev/null'},
                          {'source': '/dev/sdb', 'destination': '/dev/sda'}):
            self.assertRaises(exception.LogicalVolumeState, self.ask,
                              'migrate.begin', **arguments)
        for names in ({'lv': 'root'}, {'vg': 'nothing'}, {'lv': 'nothing'}):
            self.assertRaises(exception.NotFound, self.ask, 'migrate.begin',
                              source='/dev/sdb', **names)
        self.assertEqual([], self.lvm.changes)


class HostileTestCase(VolumesCase):
    """Nothing of a request gets into a command that LVM has not named."""

    OPERATIONS = {'mirror.begin': {'copies': 2}, 'mirror.status': {},
                  'mirror.end': {}, 'migrate.begin': {
                      'source': '/dev/sdb', 'destination': '/dev/sdc'},
                  'migrate.status': {'source': '/dev/sdb'},
                  'migrate.cancel': {'source': '/dev/sdb'}}

    def test_values(self):
        for name, arguments in self.OPERATIONS.items():
            for field in ('vg', 'lv', *arguments):
                for value in HOSTILE:
                    if (field, value) in (('destination', None),
                                          ('copies', 5)):
                        continue
                    self.assertRaises(
                        (exception.Invalid, exception.NotFound), self.ask,
                        name, **{**arguments, field: value})
        self.assertEqual([], self.lvm.changes)

    def test_parts_of_volumes(self):
        self.lvm.add('two', '/dev/sdb', '/dev/sdc')
        for name in ('two_rimage_0', 'two_rmeta_1', 'pvmove0'):
            self.assertRaises(exception.Invalid, self.ask, 'mirror.begin',
                              lv=name, copies=2)

    def test_arguments(self):
        for arguments in ({}, {'copies': 2, 'shell': 'x'}):
            self.assertRaises(exception.Invalid, self.ask, 'mirror.begin',
                              **arguments)


class WorksTestCase(base.TestCase):

    def test_threads(self):
        """One change of a volume at a time; its end can be seen."""
        found = works.Works()
        go, begun, ended = (threading.Event() for _ in range(3))

        def change():
            begun.set()
            go.wait(10)
            ended.set()
            raise exception.CommandFailed(program='x', reason='y')

        self.assertEqual((False, None), found.look(('a', 'b'), 'r'))
        found.begin(('a', 'b'), 'r', change)
        self.assertTrue(begun.wait(10))
        found.begin(('a', 'b'), 'other', lambda: self.fail('second'))
        self.assertEqual((True, None), found.look(('a', 'b'), 'r'))
        go.set()
        self.assertTrue(ended.wait(10))
        for thread in threading.enumerate():
            if thread.name == 'lvm-b':
                thread.join(10)
        self.assertEqual((False, 'Program x failed: y'),
                         found.look(('a', 'b'), 'r'))

    def test_faults(self):
        """A fault of our own is told without what is inside."""
        found = lvm_case.AtOnce()

        def change():
            raise KeyError('secret')

        found.begin(('a', 'b'), 'r', change)
        running, error = found.look(('a', 'b'), 'r')
        self.assertFalse(running)
        self.assertNotIn('secret', error)
