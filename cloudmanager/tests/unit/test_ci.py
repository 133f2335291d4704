# SPDX-License-Identifier: Apache-2.0
"""What a CI run says at its end of the tests that failed."""

import pathlib
import subprocess
import sys

import fixtures

import cloudmanager
from cloudmanager.tests import base

TABLE = pathlib.Path(cloudmanager.__file__).parents[1] / '.ci' / 'table.py'
FAILED = '''\
{1} tests.test_a.ACase.test_bad [0.5s] ... FAILED

Captured log of conductor1:
~~~~~~~~~~~~~~~~~~~~~~~~~~~
    a line of the log

Captured traceback:
~~~~~~~~~~~~~~~~~~~
    Traceback (most recent call last):

      File "test_a.py", line 7, in test_bad
    self.assertEqual(1, 2)

    MismatchError: 1 != 2

{0} tests.test_a.ACase.test_good [0.1s] ... ok
{0} setUpClass (tests.test_a.BCase) [0.0s] ... FAILED

Captured traceback:
~~~~~~~~~~~~~~~~~~~
    AssertionError: not within 60 s: the cloud

==============================
Failed 2 tests - output below:
==============================

tests.test_a.ACase.test_bad
---------------------------

Captured traceback:
~~~~~~~~~~~~~~~~~~~
    MismatchError: 1 != 2
'''


class TableTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)

    def table(self, **steps):
        """Return what is printed of steps that failed, by their outputs."""
        for name, output in steps.items():
            (self.directory / f'{name}.log').write_text(output)
        (self.directory / 'steps').write_text(''.join(
            f'{name} 3 FAILED\n' for name in steps))
        return subprocess.run(
            [sys.executable, TABLE, self.directory], check=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            timeout=60).stdout

    def test_failures_come_with_their_tracebacks(self):
        found = self.table(tox=FAILED)
        self.assertIn('''\
tox FAILED: 2 tests
  tests.test_a.ACase.test_bad
        Traceback (most recent call last):
          File "test_a.py", line 7, in test_bad
        self.assertEqual(1, 2)
        MismatchError: 1 != 2
  setUpClass (tests.test_a.BCase)
        AssertionError: not within 60 s: the cloud
''', found)
        self.assertNotIn('a line of the log', found)

    def test_many_failures_are_counted(self):
        found = self.table(tox=''.join(
            f'{{0}} a.BCase.test_{number} [0.1s] ... FAILED\n'
            for number in range(25)))
        self.assertIn('tox FAILED: 25 tests\n  a.BCase.test_0\n', found)
        self.assertIn('  a.BCase.test_19\n  and 5 more\n', found)

    def test_long_traceback_is_cut(self):
        lines = [f'    line {number}' for number in range(20)]
        found = self.table(tox='\n'.join(
            ['{0} a.BCase.test_a [0.1s] ... FAILED', '',
             'Captured traceback:', '~~~~', *lines]))
        self.assertNotIn('line 4\n', found)
        self.assertIn('line 5\n', found)
        self.assertIn('line 19\n', found)

    def test_step_that_failed_without_a_test(self):
        self.assertIn(
            'quickstart FAILED: 0 tests\n    no memory\n    it ends\n',
            self.table(quickstart='no memory\n\nit ends\n'))
