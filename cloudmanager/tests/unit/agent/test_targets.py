# SPDX-License-Identifier: Apache-2.0
"""Operations of an agent on targets, on an open-iscsi that is not there."""

import json
import logging
import types

import fixtures

from cloudmanager.agent import operations
from cloudmanager.agent import privileged
from cloudmanager.agent.nas import iscsi as agent_iscsi
from cloudmanager.agent.nas import logins
from cloudmanager.agent.nas import multipath
from cloudmanager.agent.nas import records
from cloudmanager.agent.nas import targets
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import private
from cloudmanager.tests import base
from cloudmanager.tests import clocks
from cloudmanager.tests.unit.agent import fake_iscsi
from cloudmanager.tests.unit.agent.fake_iscsi import path
from cloudmanager.tests.unit.domain.test_iscsi import HOSTILE

PASSWORD = 'correct-horse-battery'
ONE = {'10.0.0.2': ['volume-1']}


class AtOnce(targets.Targets):
    """Requests that are carried out before their first answer."""

    def _start(self, *args):
        self._run(*args)


class TargetsCase(base.TestCase):

    def setUp(self):
        super().setUp()
        clocks.simulate(self)
        self.config(group='agent', privileged='none')
        self.config(group='nas', parallel_logins=1,
                    multipath_drop_in=str(
                        self.directory / 'multipath/conf.d/90-cm.conf'))
        self.patch('cloudmanager.agent.nas.multipath.is_installed',
                   lambda: True)
        self.number = 0
        self.begin()

    def patch(self, name, value):
        self.useFixture(fixtures.MonkeyPatch(name, value))

    def begin(self):
        """Have an agent and a node without any login."""
        self.number += 1
        self.state = self.directory / f'node{self.number}'
        self.state.mkdir()
        self.node = fake_iscsi.FakeISCSI(self.state)
        self.node.use(self)
        self.node.targets = {path('volume-1').target: ['sda'],
                             path('volume-2').target: ['sdb', 'sdc'],
                             path('empty').target: []}
        self.restart()

    def restart(self):
        """Let a new agent take the place of the one that was there."""
        self.agent = types.SimpleNamespace(
            host='node', targets=AtOnce(self.state),
            store=types.SimpleNamespace(settings={}))

    def answer(self, name, **arguments):
        return operations.carry_out(self.agent, {
            'operation': f'nas.{name}', 'arguments': arguments})

    def ask(self, name, **arguments):
        answer = self.answer(name, **arguments)
        self.assertNotIn('error', answer)
        return answer['result']

    def refused(self, kind, name, **arguments):
        error = self.answer(name, **arguments)['error']
        self.assertEqual(kind, error['class'], error)
        return error['text']

    def attach(self, wanted=None, **more):
        """Attach targets; return why each could not be."""
        self.number += 1
        found = self.ask('attach', request=str(self.number),
                         targets=wanted or ONE, **more)
        self.assertFalse(found['running'])
        return {(portal, target): why
                for portal, target, why in found['outcomes']}

    def startup(self, found):
        options = self.node.options_of(self.node.record(found))
        return options['node.startup']

    def listed(self):
        return json.loads((self.state / 'targets.json').read_text())


