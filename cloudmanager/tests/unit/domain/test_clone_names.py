# SPDX-License-Identifier: Apache-2.0
import testtools

from cloudmanager.domain import clone_names


class CloneNamesTestCase(testtools.TestCase):

    def make(self, pattern=clone_names.DEFAULT, name='web', count=1,
             taken=()):
        return clone_names.make(pattern, name, count, set(taken))

    def test_default(self):
        self.assertEqual(['web-clone-1', 'web-clone-2'], self.make(count=2))

    def test_taken(self):
        self.assertEqual(['web-clone-2', 'web-clone-4'], self.make(
            count=2, taken=('web-clone-1', 'web-clone-3')))

    def test_pattern(self):
        self.assertEqual(['db 1 of web', 'db 2 of web'], self.make(
            'db {number} of {name}', count=2))
        self.assertEqual(['fixed'], self.make('fixed', taken=('fixed',)))

    def test_names_are_no_patterns(self):
        """What a tenant calls a server is not looked into."""
        self.assertEqual(['{number}-{name}-1'], self.make(
            '{name}-{number}', name='{number}-{name}'))
        self.assertEqual(['{0.__class__}-clone-1'], self.make(
            name='{0.__class__}'))

    def test_long_names(self):
        (made,) = self.make(name='x' * 255)
        self.assertEqual(255, len(made))
        self.assertTrue(made.endswith('x-clone-1'))
        found = self.make(name='y' * 255, count=12)
        self.assertEqual(12, len(set(found)))
        self.assertTrue(all(len(name) <= 255 for name in found))

    def test_cut_at_a_space(self):
        name = 'x' * 246 + ' ' + 'y' * 8
        (made,) = self.make(name=name)
        self.assertEqual('x' * 246 + '-clone-1', made)

    def test_check(self):
        for pattern in (clone_names.DEFAULT, 'a', '{number}', '{name}',
                        'ä {number}', 'x' * 200 + '{number}'):
            self.assertEqual(pattern, clone_names.check(pattern))
        for pattern in ('{', '}', '{}', '{x}', '{name.__class__}',
                        '{name!r}', '{number:>999999}', '{{name}}',
                        ' a', 'a ', 'a\n{number}', 'a\x00', 'x' * 256,
                        'x' * 250 + '{number}'):
            self.assertRaises(ValueError, clone_names.check, pattern)

    def test_tells_apart(self):
        self.assertTrue(clone_names.tells_apart('a{number}'))
        self.assertFalse(clone_names.tells_apart('{name}'))
