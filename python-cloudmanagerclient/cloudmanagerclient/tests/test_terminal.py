# SPDX-License-Identifier: Apache-2.0
"""The program openstack at a real terminal, and its completion."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import termios
import time

from cloudmanagerclient.tests import base

SECONDS = 120
CTRL_C = '\x03'
QUESTION = 'or go on following (Enter)? '


class Session:
    """A program at a pseudo-terminal, at which the test types.

    :param arguments: of ``openstack``
    """

    def __init__(self, arguments):
        self._own, other = pty.openpty()
        # 40 lines of 120 characters.
        termios.tcsetwinsize(other, (40, 120))
        self._told, self._seen = '', 0
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'openstackclient.shell', *arguments],
            stdin=other, stdout=other, stderr=other, start_new_session=True,
            env={**os.environ, 'TERM': 'xterm', 'LANG': 'C.UTF-8'},
            preexec_fn=self._take_terminal)
        os.close(other)

    @staticmethod
    def _take_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # What a shell runs in the background ignores Ctrl-C, and so would
        # the command.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _read(self, deadline):
        if time.monotonic() > deadline:
            raise AssertionError(f'nothing more was told: {self._told}')
        if not select.select([self._own], [], [], 0.5)[0]:
            return True
        # It says so when nobody has the terminal open any more.
        with contextlib.suppress(OSError):
            found = os.read(self._own, 65536)
            self._told += found.decode(errors='replace')
            return bool(found)
        return False

    def wait_for(self, pattern):
        """Wait until something is told that was not when last asked."""
        deadline = time.monotonic() + SECONDS
        while not (found := re.compile(pattern).search(self._told,
                                                       self._seen)):
            if not self._read(deadline):
                raise AssertionError(f'no {pattern}: {self._told}')
        self._seen = found.end()

    def type(self, text):
        os.write(self._own, text.encode())

    def end(self):
        """Return the exit code, and all that was told."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline):
            pass
        os.close(self._own)
        return self._process.wait(SECONDS), self._told

    def kill(self):
        self._process.kill()
        self._process.wait()


class TerminalTestCase(base.ClientCase):
    """Switching two nodes off softly, which takes as long as it may."""

    def begin(self, *more):
        nodes = [self.powered().name for _ in range(2)]
        session = Session([
            '--os-auth-type', 'none', '--os-endpoint', self.service.url,
            'cloudmanager', 'node', 'power', 'off', *nodes, '--type', 'soft',
            '--soft-timeout', '60', '--wait', *more])
        self.addCleanup(session.kill)
        return session, nodes

    def task(self, node):
        """Return the task that acted on a node last."""
        return next(self.client.tasks(
            node_id=self.client.get_node(node).id))

    def test_confirmation_and_cancel(self):
        """A line for each node, and Ctrl-C asks; the code is that of it."""
        session, nodes = self.begin()
        session.wait_for('To switch off .*\r\nType the names to go on: ')
        session.type(' '.join(nodes) + '\n')
        # The bar, and below it a line for each.
        session.wait_for(r'━')
        for name in nodes:
            session.wait_for(f'{name} .*RUNNING')
        session.type(CTRL_C)
        session.wait_for(re.escape(QUESTION))
        session.type('c\n')
        session.wait_for('It begins nothing more')
        code, told = session.end()
        self.assertNotIn('Traceback', told)
        status = self.task(nodes[0]).status
        self.assertEqual('REVOKED', status)
        self.assertEqual(3, code, told)

    def test_second_interrupt_leaves(self):
        session, nodes = self.begin('--yes')
        session.wait_for('RUNNING')
        session.type(CTRL_C)
        session.wait_for(re.escape(QUESTION))
        session.type(CTRL_C)
        session.wait_for('goes on. Follow it')
        code, told = session.end()
        self.assertEqual(130, code, told)
        self.assertNotIn('Traceback', told)
        task = self.task(nodes[0])
        self.assertIn(task.id, told)
        self.assertFalse(task.has_ended)
        self.assertIsNone(task.cancel)
        self.client.cancel_task(task)

    def test_go_on(self):
        """After Enter the picture goes on until the end."""
        session, nodes = self.begin('--yes', '-f', 'value', '-c', 'status')
        session.wait_for('RUNNING')
        session.type(CTRL_C)
        session.wait_for(re.escape(QUESTION))
        session.type('\n')
        session.wait_for('RUNNING')
        self.client.cancel_task(self.task(nodes[0]))
        code, told = session.end()
        self.assertEqual(3, code, told)
        self.assertIn('REVOKED', told.splitlines()[-1])

    def test_interrupt_at_confirmation(self):
        session, nodes = self.begin()
        session.wait_for('to go on: ')
        session.type(CTRL_C)
        session.wait_for('nothing was done')
        code, told = session.end()
        self.assertEqual(1, code)
        self.assertNotIn('Traceback', told)
        self.assertEqual([], list(self.client.node_power_actions(nodes[0])))

    def test_no_terminal(self):
        """Without a terminal there are plain lines, and the result."""
        node = self.powered().name
        done = subprocess.run(
            [sys.executable, '-m', 'openstackclient.shell', '--os-auth-type',
             'none', '--os-endpoint', self.service.url, 'cloudmanager',
             'node', 'power', 'off', node, '--type', 'hard', '--wait',
             '--yes', '-f', 'json'], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=SECONDS)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual('SUCCESS', json.loads(done.stdout)['status'])
        self.assertIn('SUCCESS', done.stderr)
        for sign in ('\x1b', '━'):
            self.assertNotIn(sign, done.stderr)


class CompletionTestCase(base.ClientCase):
    """What ``openstack complete`` writes, in a shell that completes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.script = subprocess.run(
            [sys.executable, '-m', 'openstackclient.shell', 'complete',
             '--name', 'openstack'],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=True, timeout=SECONDS).stdout

    def completed(self, line):
        """Return what the shell offers for the last word of a line."""
        words = line.split(' ')
        # The function of the package bash-completion that splits the line.
        split = ('_get_comp_words_by_ref() { '
                 f'words=({shlex.join(words)}); cur={shlex.quote(words[-1])}'
                 '; }')
        done = subprocess.run(
            ['bash'], input=f'{split}\n{self.script}\n_openstack\n'
                            'printf "%s\\n" "${COMPREPLY[@]}"',
            capture_output=True, text=True, check=True, timeout=SECONDS)
        return set(done.stdout.split())

    def test_words(self):
        for words in base.commands():
            parts = words.split()
            self.assertIn(parts[-1], self.completed(' '.join(
                ['openstack', 'cloudmanager', *parts[:-1], ''])), words)

    def test_options(self):
        for line, options in (
                ('host shutdown', {'--dry-run', '--wait', '--yes',
                                   '--allow-evacuate'}),
                ('node list', {'--condition', '--class', '--sort', '--long'}),
                ('audit apply', {'--server', '--force', '--yes'})):
            self.assertEqual(set(), options - self.completed(
                f'openstack cloudmanager {line} --'))
        self.assertEqual({'--dry-run'}, self.completed(
            'openstack cloudmanager host restart --dry'))
