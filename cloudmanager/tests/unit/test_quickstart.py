# SPDX-License-Identifier: Apache-2.0
"""The first steps of a newcomer: what is installed, and how it is ended."""

import fcntl
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
from unittest import mock

from packaging import requirements
from testtools import matchers

import cloudmanager
from cloudmanager.tests import base

ROOT = pathlib.Path(cloudmanager.__file__).parents[1]
TOOLS = ROOT / 'tools'
LOCK = TOOLS / 'minicloudlib' / 'requirements.lock'
SECONDS = 60

sys.path.insert(0, str(TOOLS))

from minicloudlib import errors  # noqa: E402  it is beside the tools
from minicloudlib import packages  # noqa: E402
from minicloudlib import settings  # noqa: E402
from quickstartlib import prepare  # noqa: E402


def _locked():
    """Return what the lock file requires, with the hashes of each."""
    text = re.sub('^#.*\n', '', LOCK.read_text(), flags=re.M)
    for line in text.replace('\\\n', ' ').splitlines():
        wanted, *hashes = line.split('--hash=sha256:')
        yield requirements.Requirement(wanted), hashes


class LockTestCase(base.TestCase):

    def test_exact(self):
        for requirement, hashes in _locked():
            specifier, = requirement.specifier
            self.assertEqual('==', specifier.operator)
            self.assertNotEqual([], hashes, requirement.name)

    def test_every_python(self):
        """WebOb needs a module that Python has no more since 3.13.

        What is required on some versions only is not left out because the
        file was made on another one.
        """
        needed = {requirement.name: requirement.marker
                  for requirement, _ in _locked()}
        for version, there in (('3.11.2', False), ('3.12.3', False),
                               ('3.13.5', True)):
            self.assertEqual(there, needed['legacy-cgi'].evaluate(
                {'python_full_version': version}))
        self.assertTrue(needed['async-timeout'].evaluate(
            {'python_full_version': '3.11.2'}))


