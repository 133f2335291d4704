# SPDX-License-Identifier: Apache-2.0
"""The state of jobs whose processes are hard to see."""

import pathlib

import fixtures

from cloudmanager.agent.privileged import jobs
from cloudmanager.tests import base
from cloudmanager.tests import clocks

JOB = '7c8fbc6c-468d-4afb-a292-e70a3d475edc'


class StatusTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        parent = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.directory = parent / JOB
        self.directory.mkdir()
        self.config(group='agent', jobs_path=str(parent))
        self.clock = clocks.simulate(self)

    def states(self, *alive):
        """Return the state while its process is seen like that in turn."""
        seen = list(alive)
        self.useFixture(fixtures.MonkeyPatch(
            'cloudmanager.agent.privileged.jobs._is_alive',
            lambda directory: seen.pop(0)))
        found = jobs.status(JOB)
        self.assertEqual([], seen)
        return found['state']

    def test_started_at_this_instant(self):
        """Its process has no words in /proc yet."""
        self.assertEqual('running', self.states(False, True))

    def test_lost(self):
        self.assertEqual('lost', self.states(False, False))

    def test_running(self):
        self.assertEqual('running', self.states(True))

    def test_ended(self):
        for code, state in ((0, 'done'), (100, 'failed')):
            (self.directory / 'outcome').write_text(f'{{"code": {code}}}')
            self.assertEqual(state, self.states(False))

    def test_credentials(self):
        """Nothing of a password is told, whatever characters it has."""
        (self.directory / 'output').write_text(
            'Get:1 http://me:p@ss:w@rd@repo.example/x/a@b.deb 1 kB\n')
        self.assertEqual(
            'Get:1 http://***@repo.example/x/a@b.deb 1 kB\n',
            jobs._tail(self.directory))