class AttachTestCase(TargetsCase):

    def test_attached(self):
        wanted = {'10.0.0.2': ['volume-1', path('volume-2').target],
                  '10.0.0.3': ['volume-2']}
        found = self.attach(wanted)
        self.assertEqual({(portal, target): None
                          for portal, names in wanted.items()
                          for target in names}, found)
        self.assertEqual(
            {'10.0.0.2': [path('volume-1').target, path('volume-2').target],
             '10.0.0.3': [path('volume-2').target]},
            self.ask('sessions')['targets'])
        self.assertEqual('automatic', self.startup(path('volume-1')))
        self.assertEqual([], self.listed()['begun'])
        # Only what has several paths.
        self.assertEqual(['sdb', 'sdc'] * 2, self.node.paths_joined)

    def test_again(self):
        """What is attached is left as it is."""
        self.attach()
        before = self.node.changes
        self.assertEqual([None], list(self.attach().values()))
        self.restart()
        self.assertEqual([None], list(self.attach().values()))
        self.assertEqual(before, self.node.changes)

    def test_a_request_counts_once(self):
        self.ask('attach', request='one', targets=ONE)
        calls = len(self.node.calls)
        found = self.ask('attach', request='one', targets=ONE)
        self.assertEqual([['10.0.0.2', 'volume-1', None]], found['outcomes'])
        self.assertEqual(calls, len(self.node.calls))

    def test_of_two_names_for_one(self):
        """The login is made once, and both names are told of."""
        found = self.attach({'10.0.0.2': ['volume-1',
                                          path('volume-1').target],
                             '10.0.0.2:3260': ['volume-1']})
        self.assertEqual([None] * 3, list(found.values()))
        self.assertEqual(1, sum('--login' in words
                                for words in self.node.calls))

    def test_undone(self):
        """LK10: of what cannot be attached nothing is left."""
        self.node.accounts[path('volume-2').target] = ('node', PASSWORD)
        found = self.attach({
            '10.0.0.2': ['volume-1', 'volume-2', 'empty', 'nope'],
            '10.0.0.9': ['volume-1']})
        reasons = {'volume-2': 'CHAP', 'empty': 'no disk',
                   'nope': 'no such target'}
        for target, text in reasons.items():
            self.assertIn(text, found['10.0.0.2', target])
            self.assertFalse(self.node.record(path(target)).exists())
        self.assertIn('no connection', found['10.0.0.9', 'volume-1'])
        self.assertEqual([path('volume-1')], list(self.node.sessions))
        self.assertEqual([], self.listed()['begun'])

    def test_records_of_others(self):
        """They are used, neither changed nor removed."""
        others = self.node.record(path('volume-1'))
        self.config(group='nas', chap_username='node',
                    chap_password=PASSWORD)
        self.node._node_new(path('volume-1'))
        before = others.read_text()
        del self.node.targets[path('volume-1').target]
        self.assertIsNotNone(self.attach()['10.0.0.2', 'volume-1'])
        self.node.targets[path('volume-1').target] = ['sda']
        self.assertIsNone(self.attach()['10.0.0.2', 'volume-1'])
        self.assertEqual(before, others.read_text())

    def test_logins_of_others(self):
        """A login without disks that was there before is not ended."""
        self.node._node_new(path('empty'))
        self.node.log_in(path('empty'))
        self.assertIsNotNone(self.attach({'10.0.0.2': ['empty']})[
            '10.0.0.2', 'empty'])
        self.assertIn(path('empty'), self.node.sessions)

    def test_storage_that_went_away(self):
        """A login whose storage does not answer is none to rely on."""
        self.attach()
        number = self.node.sessions[path('volume-1')]
        (self.node.sysfs / f'session{number}' / 'state').write_text('FAILED')
        self.assertIn('does not answer',
                      self.attach()['10.0.0.2', 'volume-1'])
        self.assertIn(path('volume-1'), self.node.sessions)

    def test_attached_before(self):
        """A failure does not take back what was attached once."""
        self.attach()
        self.node._end(path('volume-1'))
        self.node.portals.clear()
        self.assertIsNotNone(self.attach()['10.0.0.2', 'volume-1'])
        self.assertEqual('automatic', self.startup(path('volume-1')))

    def test_kills(self):
        """Killed at each change: what was begun is finished or undone."""
        replace = private.replace
        self.patch('cloudmanager.common.private.replace',
                   lambda *arguments: self.node._change(
                       lambda: replace(*arguments)))
        number = 0
        while True:
            number += 1
            for die_at in (number, -number):
                self.begin()
                self.node.die_at = die_at
                try:
                    logins.Logins(self.state).attach(path('volume-1'))
                except fake_iscsi.Killed:
                    self.restart()
                    self.tidy()
                else:
                    if die_at < 0:
                        self.assertEqual(6, number - 1)
                        return
                self.whole_or_nothing()
                self.assertEqual([None], list(self.attach().values()))
                self.whole_or_nothing()

    def tidy(self):
        """Let so much time pass that no login can go on."""
        clock.sleep(agent_iscsi.login_seconds())
        self.agent.targets.tidy()

    def test_login_of_a_former_agent(self):
        """It may still go on, so its record stays for that long."""
        self.node.die_at = 2
        self.assertRaises(fake_iscsi.Killed,
                          logins.Logins(self.state).attach,
                          path('volume-2'))
        self.restart()
        self.agent.targets.tidy()
        self.node.log_in(path('volume-2'))
        self.agent.targets.tidy()
        self.assertEqual('automatic', self.startup(path('volume-2')))

    def whole_or_nothing(self):
        is_there = path('volume-1') in self.node.sessions
        if not (self.state / 'targets.json').exists():
            return self.assertEqual(0, self.node.number)
        record = self.node.record(path('volume-1'))
        self.assertEqual(is_there, record.exists(), self.node.die_at)
        self.assertEqual([], self.listed()['begun'], self.node.die_at)
        if is_there:
            self.assertEqual('automatic', self.startup(path('volume-1')))

    def test_undone_later(self):
        """What cannot be undone at once is when it is tidied up."""
        wanted = {'10.0.0.2': ['empty']}
        log_out = agent_iscsi.log_out

        def fail(path):
            raise exception.CommandFailed(program='iscsiadm', reason='x')

        self.patch('cloudmanager.agent.nas.iscsi.log_out', fail)
        self.attach(wanted)
        self.assertIn(path('empty'), self.node.sessions)
        self.patch('cloudmanager.agent.nas.iscsi.log_out', log_out)
        self.restart()
        self.tidy()
        self.assertNotIn(path('empty'), self.node.sessions)
        self.assertFalse(self.node.record(path('empty')).exists())

    def test_full_disk(self):
        """What cannot be noted down is not begun."""
        def fail(*arguments):
            raise OSError(28, 'No space left on device')

        self.patch('cloudmanager.common.private.replace', fail)
        self.assertIn('No space', self.attach()['10.0.0.2', 'volume-1'])
        self.assertEqual(0, self.node.changes)

    def test_spoiled_list(self):
        for text in ('', '{', '[]', '{"begun": [["$(id)", "x"]]}',
                     '{"begun": [], "attached": [["10.0.0.2", "../x"]]}'):
            (self.state / 'targets.json').write_text(text)
            self.assertEqual([], records.Records(self.state).begun)

    def test_hostile(self):
        """It is refused before any program is run."""
        for name in HOSTILE:
            self.refused('Invalid', 'attach', request='x',
                         targets={'10.0.0.2': [name]})
            self.refused('Invalid', 'plan', targets={'10.0.0.2': [name]})
            if isinstance(name, str):
                self.refused('Invalid', 'attach', request='x',
                             targets={name: ['volume-1']})
                self.refused('Invalid', 'discover', portals=[name])
                self.refused('Invalid', 'plan', targets=ONE, vendor='IET',
                             product=f'"{name}')
        for wrong in (None, [], {}, {'10.0.0.2': []}, {'10.0.0.2': 'x'},
                      {'10.0.0.2': [f't{n}' for n in range(257)]}):
            self.refused('Invalid', 'attach', request='x', targets=wrong)
        for wrong in (None, '', 'x' * 200, 7):
            self.refused('Invalid', 'attach', request=wrong, targets=ONE)
        for wrong in ([], None, 'x', ['10.0.0.2'] * 65):
            self.refused('Invalid', 'discover', portals=wrong)
        self.assertEqual([], self.node.calls)