class InterruptTestCase(base.TestCase):
    """A program that has taken note of signals, and is sent one."""

    def start(self, text):
        """Run the text; it prints a line when it may be interrupted."""
        directory = pathlib.Path(self.useFixture(
            base.fixtures.TempDir()).path)
        process = subprocess.Popen(
            [sys.executable, '-c', textwrap.dedent('''\
                import pathlib, sys
                from minicloudlib import commands, errors, interrupts
                interrupts.heed()
                here = pathlib.Path(sys.argv[1])
                def run(text, **options):
                    commands.run(['sh', '-c', text], here / 'log', **options)
                try:
                ''') + textwrap.indent(textwrap.dedent(text), '    ')
             + '\nexcept errors.MinicloudError as exc:\n'
               '    print(exc, flush=True)\n    sys.exit(exc.code)\n',
             str(directory)], env={**os.environ, 'PYTHONPATH': str(TOOLS)},
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return directory, process

    def wait_for(self, pipe):
        """Return what the program in the program writes."""
        with pipe.open() as stream:
            return stream.readline().strip()

    def test_programs_end(self):
        """All of a program ends, and the exit code is that of Ctrl-C."""
        directory, process = self.start('''\
            import os
            os.mkfifo(here / 'pipe')
            print(flush=True)
            run(f'sleep 600 & echo $! > {here}/pipe; wait')
            ''')
        process.stdout.readline()
        sleeping = int(self.wait_for(directory / 'pipe'))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(('Interrupted.\n', None),
                         process.communicate(timeout=SECONDS))
        self.assertEqual(130, process.returncode)
        try:
            state = pathlib.Path(f'/proc/{sleeping}/stat').read_text()
        except FileNotFoundError:
            return
        self.assertEqual('Z', state.rpartition(') ')[2][0])

    def test_what_is_not_left_half_done(self):
        """Ctrl-C of a terminal reaches the whole group of processes."""
        directory, process = self.start('''\
            import os
            os.setsid()
            os.mkfifo(here / 'pipe')
            os.mkfifo(here / 'go')
            print(flush=True)
            run(f'echo > {here}/pipe; read _ < {here}/go; '
                f'echo > {here}/done', whole=True)
            run(f'echo > {here}/next', whole=True)
            ''')
        process.stdout.readline()
        self.wait_for(directory / 'pipe')
        os.killpg(process.pid, signal.SIGINT)
        (directory / 'go').write_text('\n')
        self.assertEqual(('Interrupted.\n', None),
                         process.communicate(timeout=SECONDS))
        self.assertEqual(130, process.returncode)
        self.assertTrue((directory / 'done').exists())
        self.assertFalse((directory / 'next').exists())


class WaitTestCase(base.TestCase):

    def test_says_for_whom(self):
        path = pathlib.Path(self.useFixture(
            base.fixtures.TempDir()).path) / 'lock'
        with path.open('w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write('1234\n')
            lock.flush()
            process = subprocess.Popen(
                [sys.executable, '-c',
                 'import pathlib, sys; from minicloudlib import locks\n'
                 'with locks.locked(pathlib.Path(sys.argv[1]), "tests"):\n'
                 '    print("it is mine", flush=True)', str(path)],
                env={**os.environ, 'PYTHONPATH': str(TOOLS)},
                stdout=subprocess.PIPE, text=True)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.kill)
            self.assertIn('waiting for process 1234, which tests',
                          process.stdout.readline())
        self.assertEqual('it is mine\n', process.stdout.readline())
        self.assertEqual(0, process.wait(SECONDS))
        self.assertEqual(f'{process.pid}\n', path.read_text())


class QuickstartTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(
            base.fixtures.TempDir()).path)

    def quickstart(self, *words):
        """Run it where it has not run before."""
        return subprocess.run(
            [TOOLS / 'quickstart.sh', *words], capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=SECONDS,
            env={**os.environ, 'QUICKSTART_DIR': str(self.directory)})

    def test_stop_installs_nothing(self):
        done = self.quickstart('--stop')
        self.assertEqual((0, '==> nothing was started\n', ''),
                         (done.returncode, done.stdout, done.stderr))
        self.assertEqual(['lock'], os.listdir(self.directory))

    def test_one_at_a_time(self):
        with (self.directory / 'lock').open('w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write('1234\n')
            lock.flush()
            done = self.quickstart('--no-cloud')
        self.assertEqual(
            (1, 'quickstart: process 1234 runs the quickstart already\n'),
            (done.returncode, done.stderr))

    def needs_root(self, missing, servers):
        """Prepare as a user without sudo; return what is said."""
        wanted = mock.Mock(side_effect=AssertionError)
        with (mock.patch('os.geteuid', return_value=1000),
              mock.patch('shutil.which', return_value=None),
              mock.patch('minicloudlib.packages.missing',
                         return_value=missing),
              mock.patch('minicloudlib.backing.missing',
                         return_value=servers),
              mock.patch('minicloudlib.commands.run', wanted)):
            found = self.assertRaises(
                errors.MinicloudError, prepare.prepare, self.directory,
                cloud=True)
        return str(found)

    def test_without_root(self):
        """All that root has to do is said at once, before anything is done."""
        said = self.needs_root(['mariadb-server', 'qemu-utils'], ['MariaDB'])
        self.assertIn('apt-get install --no-install-recommends '
                      'mariadb-server openipmi qemu-utils', said)

    def test_without_root_to_start_servers(self):
        with mock.patch('quickstartlib.prepare._missing', return_value=[]):
            said = self.needs_root([], ['MariaDB', 'RabbitMQ'])
        self.assertIn(prepare.START_SERVERS, said)

    def test_no_index(self):
        """A failed installation says what may be the reason."""
        self.useFixture(base.fixtures.MockPatch(
            'minicloudlib.packages.INSTALLER', '--no-such-option'))
        found = self.assertRaises(
            errors.MinicloudError, prepare.prepare, self.directory,
            cloud=False)
        self.assertThat(str(found), matchers.EndsWith(
            'failed with code 2. Is a package index reachable?'))
        self.assertIn('no such option', found.log.read_text())
        self.assertFalse((self.directory / 'venv' / 'made-of').exists())

    def test_half_done_environment(self):
        """What an interrupt left is made anew; a complete one is kept."""
        said = settings.Settings.from_environment(
            {'MINICLOUD_DIR': str(self.directory)})
        lines = []

        def run(argv, log, **options):
            lines.append(argv)
            if len(lines) == 2:
                raise errors.MinicloudError('ended')

        self.useFixture(base.fixtures.MockPatch(
            'minicloudlib.commands.run', run))
        self.useFixture(base.fixtures.MockPatch(
            'minicloudlib.packages.missing', return_value=[]))
        self.assertRaises(errors.MinicloudError, packages.ensure, said)
        said.venv.mkdir()
        packages.ensure(said)
        packages.ensure(said)
        self.assertEqual([False, True], [
            '--clear' in argv for argv in lines if 'venv' in argv])
        self.assertEqual(5, len(lines))
