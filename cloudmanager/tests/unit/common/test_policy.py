# SPDX-License-Identifier: Apache-2.0
"""When the policy files are looked at, and which come into force."""

import os

import fixtures
from oslo_policy import _checks

from cloudmanager import policies
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import policy
from cloudmanager.policies import nodes
from cloudmanager.tests import base
from cloudmanager.tests import clocks

MEMBERS = f'"{nodes.LIST}": "role:member"\n'
#: Contents of files that cannot be used, and words of why.
BROKEN = (
    ('"cloudmanager:nodes:list": "role:member\n', 'quoted scalar'),
    ('- a list\n', 'policy_file'), ('a word', 'policy_file'),
    ('\tx', 'policy_file'), ('"x": "\xff"'.encode('latin-1'), 'utf-8'),
    (f'{MEMBERS}"{nodes.LIST}s": "role:member"\n', f'"{nodes.LIST}s"'),
    ('"nodes:list": "role:member"\n', 'there is no rule "nodes:list"'),
    (f'"{nodes.LIST}": "rule:operators"\n', '"operators"'),
    (f'"{nodes.LIST}": "not rule:operators"\n', '"operators"'),
    (f'"{nodes.LIST}": "role:a and (role:b or rule:c)"\n', '"c"'),
    (f'"{nodes.LIST}": "rule:a"\n"a": "rule:b"\n"b": "rule:a"\n', 'circle'),
    (f'"{nodes.LIST}":\n', 'no text'), (f'"{nodes.LIST}": 1\n', 'policy_file'),
    (f'"{nodes.LIST}": []\n', 'no text'),
    (f'"{nodes.LIST}": "member"\n', 'cannot be read'),
    (f'"{nodes.LIST}": "role:member or admin"\n', 'cannot be read'),
    (f'"{nodes.LIST}": "role:a and and role:b"\n', 'cannot be read'))
#: Contents of files that can be used, and whether a member may list nodes.
GOOD = (
    ('', False), ('# nothing\n', False), ('{}\n', False), (MEMBERS, True),
    (f'"{nodes.LIST}": ""\n', True), (f'"{nodes.LIST}": "!"\n', False),
    (f'"{nodes.LIST}": "role:no or (! or @)"\n', True),
    (f'"{nodes.LIST}": "not role:no"\n', True),
    (f'"{nodes.LIST}": "rule:ours"\n"ours": "role:member"\n', True),
    (f'"{nodes.LIST}": "project_id:p"\n', True),
    # Of what is managed nothing belongs to a project.
    (f'"{nodes.LIST}": "project_id:%(project_id)s"\n', False),
    ('"default": "!"\n', False))


class PolicyCase(base.TestCase):

    def setUp(self):
        super().setUp()
        # Registers the options, too.
        policy.init(policies.list_rules())
        self.file = self.directory / 'policy.yaml'
        self.rules = self.directory / 'policy.d'
        self.config(group='oslo_policy', policy_file=str(self.file),
                    policy_dirs=[str(self.rules)])
        self.addCleanup(policy.init, policies.list_rules())
        self.clock = clocks.simulate(self)
        self.log = self.useFixture(fixtures.FakeLogger(level=20))
        self.context = cm_context.RequestContext(
            user_id='u', project_id='p', roles=['member'], overwrite=False)

    def write(self, content, path=None):
        """Write a file that is seen to be another one."""
        path = path or self.file
        if not isinstance(content, bytes):
            content = content.encode()
        path.write_bytes(content)
        self.stamp = getattr(self, 'stamp', 10**9) + 1
        os.utime(path, (self.stamp, self.stamp))

    def later(self):
        self.clock.sleep(1)

    def may(self):
        try:
            policy.authorize(self.context, nodes.LIST)
        except exception.Forbidden:
            return False
        return True


class ChecksTestCase(PolicyCase):

    def test_signatures_are_remembered(self):
        """oslo.policy looks at them by the names that we replace."""
        names = _checks._check.__code__.co_names
        self.assertIn('inspect', names)
        self.assertIn('getfullargspec', names)
        one, other = _checks.TrueCheck(), _checks.TrueCheck()
        self.assertIs(_checks.inspect.getfullargspec(one.__call__),
                      _checks.inspect.getfullargspec(other.__call__))

    def test_check_of_four_arguments_gets_the_rule(self):
        class Short:
            def __call__(self, target, creds, enforcer):
                return 'short'

        class Long:
            def __call__(self, target, creds, enforcer, current_rule=None):
                return current_rule

        for check, expected in ((Short(), 'short'), (Long(), 'the rule')):
            self.assertEqual(expected, _checks._check(
                check, {}, {}, None, 'the rule'))


