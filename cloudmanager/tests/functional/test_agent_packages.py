# SPDX-License-Identifier: Apache-2.0
"""Upgrades by real package managers, from small local repositories."""

import shutil
import uuid

import fixtures

from cloudmanager.agent import modes  # noqa: F401  has operations
from cloudmanager.agent import operations
from cloudmanager.agent.drivers import packages
from cloudmanager.tests import base
from cloudmanager.tests import repositories


class PackagesCase(base.TestCase):
    """A node with version 1 of a package.

    :cvar manager: how packages are installed
    """

    manager = None

    def setUp(self):
        super().setUp()
        why = repositories.why_not(*self.manager.PROGRAMS)
        if why:
            self.skipTest(why)
        work = self.directory / 'packages'
        work.mkdir()
        self.packages = self.manager(work)
        bin_directory = self.directory / 'bin'
        bin_directory.mkdir()
        for name, text in self.packages.programs().items():
            (bin_directory / name).write_text(text)
            (bin_directory / name).chmod(0o755)
        # Only what belongs to this manager, so that the agent takes it.
        for name in ('sh', 'bash', 'env'):
            (bin_directory / name).symlink_to(shutil.which(name))
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', self.path(bin_directory)))
        self.config(group='agent', privileged='none', command_timeout=60,
                    jobs_path=str(self.directory / 'jobs'),
                    reboot_required_file=str(self.directory / 'reboot'))

    def path(self, own):
        return str(own)

    def ask(self, name, **arguments):
        answer = operations.carry_out(
            None, {'operation': f'packages.{name}', 'arguments': arguments})
        self.assertNotIn('error', answer)
        return answer['result']

    def upgrade(self):
        """Upgrade; return how it ended."""
        job = str(uuid.uuid4())
        self.ask('upgrade', job=job)
        base.wait_for(lambda: self.ask('status', job=job)['state']
                      != 'running', 100, 'the end of the upgrade')
        return self.ask('status', job=job)

    def changed(self):
        """Have somebody change the configuration of the package."""
        path = repositories.configuration(self.packages.root)
        path.write_text('mine')
        return path


class AptTestCase(PackagesCase):

    manager = repositories.Apt

    def path(self, own):
        return f'{own}:/usr/sbin:/usr/bin:/sbin:/bin'

    def test_upgrade(self):
        """The new version is there, and what somebody has changed stays."""
        self.packages.publish('2')
        path = self.changed()
        self.assertEqual('apt-get', packages.manager())
        self.assertEqual([], self.ask('plan')['packages'])
        repositories.run(str(self.directory / 'bin/apt-get'), 'update')
        self.assertEqual(['one'], self.ask('plan')['packages'])
        found = self.upgrade()
        self.assertEqual(('done', 0, False), (
            found['state'], found['code'], found['reboot_required']),
            found['output'])
        self.assertIn('Setting up one (2)', found['output'])
        self.assertEqual(('2', 'install ok installed'),
                         self.packages.version())
        self.assertEqual('mine', path.read_text())

    def test_no_repository(self):
        shutil.rmtree(self.packages.repository)
        found = self.upgrade()
        self.assertEqual('failed', found['state'])
        self.assertIn('File not found', found['output'])
        self.assertEqual('1', self.packages.version()[0])


class DnfTestCase(PackagesCase):

    manager = repositories.Dnf

    def test_upgrade(self):
        self.assertEqual('dnf', packages.manager())
        self.assertEqual([], self.ask('plan')['packages'])
        self.packages.publish('2')
        path = self.changed()
        found = self.upgrade()
        self.assertEqual(('done', 0), (found['state'], found['code']),
                         found['output'])
        self.assertEqual('2', self.packages.version(), found['output'])
        self.assertEqual('mine', path.read_text())
