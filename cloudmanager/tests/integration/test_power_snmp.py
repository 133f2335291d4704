# SPDX-License-Identifier: Apache-2.0
"""The drivers of DAEnetIP2, and an agent of another make: net-snmp."""

import concurrent.futures
import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import time

from cloudmanager.power import base
from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import network
from cloudmanager.power import states
from cloudmanager.power.snmp import daenet
from cloudmanager.power.snmp import daenet_acpi
from cloudmanager.tests import base as tests_base
from cloudmanager.tests.integration import relays

ON, OFF, UNKNOWN = states.POWER_ON, states.POWER_OFF, states.UNKNOWN
ROOT = '.1.3.6.1.4.1.19865.1.2'
# What shells and XML make something else of; quotes and backslashes cannot
# be in a file of snmpd.
HOSTILE = ('x y', 'a#b', '$(id)', '`id`;|&', '<a>&amp;', '%s%n', '../x',
           '\N{SNOWMAN}')


class BoardTestCase(relays.RelayTestCase):

    control_type = 'DaenetIP2'
    driver_class = daenet.DaenetDriver
    options = {}

    def setUp(self):
        super().setUp()
        self.board = self.useFixture(relays.Board(self.password))
        self.driver = self.driver_class()
        self.device = base.Device(
            self.control_type, 'snmp', self.board.host, self.board.port,
            password=self.password, options=self.options)

    def snmp(self, program, *arguments, version='1'):
        """Ask the agent by net-snmp's own tools."""
        configuration = pathlib.Path(self.board.directory) / 'client'
        configuration.mkdir(exist_ok=True)
        (configuration / 'snmp.conf').write_text(
            f'defCommunity {self.password}\n')
        found = subprocess.run(
            [program, f'-v{version}', '-Oqvn',
             f'{self.board.host}:{self.board.port}', *arguments],
            env={**os.environ, 'SNMPCONFPATH': str(configuration)},
            text=True, capture_output=True, timeout=20, check=True)
        return found.stdout.strip()

    def pin(self, port, number):
        return self.snmp('snmpget', f'{ROOT}.{port}.{number}.0')


class SwitchingTestCase(BoardTestCase):

    def test_every_output_as_snmpget_reads_it(self):
        for number in range(1, 17):
            output = str(number)
            pin = (number - 1) // 8 + 1, (number - 1) % 8 + 1
            self.driver.power_on(self.device, output)
            self.assertEqual((ON, '1'),
                             (self.state(output), self.pin(*pin)))
            self.driver.power_off(self.device, output)
            self.assertEqual((OFF, '0'),
                             (self.state(output), self.pin(*pin)))

    def test_what_snmpset_switches(self):
        self.snmp('snmpset', f'{ROOT}.2.4.0', 'i', '1')
        self.assertEqual({'11': OFF, '12': ON},
                         self.driver.states(self.device, ['11', '12']))

    def test_versions(self):
        for version in ('1', '2c'):
            device = self.with_options(version=version)
            self.driver.power_on(device, '1')
            self.assertEqual(ON, self.state('1', device))
            self.driver.power_off(device, '1')
            self.driver.check(device)

    def test_outputs_and_check(self):
        self.assertEqual(16, len(self.driver.outputs(self.device)))
        self.driver.check(self.device)
        self.driver.check(self.device, '16')
        self.assertEqual([], self.board.log)

    def test_off_when_off(self):
        self.driver.power_off(self.device, '1')
        confirm.fence(self.feeds(), pause=self.pause)

    def test_reset(self):
        self.board.change(outputs={'1.1': 1})
        confirm.reset(self.feeds(), pause=self.pause)
        self.assertEqual([('1.1', '0'), ('1.1', '1')], self.board.log)

    def test_many_threads(self):
        self.conf.config(group='power', call_deadline=20.0)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda number: self.driver.power_on(
                self.device, str(number)), range(1, 17)))
        self.assertEqual(16, sum(self.board.state['outputs'].values()))

    def test_nothing_is_left(self):
        self.leaves_nothing(self.state)


