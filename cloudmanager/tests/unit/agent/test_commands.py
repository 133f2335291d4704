# SPDX-License-Identifier: Apache-2.0
"""Programs that the agent runs."""

import contextlib
import os
import pathlib
import time

import fixtures

from cloudmanager.agent import commands
from cloudmanager.agent.privileged import programs
from cloudmanager.common import exception
from cloudmanager.tests import base


class CommandsTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.config(group='agent', privileged='none', command_timeout=20)
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', f'{self.directory}:{os.environ["PATH"]}'))

    def program(self, text, name='virsh'):
        path = self.directory / name
        path.write_text(f'#!/bin/sh\n{text}\n')
        path.chmod(0o755)

    def test_outputs(self):
        self.program('echo out; echo err >&2')
        self.assertEqual(commands.Result(0, 'out\n', 'err\n'),
                         commands.run('virsh'))

    def test_words_reach_no_shell(self):
        self.program('printf "%s|" "$@"')
        words = ('$(touch x)', '; rm -rf /', '`id`', "a'b", 'a "b"', '*',
                 'ä', '', '--help')
        self.assertEqual('|'.join(words) + '|',
                         commands.run('virsh', *words).out)
        self.assertEqual(['virsh'], os.listdir(self.directory))

    def test_environment(self):
        """Nothing of ours gets through, and programs speak English."""
        self.useFixture(fixtures.EnvironmentVariable('SECRET', 'S3cret'))
        self.useFixture(fixtures.EnvironmentVariable('LC_ALL', 'de_DE'))
        self.program('env')
        found = commands.run('virsh').out
        self.assertNotIn('S3cret', found)
        self.assertIn('LC_ALL=C\n', found)

    def test_hostile_words(self):
        self.program('true')
        for words in ((), ('virsh', 'a\nb'), ('virsh', 'a\0b'),
                      ('virsh', 'a\x1b[m'), ('virsh', 'x' * 5000),
                      ('virsh', 7), ('virsh', *['x'] * 300)):
            self.assertRaises(exception.Invalid, commands.run, *words)

    def test_only_programs_of_the_list(self):
        self.program('true', 'sh')
        for name in ('sh', '/bin/sh', '../virsh', './virsh', 'rm', 'python3'):
            self.assertRaises(exception.CommandFailed, commands.run, name)

    def test_missing(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', str(self.directory)))
        error = self.assertRaises(exception.CommandFailed, commands.run,
                                  'virsh')
        self.assertIn('not installed', str(error))

    def test_not_a_program(self):
        (self.directory / 'virsh').write_text('\0\1')
        (self.directory / 'virsh').chmod(0o755)
        self.assertRaises(exception.CommandFailed, commands.run, 'virsh')

    def test_codes(self):
        self.program('echo "it broke" >&2; exit 3')
        error = self.assertRaises(exception.CommandFailed, commands.run,
                                  'virsh')
        self.assertIn('status 3: it broke', str(error))
        self.assertEqual(3, commands.run('virsh', codes=None).code)
        self.assertEqual(3, commands.run('virsh', codes=(0, 3)).code)

    def test_timeout_ends_all_of_it(self):
        """What the program has started ends with it."""
        self.program(f'sleep 60 & echo $! > {self.directory}/child; wait')
        begun = time.monotonic()
        error = self.assertRaises(exception.CommandFailed, commands.run,
                                  'virsh', timeout=0.5)
        self.assertLess(time.monotonic() - begun, 10)
        self.assertIn('within 0.5 s', str(error))
        child = int((self.directory / 'child').read_text())
        base.wait_for(lambda: not _runs(child), what='the end of the child')

    def test_cannot_be_ended(self):
        """It is left to itself, and not run again until it has ended."""
        self.useFixture(fixtures.MonkeyPatch('os.killpg', lambda *_: None))
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.privileged.programs._END_SECONDS', 0.1))
        self.program(f'echo $$ > {self.directory}/child; exec sleep 60')
        error = self.assertRaises(exception.CommandFailed, commands.run,
                                  'virsh', timeout=0.5)
        self.assertIn('within 0.5 s', str(error))
        child = int((self.directory / 'child').read_text())
        self.addCleanup(_end, child)
        self.assertTrue(_runs(child))
        self.program('echo again')
        error = self.assertRaises(exception.CommandFailed, commands.run,
                                  'virsh')
        self.assertIn(f'process {child},', str(error))
        self.program('echo another', 'lsblk')
        self.assertEqual('another\n', commands.run('lsblk').out)
        _end(child)
        base.wait_for(lambda: not _runs(child), what='its end')
        self.assertEqual('again\n', commands.run('virsh').out)

    def test_daemon_left_behind(self):
        """A program whose child keeps the outputs open ends all the same."""
        self.program(f'sleep 20 & echo $! > {self.directory}/child')
        begun = time.monotonic()
        self.assertEqual(0, commands.run('virsh').code)
        self.assertLess(time.monotonic() - begun, 10)
        os.kill(int((self.directory / 'child').read_text()), 9)

    def test_much_output(self):
        """It is read to its end, so that nothing blocks, and cut."""
        size = programs.MAX_OUTPUT
        self.program(f'head -c {3 * size} /dev/zero; echo end >&2')
        found = commands.run('virsh')
        self.assertEqual((size, True, 'end\n'),
                         (len(found.out), found.is_cut, found.error))

    def test_no_input(self):
        self.program('cat; echo end')
        self.assertEqual('end\n', commands.run('virsh').out)


def _end(process):
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 9)


def _runs(process):
    try:
        stat = pathlib.Path(f'/proc/{process}/stat').read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(')')[2].split()[0] != 'Z'