class CredentialsTestCase(TargetsCase):

    def setUp(self):
        super().setUp()
        self.node.accounts = {path('volume-1').target: ('node', PASSWORD),
                              None: ('node', PASSWORD)}
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))

    def use(self, **options):
        self.config(group='nas', **options)

    def test_secret(self):
        """SE2: the password is in the record, and nowhere else."""
        self.use(chap_username='node', chap_password=PASSWORD,
                 chap_discovery=True)
        answers = [self.answer('discover', portals=['10.0.0.2']),
                   self.answer('plan', targets=ONE),
                   self.answer('attach', request='1', targets=ONE)]
        self.node._end(path('volume-1'))
        self.node.accounts[path('volume-1').target] = ('node', 'new')
        answers.append(self.answer('attach', request='2', targets=ONE))
        self.assertIn('CHAP', str(answers[-1]))
        self.assertIn(PASSWORD,
                      self.node.record(path('volume-1')).read_text())
        for text in (str(answers), str(self.node.calls), self.log.output,
                     (self.state / 'targets.json').read_text()):
            self.assertNotIn(PASSWORD, text)
        self.assertEqual(0o600, private.mode(
            self.node.record(path('volume-1'))))

    def test_discovery(self):
        found = self.ask('discover', portals=['10.0.0.2', '10.0.0.9'])
        self.assertEqual({'10.0.0.2', '10.0.0.9'}, set(found['errors']))
        self.use(chap_username='node', chap_password=PASSWORD,
                 chap_discovery=True)
        found = self.ask('discover', portals=['10.0.0.2'])
        self.assertEqual(
            {'10.0.0.2': ['empty', 'volume-1', 'volume-2']},
            found['targets'])
        self.assertFalse(self.node._discovery_record(
            path('x').portal).exists())

    def test_new_password(self):
        """A record of ours gets what the configuration says now."""
        self.use(chap_username='node', chap_password='old')
        self.assertIsNotNone(self.attach()['10.0.0.2', 'volume-1'])
        self.use(chap_password=PASSWORD)
        self.assertIsNone(self.attach()['10.0.0.2', 'volume-1'])
        self.node._end(path('volume-1'))
        self.node.accounts[path('volume-1').target] = ('node', 'newest')
        self.use(chap_password='newest')
        self.assertIsNone(self.attach()['10.0.0.2', 'volume-1'])
        self.node._end(path('volume-1'))
        self.node.accounts.clear()
        self.use(chap_username='')
        self.assertIsNone(self.attach()['10.0.0.2', 'volume-1'])
        options = self.node.options_of(self.node.record(path('volume-1')))
        self.assertEqual('None', options['node.session.auth.authmethod'])
        self.assertNotIn('newest', str(options))

    def test_of_one_portal(self):
        """The credentials of others do not go to it."""
        file = self.directory / 'agent.conf'
        file.write_text('[nas]\nchap_username = node\nchap_password = all\n'
                        '[nas:10.0.0.2]\nchap_username = node\n'
                        f'chap_password = {PASSWORD}\n'
                        '[nas:10.0.0.3]\n')
        targets.CONF([], default_config_files=[str(file)],
                     default_config_dirs=[])
        self.node.use(self)
        self.node.accounts.clear()
        self.attach({'10.0.0.2': ['volume-1'], '10.0.0.3': ['volume-1']})
        first, second = (
            self.node.options_of(self.node.record(path('volume-1', portal)))
            for portal in ('10.0.0.2', '10.0.0.3'))
        self.assertEqual(PASSWORD, first['node.session.auth.password'])
        self.assertNotIn('node.session.auth.password', second)

    def test_mutual(self):
        self.use(chap_username='node', chap_password=PASSWORD,
                 chap_username_in='storage', chap_password_in='of-storage')
        self.attach()
        options = self.node.options_of(self.node.record(path('volume-1')))
        self.assertEqual('storage', options['node.session.auth.username_in'])
        self.assertEqual('of-storage',
                         options['node.session.auth.password_in'])

    def test_unusable(self):
        """A password that would be another line is refused unsaid."""
        for wrong in (f'{PASSWORD}\nnode.startup = onboot', ' x', '', 'ü',
                      'x' * 256):
            self.use(chap_username='node', chap_password=wrong)
            why = self.attach()['10.0.0.2', 'volume-1']
            self.assertIn('chap_password', why)
            self.assertNotIn(PASSWORD, why)
            self.assertFalse(self.node.record(path('volume-1')).exists())
        self.use(chap_username='', chap_password='',
                 chap_username_in='storage', chap_password_in='x')
        self.assertIn('chap_username_in',
                      self.attach()['10.0.0.2', 'volume-1'])

    def test_records_are_files_of_their_directory(self):
        """No argument and no link leads elsewhere."""
        settings = {'startup': 'manual', 'retries': '3'}
        secret = self.directory / 'secret'
        secret.write_text('x')
        record = self.node.record(path('volume-1'))
        record.parent.mkdir(parents=True)
        record.symlink_to(secret)
        self.assertRaises(
            exception.Unavailable, privileged.call, 'iscsi_records',
            'set_node', '10.0.0.2', 3260, path('volume-1').target, settings)
        for host, port, target in (
                ('../..', 3260, 'x'), ('10.0.0.2', 0, 'x'),
                ('10.0.0.2:1', 3260, 'x'), ('10.0.0.2', 3260, '../../x'),
                ('10.0.0.2', 3260, '/etc')):
            self.assertRaises(ValueError, privileged.call, 'iscsi_records',
                              'set_node', host, port, target, settings)
        self.assertEqual('x', secret.read_text())