class ReloadTestCase(PolicyCase):

    def test_change_is_obeyed_within_a_second(self):
        self.write('{}\n')
        self.assertFalse(self.may())
        self.write(MEMBERS)
        self.clock.sleep(0.5)
        self.assertFalse(self.may())
        self.later()
        self.assertTrue(self.may())

    def test_the_first_check_looks(self):
        self.write(MEMBERS)
        self.assertTrue(self.may())

    def test_file_that_comes_later(self):
        self.assertFalse(self.may())
        self.write(MEMBERS)
        self.later()
        self.assertTrue(self.may())

    def test_directory(self):
        """A file there counts more, and its change is seen."""
        self.rules.mkdir()
        self.write(MEMBERS)
        self.write(f'"{nodes.LIST}": "!"\n', self.rules / 'a.yaml')
        self.assertFalse(self.may())
        self.write(MEMBERS, self.rules / 'a.yaml')
        self.later()
        self.assertTrue(self.may())
        self.write('[', self.rules / 'a.yaml')
        self.later()
        self.assertTrue(self.may())
        self.assertIn('policy_file', policy.problem())


    def test_hidden_files(self):
        """They are no policy files: editors and Kubernetes leave some."""
        self.rules.mkdir()
        (self.rules / '.git').mkdir()
        hidden = self.rules / '.a.yaml.swp'
        self.write('[', hidden)
        self.write(MEMBERS)
        self.assertTrue(self.may())
        hidden.unlink()
        self.later()
        self.assertIsNone(policy.problem())

    def test_unchanged_files_are_not_read_again(self):
        self.write(MEMBERS)
        self.assertTrue(self.may())
        with fixtures.MonkeyPatch('oslo_policy.policy.Enforcer.load_rules',
                                  None):
            self.later()
            self.assertTrue(self.may())
            self.assertIsNone(policy.problem())


class StartTestCase(PolicyCase):

    def test_broken(self):
        """FA11: the service does not start, and says why."""
        for content, words in BROKEN:
            with self.subTest(content):
                self.write(content)
                error = self.assertRaises(exception.Misconfigured,
                                          policy.load)
                self.assertIn(words, str(error))
                self.assertIn(str(self.file), str(error))
                self.assertNotIn('\n', str(error))

    def test_good(self):
        for content, expected in GOOD:
            with self.subTest(content):
                self.write(content)
                policy.load()
                self.assertEqual(expected, self.may())
                self.assertIsNone(policy.problem())

    def test_no_file(self):
        policy.load()
        self.assertFalse(self.may())
        self.assertEqual('', self.log.output)

    def test_no_readable_file(self):
        """FA11: what stands in for a file is no file."""
        self.file.mkdir()
        self.assertRaises(exception.Misconfigured, policy.load)

    def test_never_without_rules(self):
        """FA11: without any good rules a check is a 503, not a 500."""
        self.write('[')
        for _ in range(2):
            error = self.assertRaises(
                exception.Misconfigured, policy.authorize, self.context,
                nodes.LIST)
            self.assertEqual(503, error.code)
            self.assertIn('[oslo_policy] policy_file', str(error))
        self.write(MEMBERS)
        self.assertTrue(self.may())


class LastGoodTestCase(PolicyCase):

    def setUp(self):
        super().setUp()
        self.write(MEMBERS)
        policy.load()

    def check_kept(self, words):
        self.later()
        for _ in range(2):
            self.assertTrue(self.may())
            self.assertIn(words, policy.problem())

    def test_broken(self):
        """FA11: the last good rules stay in force."""
        for content, words in BROKEN:
            with self.subTest(content):
                self.write(content)
                self.check_kept(words)
        self.write('{}\n')
        self.later()
        self.assertFalse(self.may())
        self.assertIsNone(policy.problem())
        self.assertEqual(1, self.log.output.count('in force again'))

    def test_problem_is_looked_for(self):
        """Whoever asks for it need not have checked anything before."""
        self.write('[')
        self.assertIsNone(policy.problem())
        self.later()
        self.assertIn('policy_file', policy.problem())

    def test_gone_or_empty(self):
        """FA11: many programs write a file so; its rules are not dropped."""
        self.write('')
        self.check_kept(str(self.file))
        self.file.unlink()
        self.check_kept(str(self.file))
        policy.load()
        self.assertFalse(self.may())

    def test_file_of_others(self):
        """FA11: one that vanishes while it is read is no empty one."""
        inner = policy._stat

        def vanishing(path):
            found = inner(path)
            self.file.unlink(missing_ok=True)
            return found

        self.write('{}\n')
        with fixtures.MonkeyPatch('cloudmanager.common.policy._stat',
                                  vanishing):
            self.check_kept(str(self.file))

    def test_change_while_it_is_read(self):
        """FA11: half of a file is not put into force."""
        inner = policy._stat

        def written(path):
            found = inner(path)
            self.write(MEMBERS + '# more')
            return found

        self.write('{}\n')
        self.later()
        with fixtures.MonkeyPatch('cloudmanager.common.policy._stat',
                                  written):
            self.assertTrue(self.may())
        self.assertIn('change while', policy.problem())
        self.later()
        self.assertTrue(self.may())
        self.assertIsNone(policy.problem())

    def lines(self):
        return self.log.output.count('rules of before stay in force')

    def test_loudly(self):
        """FA11: the log says so at once, and again every minute."""
        self.write('[')
        self.assertEqual(0, self.lines())
        for _ in range(10):
            self.later()
            self.assertTrue(self.may())
        self.assertEqual(1, self.lines())
        self.clock.sleep(60)
        self.may()
        self.assertEqual(2, self.lines())
        self.write('"no:such:rule": "!"')
        self.later()
        self.may()
        self.assertEqual(3, self.lines())

    def test_nobody_waits(self):
        """FA11: while one thread reads, others go by the old rules."""
        self.write('{}\n')
        self.later()
        with policy._enforcer()._looking:
            self.assertTrue(self.may())
        self.assertFalse(self.may())
