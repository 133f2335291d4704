# SPDX-License-Identifier: Apache-2.0
"""The Redfish driver and the emulator of sushy-tools.

That is of the same family as the client library, and has neither sessions
nor logs; those are tested with a service of our own, in the unit tests.
What the driver does is seen by curl as well.
"""

import concurrent.futures
import dataclasses
import json
import subprocess

import fixtures

from cloudmanager.power import base
from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power.redfish import driver as redfish
from cloudmanager.tests.integration import power_case
from cloudmanager.tests.integration import redfish_emulator
from cloudmanager.tests.unit.power import base as unit_base
from cloudmanager.tests.unit.power import peers

ON, OFF = states.POWER_ON, states.POWER_OFF
PASSWORD = unit_base.PASSWORD
FIRST, SECOND = redfish_emulator.FIRST, redfish_emulator.SECOND
DEADLINE = 3.0
# Seconds within which a call that needs no waiting is over.
PROMPT = 3.0


class RedfishTestCase(power_case.PowerDriverTestCase):

    deadline = DEADLINE
    prompt = PROMPT
    confirm_timeout = 15.0
    soft_timeout = 10.0

    def setUp(self):
        super().setUp()
        self.driver = redfish.RedfishDriver()
        self.addCleanup(self.driver.close)

    def start(self, **values):
        self.emulator = self.useFixture(
            redfish_emulator.Emulator(PASSWORD, **values))
        self.device = base.Device(
            'Redfish', 'redfish', self.emulator.host, self.emulator.port,
            self.emulator.user, PASSWORD, options={'ca': self.emulator.ca})

    def state(self, output=FIRST, device=None):
        return self.driver.state(device or self.device, output)

    def curl(self, output=FIRST):
        """Return a system as another program sees it."""
        done = subprocess.run(
            ['curl', '--silent', '--fail', '--insecure', '--config', '-',
             f'https://{self.emulator.host}:{self.emulator.port}/redfish/v1/'
             f'Systems/{output}'], capture_output=True, text=True,
            check=True, timeout=20,
            input=f'user = "{self.emulator.user}:{self.emulator.password}"')
        return json.loads(done.stdout)

    def feeds(self, output=FIRST):
        return [confirm.Feed(self.driver, self.device, output)]


class RequestsTestCase(RedfishTestCase):

    def setUp(self):
        super().setUp()
        self.start()

    def test_verbs(self):
        self.assertEqual((ON, OFF), (self.state(), self.state(SECOND)))
        self.driver.power_off(self.device, FIRST)
        self.assertEqual((OFF, 'Off'), (self.state(),
                                        self.curl()['PowerState']))
        self.driver.power_on(self.device, FIRST)
        self.assertEqual((ON, 'On'), (self.state(),
                                      self.curl()['PowerState']))
        self.driver.reset(self.device, FIRST)
        self.assertEqual(ON, self.state())
        self.driver.power_off(self.device, FIRST, soft=True)
        self.assertEqual('Off', self.curl()['PowerState'])
        self.assertEqual(OFF, self.state(SECOND))

    def test_outputs(self):
        self.assertEqual([FIRST, SECOND], self.driver.outputs(self.device))
        self.driver.check(self.device)
        self.driver.check(self.device, SECOND)
        self.assertEqual(OFF, self.state(f'/redfish/v1/Systems/{SECOND}'))
        for output in ('1', '', 'nothing', '/redfish/v1/Systems/x'):
            self.fails(exceptions.PowerNoOutput, self.driver.check,
                       self.device, output)

    def test_boot_device(self):
        for name, said in (('pxe', 'Pxe'), ('cdrom', 'Cd'),
                           ('disk', 'Hdd')):
            self.driver.set_boot_device(self.device, FIRST, name)
            self.assertEqual(said, self.curl()['Boot'][
                'BootSourceOverrideTarget'])
        self.fails(exceptions.PowerUnsupported, self.driver.set_boot_device,
                   self.device, FIRST, 'bios')

    def test_health(self):
        found = self.driver.health(self.device)
        self.assertTrue(found.complete)
        kinds = {sensor.kind for sensor in found.sensors}
        self.assertEqual({'Temperature', 'Fan'}, kinds)
        self.assertTrue(all(sensor.value is not None
                            for sensor in found.sensors))

    def test_already_off(self):
        self.driver.power_off(self.device, SECOND)
        self.assertEqual(OFF, self.state(SECOND))
        confirm.fence(self.feeds(SECOND), pause=self.pause)