class ConfirmTestCase(BoardTestCase):

    def test_pw8_slow_off(self):
        self.board.change(outputs={'1.1': 1}, lag=1.5)
        confirm.fence(self.feeds(), pause=self.pause)
        self.assertEqual([('1.1', '0')], self.board.log)

    def test_off_that_never_comes(self):
        self.conf.config(group='power', confirm_timeout=2.0)
        self.board.change(outputs={'1.1': 1}, lag=None)
        error = self.fails(exceptions.PowerTimeout, confirm.fence,
                           self.feeds(), within=5)
        self.assertIn('last read: power_on', str(error))

    def test_refused_off(self):
        self.conf.config(group='power', confirm_timeout=2.0)
        for version, answer, reason in (
                ('1', 'wrong-value', 'badValue'),
                ('2c', 'inconsistent-value', 'inconsistentValue')):
            self.board.change(outputs={'1.1': 1}, refusal=answer)
            error = self.fails(exceptions.PowerRefused, self.driver.power_off,
                               self.with_options(version=version), '1')
            self.assertIn(reason, str(error))
        self.fails(exceptions.PowerRefused, confirm.fence, self.feeds(),
                   within=5)
        self.board.change(refusal=None)
        confirm.fence(self.feeds(), pause=self.pause)

    def test_pw17_two_feeds(self):
        self.board.change(outputs={'1.1': 1, '2.1': 1})
        confirm.fence(self.feeds('1', '9'), pause=self.pause)
        self.assertEqual({'1.1': 0, '2.1': 0}, self.board.state['outputs'])


class FailuresTestCase(BoardTestCase):

    def test_wrong_output(self):
        self.fails(exceptions.PowerNoOutput, self.driver.power_on,
                   self.device, '17')
        # One that the agent does not have, in words of both versions.
        for version in ('1', '2c'):
            device = dataclasses.replace(self.device, options={
                'outputs': ['P5.9'], 'version': version})
            for function in (self.driver.state, self.driver.power_on):
                self.fails(exceptions.PowerUnsupported, function, device,
                           '1')

    def test_wrong_community(self):
        """No answer: only a check can tell it from a dead board."""
        wrong = dataclasses.replace(self.device, password='wrong')
        self.fails(exceptions.PowerSilent, self.state, '1', wrong,
                   within=self.deadline + self.prompt)
        self.conf.config(group='power', call_deadline=20.0)
        self.patch(network, 'CONNECT_SECONDS', 1.0)
        self.fails(exceptions.PowerCredentials, self.driver.check, wrong,
                   within=10)
        self.assertEqual(OFF, self.state())

    def test_community_that_may_only_read(self):
        for version in ('1', '2c'):
            device = dataclasses.replace(
                self.with_options(version=version),
                password=relays.READ_ONLY)
            self.assertEqual(OFF, self.state('1', device))
            self.fails(exceptions.PowerCredentials, self.driver.power_on,
                       device, '1')
        self.assertEqual([], self.board.log)

    def test_pw4_changed_community(self):
        self.assertEqual(OFF, self.state())
        self.board.stop()
        self.board.community = 'another'
        self.board.start()
        self.fails(exceptions.PowerSilent, self.state,
                   within=self.deadline + self.prompt)
        self.assertEqual(OFF, self.state('1', dataclasses.replace(
            self.device, password='another')))

    def test_hostile_communities(self):
        for community in HOSTILE:
            self.board.stop()
            self.board.community = community
            self.board.start()
            device = dataclasses.replace(self.device, password=community)
            self.driver.power_on(device, '1')
            self.driver.power_off(device, '1')
            self.assertNotIn(community, self.logger.output)

    def test_something_else(self):
        other = self.useFixture(relays.Board(self.password, 'Radio 7'))
        error = self.fails(exceptions.PowerUnsupported, self.driver.check,
                           dataclasses.replace(self.device, port=other.port))
        self.assertIn('"Radio 7"', str(error))

    def test_pw1_unreachable(self):
        self.fails(exceptions.PowerUnreachable, self.state, '1',
                   self.other_port(socket.SOCK_DGRAM))
        self.fails(exceptions.PowerUnresolvable, self.state, '1',
                   dataclasses.replace(self.device, host='board.invalid'),
                   within=self.deadline + self.prompt)

    def test_pw10_silent_and_back(self):
        self.assertEqual(OFF, self.state())
        self.board.pause()
        for function in (self.driver.state, self.driver.power_on):
            self.fails(exceptions.PowerSilent, function, self.device,
                       '1', within=self.deadline + self.prompt)
        self.board.resume()
        self.assertEqual(OFF, self.state('2'))

    def test_restarted(self):
        self.board.stop()
        self.fails(exceptions.PowerUnreachable, self.state)
        self.board.start()
        self.assertEqual(OFF, self.state())


