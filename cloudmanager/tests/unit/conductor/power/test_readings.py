# SPDX-License-Identifier: Apache-2.0
"""Looks at devices: what went wrong, and when to look again."""

import datetime

import fixtures

from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.conductor.power import readings
from cloudmanager.power import base as power_base
from cloudmanager.power import exceptions as power_exc
from cloudmanager.power import registry
from cloudmanager.tests import base

PASSWORD = 'S3cret-Of-The-BMC'
NOW = datetime.datetime(2026, 1, 1, 12)


class Device(power_base.PowerDriver):
    """Answers what it was told to, by output."""

    def __init__(self, **answers):
        self.answers = answers
        self.seen = None

    def state(self, device, output):
        self.seen = device
        found = self.answers[f'o{output}']
        if isinstance(found, Exception):
            raise found
        return found

    def power_on(self, device, output):
        raise AssertionError

    power_off = power_on


class LookTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger())
        secrets.create_key()
        self.useFixture(fixtures.MockPatchObject(clock, 'utcnow',
                                                 lambda: NOW))
        self.useFixture(fixtures.MockPatchObject(
            readings.random, 'uniform', lambda low, high: 1.0))
        self.row = {
            'id': 7, 'control_type': 'FakeDevice', 'protocol_type': 'fake',
            'host': 'bmc', 'port_number': 1, 'login': 'admin',
            'password': secrets.encrypt(PASSWORD), 'ssh_key': None,
            'options': {'a': 1}, 'failures': 0}

    def look(self, driver, *outputs, **row):
        self.useFixture(fixtures.MockPatchObject(
            registry, 'get', lambda device: driver))
        visit = readings.look({**self.row, **row}, outputs or ('1',))
        self.assertNotIn(PASSWORD, repr(visit) + self.logger.output)
        return visit

    def fails(self, error, **row):
        visit = self.look(Device(o1=error), **row)
        self.assertEqual({}, visit.states)
        return (visit.failures,
                (visit.retry_at - NOW).total_seconds(), visit.error)

    def test_states(self):
        driver = Device(o1='power_on', o2='power_off')
        visit = self.look(driver, '1', '2')
        self.assertEqual((7, NOW, {'1': 'power_on', '2': 'power_off'},
                          None, 0, None), (
            visit.control_id, visit.at, visit.states, visit.error,
            visit.failures, visit.retry_at))
        self.assertEqual((PASSWORD, {'a': 1}), (driver.seen.password,
                                                driver.seen.options))

    def test_pw1_again_soon_then_rarely(self):
        """A dead BMC is asked less and less often, but never not."""
        error = power_exc.PowerUnreachable(device='bmc')
        pauses = [self.fails(error, failures=count)[1]
                  for count in range(12)]
        self.assertEqual([5, 10, 60, 60, 80, 160, 320, 600, 600, 600, 600,
                          600], pauses)
        self.assertEqual(4, self.fails(error, failures=3)[0])

    def test_one_output_that_is_not_there(self):
        missing = power_exc.PowerNoOutput(device='bmc', output='2')
        visit = self.look(Device(o1='power_on', o2=missing,
                                 o3='power_off'), '1', '2', '3')
        self.assertEqual({'1': 'power_on', '2': 'unknown',
                          '3': 'power_off'}, visit.states)
        self.assertIsNone(visit.error)
        self.assertEqual('cloudmanager.power.no_output: bmc has no output '
                         '2.', visit.note)
        self.assertIn('no output', self.fails(missing)[2])

    def test_outputs_that_are_neither(self):
        """What they are is told, and the others are read (FP7)."""
        def unclear(state):
            return power_exc.PowerUnclear(device='bmc', state=state)

        visit = self.look(Device(o1=unclear('"PoweringOn"')), '1')
        told = ('cloudmanager.power.unclear: bmc is neither on nor off: its '
                'power state is %s.')
        self.assertEqual(({'1': 'unknown'}, None, 0,
                          told % '"PoweringOn"'), (
            visit.states, visit.error, visit.failures, visit.note))
        visit = self.look(Device(o1=unclear('"x"'), o2='power_on',
                                 o3=unclear('missing')), '1', '2', '3')
        self.assertEqual({'1': 'unknown', '2': 'power_on',
                          '3': 'unknown'}, visit.states)
        self.assertEqual('Output 1: ' + told % '"x"' + '; Output 3: '
                         + told % 'missing', visit.note)

    def test_wrong_credentials(self):
        """At once known, and asked rarely: accounts get locked."""
        self.assertEqual((3, 600), self.fails(
            power_exc.PowerCredentials(device='bmc'))[:2])

    def test_names_that_do_not_resolve(self):
        """At once known; to ask again does no harm (FP2)."""
        self.assertEqual((3, 60), self.fails(
            power_exc.PowerUnresolvable(device='bmc'))[:2])

    def test_pw9_busy(self):
        """It lives: no failure, however long its update takes."""
        for error in (power_exc.PowerBusy(device='bmc'),
                      power_exc.PowerUpdating(device='bmc')):
            for failures in (0, 2):
                self.assertEqual((failures, 10), self.fails(
                    error, failures=failures)[:2])

    def test_key_that_is_gone(self):
        (self.directory / 'keys' / '0').unlink()
        secrets.create_key()
        failures, _, error = self.fails('power_on')
        self.assertEqual(1, failures)
        self.assertIn('cannot be decrypted', error)

    def test_driver_that_breaks_down(self):
        failures, _, error = self.fails(KeyError(PASSWORD))
        self.assertEqual((1, 'Its driver broke down: KeyError'),
                         (failures, error))

    def test_plugin_that_is_gone(self):
        visit = readings.look({**self.row, 'control_type': 'Abacus'},
                              ['1'])
        self.assertEqual(3, visit.failures)
        self.assertIn('Abacus', visit.error)

    def test_spread(self):
        """What fell silent together is not looked at together."""
        self.useFixture(fixtures.MockPatchObject(
            readings.random, 'uniform', lambda low, high: high))
        error = exception.Unavailable(reason='x')
        self.assertEqual(6.5, self.fails(error)[1])