class ConfirmTestCase(RedfishTestCase):

    def test_pw8_slow_changes(self):
        self.start(seconds=2)
        confirm.fence(self.feeds(), pause=self.pause)
        self.assertEqual('Off', self.curl()['PowerState'])
        confirm.switch_on(self.feeds(), pause=self.pause)
        self.assertEqual('On', self.curl()['PowerState'])
        confirm.switch_off(self.feeds(), pause=self.pause)
        self.assertEqual('Off', self.curl()['PowerState'])

    def test_refused_off(self):
        self.start(refuses_off=True)
        self.conf.config(group='power', confirm_timeout=1.5)
        error = self.fails(exceptions.PowerRefused, self.driver.power_off,
                           self.device, FIRST)
        self.assertIn('disabled', str(error))
        # Not at the end of the time but at once (FP2).
        self.conf.config(group='power', confirm_timeout=60.0)
        error = self.fails(exceptions.PowerRefused, confirm.fence,
                           self.feeds(), within=9)
        self.assertIn('disabled', str(error))

    def test_reset(self):
        self.start(seconds=1)
        confirm.reset(self.feeds(), pause=self.pause)
        self.assertEqual('On', self.curl()['PowerState'])


class FailuresTestCase(RedfishTestCase):

    def setUp(self):
        super().setUp()
        # One machine, as most BMCs have.
        self.start(systems={FIRST: 'On'})

    def test_the_only_system(self):
        for output in ('1', ''):
            self.assertEqual(ON, self.state(output))

    def test_wrong_password(self):
        for values in ({'password': 'wrong'}, {'login': 'nobody'}):
            self.fails(exceptions.PowerCredentials, self.state, FIRST,
                       dataclasses.replace(self.device, **values))
        self.assertEqual(ON, self.state())

    def test_pw4_changed_password(self):
        self.assertEqual(ON, self.state())
        self.emulator.set_password('another')
        self.fails(exceptions.PowerCredentials, self.state)
        self.assertEqual(ON, self.state(device=dataclasses.replace(
            self.device, password='another')))

    def test_certificates(self):
        stranger = peers.Authority(self.useFixture(fixtures.TempDir()).path)
        for options in ({}, {'ca': stranger.pem},
                        {'fingerprint': 'ab' * 32}):
            self.fails(exceptions.PowerUntrusted, self.state, FIRST,
                       dataclasses.replace(self.device, options=options))
        self.assertEqual(ON, self.state(device=dataclasses.replace(
            self.device, options={'verify': False, 'auth': 'basic'})))

    def test_pw1_unreachable_and_back(self):
        self.assertEqual(ON, self.state())
        self.emulator.stop()
        self.fails(exceptions.PowerUnreachable, self.state)
        self.emulator.start()
        self.assertEqual(ON, self.state())

    def test_pw10_silent_and_back(self):
        self.assertEqual(ON, self.state())
        self.emulator.pause()
        with self.short_deadline():
            self.fails(exceptions.PowerUnreachable, self.state)
            self.fails(exceptions.PowerUnreachable, self.driver.power_off,
                       self.device, FIRST)
        self.emulator.resume()
        self.assertEqual(ON, self.state())

    def test_pw10_silent_in_mid_session_and_back(self):
        relay = self.useFixture(peers.TCPRelay(self.emulator.host,
                                               self.emulator.port))
        device = dataclasses.replace(
            self.device, port=relay.port,
            options={'verify': False, 'auth': 'basic'})
        self.assertEqual(ON, self.state(device=device))
        relay.silence_after(None)
        self.assertEqual(ON, self.state(device=device))
        whole = relay.answered
        with self.short_deadline():
            # In the handshake, behind it, and in the middle of the answer.
            for count in (100, whole // 2, whole - 50):
                relay.silence_after(count)
                self.fails(exceptions.PowerUnreachable, self.state, FIRST,
                           device)
        relay.silence_after(None)
        self.assertEqual(ON, self.state(device=device))

    def test_many_threads_and_one_device(self):
        self.conf.config(group='power', call_deadline=30.0)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda _: self.state(), range(16)))
        self.assertEqual([ON] * 16, found)