class ButtonsTestCase(BoardTestCase):
    """Machines whose buttons are pressed."""

    control_type = 'DaenetIP2_ACPI'
    driver_class = daenet_acpi.DaenetACPIDriver
    # A machine of the simulator is cut off after 0.6 s.
    options = {'sense_inputs': [1, 2, 3, 4, 5, 6, 7, 8],
               'short_press_ms': 150, 'long_press_ms': 1000}
    deadline = 6.0

    def setUp(self):
        super().setUp()
        self.addCleanup(self.check_buttons)

    def check_buttons(self):
        """No test may leave a button pressed."""
        self.assertEqual({}, self.board.state['pressed'])

    def on(self, number=1):
        return self.board.state['on'].get(str(number), False)

    def test_on_and_soft_off(self):
        confirm.switch_on(self.feeds(), pause=self.pause)
        self.assertTrue(self.on())
        confirm.switch_off(self.feeds(), pause=self.pause)
        self.assertEqual([('1.1', '1'), ('1.1', '0')] * 2, self.board.log)
        self.assertEqual(OFF, self.state())

    def test_hard_off(self):
        self.board.change(on={'2': True}, shutdown=None)
        confirm.fence(self.feeds('2'), pause=self.pause)
        self.assertFalse(self.on(2))
        self.assertEqual([('1.2', '1'), ('1.2', '0')], self.board.log)

    def test_pw18_soft_then_hard(self):
        self.conf.config(group='power', soft_timeout=2.0)
        self.board.change(on={'1': True}, shutdown=None)
        confirm.switch_off(self.feeds(), pause=self.pause)
        self.assertEqual([('1.1', '1'), ('1.1', '0')] * 2, self.board.log)
        self.assertFalse(self.on())

    def test_reset(self):
        self.board.change(on={'1': True})
        confirm.reset(self.feeds(), pause=self.pause)
        self.assertTrue(self.on())

    def test_what_is_so_already(self):
        self.board.change(on={'2': True})
        self.driver.power_off(self.device, '1')
        self.driver.power_off(self.device, '1', soft=True)
        self.driver.power_on(self.device, '2')
        self.assertEqual([], self.board.log)

    def test_state_without_an_input(self):
        self.conf.config(group='power', confirm_timeout=2.0)
        self.board.change(on={'1': True})
        device = self.with_options(sense_inputs=[])
        self.assertEqual(UNKNOWN, self.state('1', device))
        error = self.fails(
            exceptions.PowerTimeout, confirm.fence,
            self.feeds(device=device), within=6)
        self.assertIn('last read: unknown', str(error))
        # It is off, but nobody can know.
        self.assertFalse(self.on())

    def test_press_of_a_process_that_died(self):
        """It is killed while it holds a button; another takes over."""
        self.board.change(on={'1': True})
        program = (
            'import sys\n'
            'from oslo_config import cfg\n'
            'from cloudmanager.conf import power\n'
            'from cloudmanager.power import base\n'
            'from cloudmanager.power.snmp import daenet_acpi\n'
            'power.register_opts(cfg.CONF)\n'
            'cfg.CONF([])\n'
            'daenet_acpi.DaenetACPIDriver().power_off(base.Device(\n'
            '    "DaenetIP2_ACPI", "snmp", "127.0.0.1", int(sys.argv[1]),\n'
            '    password=sys.stdin.readline().strip(),\n'
            '    options={"sense_inputs": [1], "long_press_ms": 15000}),\n'
            '    "1")\n')
        with subprocess.Popen(
                [sys.executable, '-c', program, str(self.board.port)],
                stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True) as process:
            process.stdin.write(f'{self.password}\n')
            process.stdin.flush()
            tests_base.wait_for(lambda: self.board.state['pressed'], 20)
            process.kill()
        self.assertEqual(['1'], list(self.board.state['pressed']))
        time.sleep(self.board.state['override'])
        # It has been cut off, and the button is still down.
        self.assertEqual(OFF, self.state())
        self.driver.power_on(self.device, '1')
        self.assertEqual({}, self.board.state['pressed'])
        self.assertTrue(self.on())
        self.assertEqual(['1', '0', '1', '0'],
                         [value for _, value in self.board.log])

    def test_forgotten_press_is_ended_by_readings(self):
        self.patch(daenet_acpi, 'FORGOTTEN_SECONDS', 0.0)
        self.snmp('snmpset', f'{ROOT}.1.3.0', 'i', '1')
        self.state('3')
        self.assertEqual(['3'], list(self.board.state['pressed']))
        time.sleep(1.0)
        self.state('3')
        self.assertEqual({}, self.board.state['pressed'])

    def test_pw10_silent_in_mid_press(self):
        self.board.change(on={'1': True})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pressing = pool.submit(self.driver.power_off, self.device, '1')
            tests_base.wait_for(lambda: self.board.state['pressed'])
            self.board.pause()
            error = pressing.exception(20)
        self.assertIsInstance(error, exceptions.PowerError)
        self.assertIn('P3.1 may still be pressed', str(error))
        self.board.resume()
        # What comes next lets go of it.
        self.driver.power_on(self.device, '1')
        self.assertEqual({}, self.board.state['pressed'])

    def test_community_that_may_only_read(self):
        device = dataclasses.replace(self.device, password=relays.READ_ONLY)
        self.fails(exceptions.PowerCredentials, self.driver.power_on, device,
                   '1')
        self.assertEqual([], self.board.log)
