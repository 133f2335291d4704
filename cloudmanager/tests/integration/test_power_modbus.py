# SPDX-License-Identifier: Apache-2.0
"""The driver of ET-7067, and a module of another make: libmodbus."""

import concurrent.futures
import dataclasses
import socket

from cloudmanager.power import base
from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power.modbus import et7067
from cloudmanager.tests.integration import relays
from cloudmanager.tests.unit.power import peers

ON, OFF = states.POWER_ON, states.POWER_OFF
# What answers a read takes, header and all.
ANSWER = 10


class ModbusTestCase(relays.RelayTestCase):

    def setUp(self):
        super().setUp()
        self.module = self.useFixture(relays.Module())
        self.driver = et7067.ET7067Driver()
        self.device = base.Device(
            'ET7067', 'modbus', self.module.host, self.module.port,
            password=self.password)


class SwitchingTestCase(ModbusTestCase):

    def test_every_output(self):
        for number in range(1, 9):
            output = str(number)
            self.driver.power_on(self.device, output)
            self.assertEqual(ON, self.state(output))
            self.assertEqual('1' * number + '0' * (8 - number),
                             self.module.coils)
        for number in range(1, 9):
            self.driver.power_off(self.device, str(number))
        self.assertEqual('0' * 8, self.module.coils)

    def test_states(self):
        self.module.set_coils('01000001')
        self.assertEqual(
            {'1': OFF, '2': ON, '7': OFF, '8': ON},
            self.driver.states(self.device, ['1', '2', '7', '8']))

    def test_what_somebody_else_switches(self):
        self.assertEqual(OFF, self.state('3'))
        self.module.set_coils('00100000')
        self.assertEqual(ON, self.state('3'))

    def test_outputs_and_check(self):
        self.assertEqual(8, len(self.driver.outputs(self.device)))
        for output in self.driver.outputs(self.device):
            self.driver.check(self.device, output)
        self.assertEqual([], self.module.log)

    def test_inverted(self):
        device = self.with_options(inverted=True)
        self.assertEqual(ON, self.state('1', device))
        self.driver.power_off(device, '1')
        self.assertEqual('10000000', self.module.coils)

    def test_off_when_off(self):
        self.driver.power_off(self.device, '1')
        confirm.fence(self.feeds(), pause=self.pause)

    def test_reset(self):
        self.module.set_coils('10000000')
        confirm.reset(self.feeds(), pause=self.pause)
        self.assertEqual([('0', '0'), ('0', '1')], self.module.log)

    def test_any_unit_is_answered(self):
        """That is why the unit is no proof of anything."""
        self.driver.power_on(self.with_options(unit=99), '1')
        self.assertEqual('10000000', self.module.coils)

    def test_one_connection_is_enough(self):
        """And is given back at once."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: self.driver.power_on(
                self.device, str(number)), range(1, 9)))
        self.assertEqual('1' * 8, self.module.coils)

    def test_nothing_is_left(self):
        self.leaves_nothing(self.state)


class ConfirmTestCase(ModbusTestCase):

    def test_pw8_slow_off(self):
        self.module.set_coils('10000000')
        self.module.behave('lag', 1500)
        confirm.fence(self.feeds(), pause=self.pause)
        self.assertEqual('00000000', self.module.coils)
        self.assertEqual([('0', '0')], self.module.log)

    def test_off_that_never_comes(self):
        self.conf.config(group='power', confirm_timeout=2.0)
        self.module.set_coils('10000000')
        self.module.behave('lag', -1)
        error = self.fails(exceptions.PowerTimeout, confirm.fence,
                           self.feeds(), within=5)
        self.assertIn('last read: power_on', str(error))

    def test_refused_off(self):
        self.conf.config(group='power', confirm_timeout=2.0)
        self.module.set_coils('10000000')
        self.module.behave('refuse', 4)
        error = self.fails(exceptions.PowerRefused, self.driver.power_off,
                           self.device, '1')
        self.assertIn('failure of the device', str(error))
        # Told at once, with the words of the module (FP2).
        self.fails(exceptions.PowerRefused, confirm.fence, self.feeds(),
                   within=5)
        self.module.behave('refuse')
        confirm.fence(self.feeds(), pause=self.pause)

    def test_pw17_two_feeds(self):
        self.module.set_coils('11000000')
        confirm.fence(self.feeds('1', '2'), pause=self.pause)
        self.assertEqual('00000000', self.module.coils)


class FailuresTestCase(ModbusTestCase):

    def test_wrong_output(self):
        self.fails(exceptions.PowerNoOutput, self.driver.power_on,
                   self.device, '9')
        error = self.fails(exceptions.PowerUnsupported, self.driver.power_on,
                           self.with_options(first_coil=4), '5')
        self.assertIn('this coil', str(error))

    def test_busy(self):
        self.module.behave('refuse', 6)
        self.fails(exceptions.PowerBusy, self.driver.power_on, self.device,
                   '1')

    def test_pw1_unreachable(self):
        self.fails(exceptions.PowerUnreachable, self.state, '1',
                   self.other_port(socket.SOCK_STREAM))
        self.fails(exceptions.PowerUnresolvable, self.state, '1',
                   dataclasses.replace(self.device, host='module.invalid'),
                   within=self.deadline + self.prompt)

    def test_pw10_silent_and_back(self):
        self.module.pause()
        for function in (self.driver.state, self.driver.power_on):
            self.fails(exceptions.PowerSilent, function, self.device,
                       '1', within=self.deadline + self.prompt)
        self.module.resume()
        self.assertEqual(OFF, self.state('2'))

    def test_pw10_silent_in_mid_answer(self):
        relay = self.useFixture(peers.TCPRelay(self.module.host,
                                               self.module.port))
        device = dataclasses.replace(self.device, port=relay.port)
        self.assertEqual(OFF, self.state('1', device))
        # The write is answered, its check not to the end.
        relay.silence_after(12 + ANSWER // 2)
        self.fails(exceptions.PowerSilent, self.driver.power_on, device,
                   '1', within=self.deadline + self.prompt)
        relay.silence_after(None)

    def test_restarted(self):
        self.assertEqual(OFF, self.state())
        self.module.stop()
        self.fails(exceptions.PowerUnreachable, self.state)
        self.module.start()
        self.assertEqual(OFF, self.state())

    def test_a_connection_that_somebody_else_holds(self):
        """The module serves one: it is silent, and that is all we know."""
        with socket.create_connection((self.module.host,
                                       self.module.port)):
            self.fails(exceptions.PowerSilent, self.state,
                       within=self.deadline + self.prompt)
        self.assertEqual(OFF, self.state())
