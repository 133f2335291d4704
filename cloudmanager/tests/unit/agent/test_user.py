# SPDX-License-Identifier: Apache-2.0
"""An agent that goes on as another user than root."""

import os
import subprocess
import sys

from cloudmanager.tests import base

USER = 'nobody'
PROGRAM = f"""
import os, pathlib
from cloudmanager import conf
from cloudmanager.agent import store
from cloudmanager.agent.privileged import contexts
conf.CONF([], project='x', default_config_files=[])
conf.CONF.set_override('state_path', os.environ['STATE_PATH'])
contexts._become('{USER}')
assert os.geteuid() != 0
found = store.Store(pathlib.Path(conf.CONF.state_path) / 'agent')
found.begin_life(1)
print(found.generation)
"""


class UserTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('only root can become another user')
        # As the directory of systemd's StateDirectory: root's, and everybody
        # gets through.
        for path in (self.directory, self.directory.parent):
            path.chmod(path.stat().st_mode | 0o055)
        self.agent = self.directory / 'agent'

    def generation(self):
        """Return the generation that a new process finds as that user."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, '-c', PROGRAM], check=False,
            capture_output=True, text=True,
            env={**os.environ, 'STATE_PATH': str(self.directory)})
        self.assertEqual(0, done.returncode, done.stderr)
        return int(done.stdout)

    def test_new(self):
        """The directory of a new node is root's."""
        self.assertEqual(0, self.generation())
        self.assertNotEqual(0, self.agent.stat().st_uid)
        self.assertEqual(0o700, self.agent.stat().st_mode & 0o777)

    def test_ran_as_root(self):
        """What the agent has written as root stays known."""
        self.agent.mkdir(mode=0o700)
        (self.agent / 'desired.json').write_text(
            '{"generation": 7, "settings": {}, "storages": [], "life": 1}')
        (self.agent / 'desired.json').chmod(0o600)
        other = self.directory / 'other'
        other.write_text('x')
        (self.agent / 'link').symlink_to(other)
        self.assertEqual(7, self.generation())
        self.assertEqual(0, other.stat().st_uid)

    def test_files_of_others(self):
        """A user who has the directory does not get files by links."""
        self.assertEqual(0, self.generation())
        other = self.directory / 'other'
        other.write_text('x')
        (self.agent / 'link').hardlink_to(other)
        self.assertEqual(0, self.generation())
        self.assertEqual(0, other.stat().st_uid)