class MultipathTestCase(TargetsCase):
    KIND = {'vendor': 'IET', 'product': 'VIRTUAL-DISK'}

    @property
    def file(self):
        return self.directory / 'multipath/conf.d/90-cm.conf'

    def test_kinds(self):
        """Each kind stays known; one that is known changes nothing."""
        found = self.ask('plan', targets=ONE, **self.KIND)
        self.assertIn('run: multipathd reconfigure', found['steps'])
        self.assertFalse(self.file.exists())
        self.attach(**self.KIND)
        self.attach(vendor='A.C+', product='X 1')
        text = self.file.read_text()
        self.attach(**self.KIND)
        self.assertEqual(text, self.file.read_text())
        self.assertEqual([('A.C+', 'X 1'), ('IET', 'VIRTUAL-DISK')],
                         multipath.parse(text))
        self.assertIn('vendor "^A[.]C[+]$"', text)
        self.assertEqual(['sda'], self.node.paths_joined[:1])
        self.assertEqual(
            ['run: multipath -v 1'],
            self.ask('plan', targets=ONE, **self.KIND)['steps'])

    def test_hostile(self):
        for word in ('', 'a"b', 'a\nb', 'a}', 'x' * 65, '\\', 7, ' a', '.*',
                     'a[b', None):
            for one, other in (('vendor', 'product'), ('product', 'vendor')):
                self.refused('Invalid', 'attach', request='x', targets=ONE,
                             **{one: word, other: 'X'})
        for settings in ({'a"b': 'x'}, {'no_path_retry ': '1'}):
            self.config(group='nas', multipath_settings=settings)
            self.refused('Misconfigured', 'plan', targets=ONE, **self.KIND)

    def test_refused(self):
        self.agent.store.settings = {'dcc': False}
        for name in ('plan', 'attach'):
            more = {'request': 'x'} if name == 'attach' else {}
            self.assertIn('enable-dcc', self.refused(
                'Conflict', name, targets=ONE, **self.KIND, **more))
        self.attach()
        self.agent.store.settings = {}
        self.file.parent.mkdir(parents=True)
        self.file.write_text('devices {}')
        self.refused('Conflict', 'plan', targets=ONE, **self.KIND)
        found = self.ask('attach', request='y', targets=ONE, **self.KIND)
        self.assertIn('left alone', found['error'])
        self.patch('cloudmanager.agent.nas.multipath.is_installed',
                   lambda: False)
        self.assertIn('not installed', self.refused(
            'Conflict', 'plan', targets=ONE, **self.KIND))

    def test_without_multipath(self):
        self.patch('cloudmanager.agent.nas.multipath.is_installed',
                   lambda: False)
        wanted = {'10.0.0.2': ['volume-1'], '10.0.0.3': ['volume-1']}
        self.assertEqual([None, None], list(self.attach(wanted).values()))
        self.assertEqual([], self.node.paths_joined)
