# SPDX-License-Identifier: Apache-2.0
"""The virtual controller that nova-compute of a node serves."""

import fixtures

from cloudmanager.agent import guests
from cloudmanager.agent import privileged
from cloudmanager.agent import store
from cloudmanager.agent.drivers import controllers
from cloudmanager.common import exception
from cloudmanager.domain import guest_states
from cloudmanager.tests import base

FIRST = '2eec580b-12f8-4518-bf79-3dc5529617da'
SECOND = '7c8fbc6c-468d-4afb-a292-e70a3d475edc'
NONE = '00000000-468d-4afb-a292-e70a3d475edc'


class ControllerTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        options = self.directory / 'controllers'
        options.mkdir()
        for controller in (FIRST, SECOND):
            (options / f'{controller}.conf').write_text('[DEFAULT]\n')
        self.file = self.directory / 'nova.d' / '95-controller.conf'
        self.config(group='agent', privileged='none',
                    controllers_path=str(options),
                    controller_drop_in=str(self.file))
        self.restarts, self.guests = [], []
        self.patch('cloudmanager.agent.drivers.units.restart',
                   self.restarts.append)
        self.patch('cloudmanager.agent.guests.read', lambda: self.guests)
        self.store = store.Store(self.directory / 'agent')
        self.driver = controllers.Controller(self.store)

    def patch(self, name, value):
        self.useFixture(fixtures.MonkeyPatch(name, value))

    def test_life(self):
        self.assertIsNone(self.driver.read())
        for value in (FIRST, SECOND, None):
            steps = self.driver.plan(value)
            self.assertEqual(2, len(steps))
            self.driver.apply(value)
            self.driver.apply(value)
            self.assertEqual(value, self.driver.read())
            self.assertEqual([], self.driver.plan(value))
        self.assertEqual(['nova-compute.service'] * 3, self.restarts)
        self.assertEqual([], list(self.file.parent.iterdir()))

    def test_nova_reads_the_operators_file(self):
        self.driver.apply(FIRST)
        self.assertEqual('[DEFAULT]\n', self.file.read_text())

    def test_restart_after_a_crash(self):
        """The restart that is due comes, though the link is there."""
        def fail(unit):
            raise exception.CommandFailed(program='systemctl', reason='x')

        self.patch('cloudmanager.agent.drivers.units.restart', fail)
        self.assertRaises(exception.CommandFailed, self.driver.apply, FIRST)
        self.assertFalse(self.driver.is_settled())
        self.patch('cloudmanager.agent.drivers.units.restart',
                   self.restarts.append)
        self.driver.apply(FIRST)
        self.assertTrue(self.driver.is_settled())
        self.assertEqual(['nova-compute.service'], self.restarts)

    def test_guests(self):
        """No cloud loses one: neither the one that is left nor the other.
        """
        self.driver.apply(FIRST)
        self.guests = [guests.Guest('id', 'instance-1', guest_states.RUNNING)]
        for call in (self.driver.plan, self.driver.apply):
            for value in (SECOND, None):
                error = self.assertRaises(exception.Conflict, call, value)
                self.assertIn('instance-1', str(error))
        self.assertEqual(FIRST, self.driver.read())
        self.driver.apply(FIRST)
        self.guests = []
        self.driver.apply(None)

    def test_libvirt_does_not_answer(self):
        """It may have guests all the same, which run on without it."""
        def fail():
            raise exception.CommandFailed(program='virsh', reason='it hangs')

        self.patch('cloudmanager.agent.guests.read', fail)
        for call in (self.driver.plan, self.driver.apply):
            error = self.assertRaises(exception.Conflict, call, FIRST)
            self.assertIn('it hangs', str(error))
        self.assertIsNone(self.driver.read())
        self.config(group='agent', libvirt_uri='')
        self.driver.apply(FIRST)

    def test_no_options(self):
        error = self.assertRaises(exception.Conflict, self.driver.plan, NONE)
        self.assertIn(f'{NONE}.conf', str(error))
        self.assertRaises(exception.Conflict, self.driver.apply, NONE)
        self.assertEqual([], self.restarts)

    def test_files_of_others(self):
        self.file.parent.mkdir()
        for make in (lambda: self.file.write_text('x'),
                     lambda: self.file.symlink_to('/etc/passwd'),
                     lambda: self.file.symlink_to(f'/tmp/{FIRST}.conf'),
                     self.file.mkdir):
            make()
            for call in (self.driver.read, lambda: self.driver.apply(FIRST),
                         lambda: privileged.call('controllers', 'remove')):
                self.assertRaises(exception.Conflict, call)
            self.file.rmdir() if self.file.is_dir() else self.file.unlink()

    def test_hostile(self):
        for value in ('../../etc/nova/nova', '/etc/passwd', '', 'x',
                      f'{FIRST}\n', FIRST.upper()):
            for name in ('check', 'use'):
                self.assertRaises(exception.Invalid, privileged.call,
                                  'controllers', name, value)
