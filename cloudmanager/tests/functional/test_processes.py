# SPDX-License-Identifier: Apache-2.0
"""The API as a process: under a WSGI server, and by itself."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import cloudmanager
from cloudmanager.common import secrets
from cloudmanager.db import migration
from cloudmanager.tests import base

ROOT = pathlib.Path(cloudmanager.__file__).parents[1]
IMPORT = """
import sys
sys.argv = ['uwsgi', '--no-such-option']
from cloudmanager.wsgi import api
import webob
from oslo_service import backend
assert not {'alembic', 'eventlet.patcher'} & set(sys.modules)
assert backend.get_backend_type() is backend.BackendType.THREADING
for path in ('/healthcheck', '/v1/', '/v1/nodes/', '/v1/nope'):
    answer = webob.Request.blank(path).get_response(api.application)
    print(answer.status_int)
"""


class ProcessCase(base.DbTestCase):

    def setUp(self):
        super().setUp()
        with socket.socket() as found:
            found.bind(('127.0.0.1', 0))
            self.port = found.getsockname()[1]
        self.file = self.directory / 'cloudmanager.conf'
        self.file.write_text(f"""
[DEFAULT]
state_path = {self.directory}
transport_url = fake://
[api]
auth_strategy = noauth
port = {self.port}
[database]
connection = {self.url}
""")


class WsgiTestCase(ProcessCase):

    def test_application(self):
        """The options come from files alone, never from the arguments."""
        done = subprocess.run(
            [sys.executable, '-c', IMPORT], cwd=ROOT, timeout=60,
            capture_output=True, text=True, check=False,
            env={**os.environ,
                 'OS_CLOUDMANAGER_CONFIG_FILES': str(self.file)})
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(['200', '200', '200', '404'], done.stdout.split())


class ProgramTestCase(ProcessCase):

    def test_until_sigterm(self):
        with (self.directory / 'log').open('wb') as log:
            process = subprocess.Popen(
                [sys.executable, '-m', 'cloudmanager.cmd.api',
                 '--config-file', str(self.file)], cwd=ROOT, stderr=log,
                stdout=log)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.kill)
        base.wait_for(lambda: self.answers(process), 60, 'the API')
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertTrue(self.answers(process))
        process.terminate()
        self.assertEqual(0, process.wait(10), self.log())
        self.assertNotIn('Traceback', self.log())

    def log(self):
        return (self.directory / 'log').read_text()

    def answers(self, process):
        self.assertIsNone(process.poll(), self.log())
        try:
            with urllib.request.urlopen(
                    f'http://127.0.0.1:{self.port}/v1/nodes/',
                    timeout=5) as answer:
                return answer.status == 200
        except urllib.error.URLError:
            return False

    def test_policy_that_cannot_be_used(self):
        """FA11: it does not start, and says which file and rule."""
        rules = self.directory / 'policy.yaml'
        rules.write_text('"cloudmanager:nodes:lst": "role:member"')
        with self.file.open('a') as stream:
            stream.write(f'[oslo_policy]\npolicy_file = {rules}\n')
        self.check_refused('api', str(rules), 'cloudmanager:nodes:lst')

    def check_refused(self, name, *words):
        done = subprocess.run(
            [sys.executable, '-m', f'cloudmanager.cmd.{name}',
             '--config-file', str(self.file)], cwd=ROOT, timeout=60,
            capture_output=True, text=True, check=False)
        self.assertEqual(1, done.returncode)
        for word in ('Not started', *words):
            self.assertIn(word, done.stderr)
        self.assertNotIn('Traceback', done.stderr + done.stdout)

    def test_keys_that_are_open(self):
        """FA16: neither program starts, and both say which file."""
        path = secrets.create_key()
        path.chmod(0o644)
        for name in ('api', 'conductor'):
            self.check_refused(name, str(path), '0600')


class InstalledTestCase(ProcessCase):
    """Programs as they are installed, with a file of options."""

    def run_program(self, name, *arguments):
        return subprocess.run(
            [str(pathlib.Path(sys.executable).parent / name),
             '--config-file', str(self.file), *arguments],
            cwd=self.directory, timeout=60, capture_output=True, text=True,
            check=False)

    def test_status(self):
        """The database that the file names is checked (FA1)."""
        secrets.create_key()
        done = self.run_program('cloudmanager-status', 'upgrade', 'check')
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn('Success', done.stdout)
        self.assertNotIn('Failure', done.stdout)

    def test_status_of_an_empty_database(self):
        """Another one than that of the test case is named (FA1)."""
        secrets.create_key()
        empty = self.directory / 'other.sqlite'
        self.file.write_text(self.file.read_text().replace(
            self.url, f'sqlite:///{empty}'))
        done = self.run_program('cloudmanager-status', 'upgrade', 'check')
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        self.assertIn('db upgrade', done.stdout)

    def test_manage(self):
        done = self.run_program('cloudmanager-manage', 'db', 'version')
        self.assertEqual((0, migration.head()),
                         (done.returncode, done.stdout.strip()), done.stderr)
