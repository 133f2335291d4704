# SPDX-License-Identifier: Apache-2.0
"""The IPMI driver and BMCs of another make: OpenIPMI's ipmi_sim."""

import concurrent.futures
import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import fixtures
import jsonschema

from cloudmanager.power import base
from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power.ipmi import driver as ipmi
from cloudmanager.power.ipmi import health
from cloudmanager.tests.integration import power_case
from cloudmanager.tests.unit.power import base as unit_base

TOOLS = pathlib.Path(__file__).parents[3] / 'tools'
sys.path.insert(0, str(TOOLS))

import ipmisimlib  # noqa: E402

ON, OFF = states.POWER_ON, states.POWER_OFF
PASSWORD = unit_base.PASSWORD[:16]
DEADLINE = 3.0
# Seconds within which a call that needs no waiting is over.
PROMPT = 2.0
THREADS = 32
# Until ipmi_sim has let us in; one of them refuses a cipher suite.
LOGIN_ANSWERS = 6


class IPMITestCase(power_case.PowerDriverTestCase):
    """Has one BMC, and as many as wanted."""

    password = PASSWORD
    deadline = DEADLINE
    prompt = PROMPT
    pace = 5

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path)
        self.driver = ipmi.IPMIDriver()
        self.bmc, self.device = self.start_bmc('first')

    def start_bmc(self, name, **values):
        """Start a BMC; fails if ipmi_sim is not installed."""
        bmc = ipmisimlib.create(self.directory, name,
                                ipmisimlib.free_port(), password=PASSWORD,
                                **values)
        self.addCleanup(bmc.stop)
        bmc.start()
        return bmc, base.Device('SupermicroRackDevice', 'IPMI', bmc.host,
                                bmc.port, bmc.user, bmc.password)

    def state(self, device=None):
        return self.driver.state(device or self.device, '1')

    def with_options(self, **options):
        """Return the device with options, which have to be allowed ones."""
        for name, value in options.items():
            jsonschema.validate(value, self.driver.options_schema[name])
        return dataclasses.replace(self.device, options=options)

    def requests(self, bmc=None):
        """Return what the chassis was asked for."""
        return [what for _, what in (bmc or self.bmc).log
                if what.startswith('set')]

    def ipmitool(self, *arguments):
        answer = subprocess.run(
            ['ipmitool', '-I', 'lanplus', '-C', '3', '-H', self.bmc.host,
             '-p', str(self.bmc.port), '-U', self.bmc.user, '-E',
             *arguments],
            env={**os.environ, 'IPMI_PASSWORD': PASSWORD}, text=True,
            capture_output=True, check=True, timeout=20)
        return answer.stdout.strip()

    def feeds(self, *devices):
        return [confirm.Feed(self.driver, device, '1')
                for device in devices or [self.device]]


class RequestsTestCase(IPMITestCase):

    def test_state_as_ipmitool_reads_it(self):
        for power in (True, False, True):
            self.bmc.switch(power)
            self.assertEqual(ON if power else OFF, self.state())
            self.assertEqual(
                f'Chassis Power is {"on" if power else "off"}',
                self.ipmitool('power', 'status'))

    def test_off_and_on(self):
        self.driver.power_off(self.device, '1')
        self.assertEqual('off', self.bmc.state)
        self.assertEqual(OFF, self.state())
        self.driver.power_on(self.device, '1')
        self.assertEqual('on', self.bmc.state)
        self.assertEqual(ON, self.state())
        self.assertEqual(['set power 0', 'set power 1'], self.requests())

    def test_what_ipmitool_switches(self):
        self.ipmitool('power', 'off')
        self.assertEqual(OFF, self.state())
        self.ipmitool('power', 'on')
        self.assertEqual(ON, self.state())

    def test_soft(self):
        self.driver.power_off(self.device, '1', soft=True)
        self.assertEqual(['set shutdown 1'], self.requests())
        self.assertEqual(OFF, self.state())

    def test_reset(self):
        self.driver.reset(self.device, '1')
        self.assertEqual(['set reset 1'], self.requests())
        self.assertEqual(ON, self.state())

    def test_off_when_off(self):
        self.bmc.switch(False)
        self.driver.power_off(self.device, '1')
        self.assertEqual(OFF, self.state())
        confirm.fence(self.feeds(), pause=self.pause)

    def test_refused(self):
        self.bmc.set_refusing(True)
        for function in (self.driver.power_off, self.driver.power_on,
                         self.driver.reset):
            error = self.fails(exceptions.PowerRefused, function,
                               self.device, '1')
            self.assertIn('Unspecified', str(error))
        self.assertEqual(ON, self.state())


    def test_outputs_and_check(self):
        self.assertEqual(['1'], self.driver.outputs(self.device))
        self.driver.check(self.device)
        self.assertEqual({'1': ON},
                         self.driver.states(self.device, ['1']))

    def test_boot_devices(self):
        """As ipmitool reads them, and as the chassis was told."""
        for name, selector in (('pxe', 'Force PXE'),
                               ('disk', 'Force Boot from default Hard-Drive'),
                               ('cdrom', 'Force Boot from CD/DVD'),
                               ('bios', 'Force Boot into BIOS Setup'),
                               ('none', 'No override')):
            for persistent in (False, True):
                self.driver.set_boot_device(self.device, '1', name,
                                            persistent)
                self.assertIn(f'Boot Device Selector : {selector}',
                              self.ipmitool('chassis', 'bootparam', 'get',
                                            '5'))
        self.driver.set_boot_device(self.device, '1', 'pxe')
        self.assertEqual('pxe', self.bmc.boot)

    def test_boot_device_refused(self):
        self.bmc.set_refusing(True)
        self.fails(exceptions.PowerRefused, self.driver.set_boot_device,
                   self.device, '1', 'pxe')


class HealthTestCase(IPMITestCase):

    def test_sensors_as_ipmitool_reads_them(self):
        found = {sensor.name: sensor for sensor
                 in self.driver.health(self.device).sensors}
        lines = [[field.strip() for field in line.split('|')]
                 for line in self.ipmitool('sensor').splitlines()]
        self.assertEqual({name for name, *_ in lines}, set(found))
        for name, value, unit, status, *_ in lines:
            sensor = found[name]
            if unit == 'discrete':
                self.assertIsNone(sensor.value)
                self.assertEqual('ok', sensor.status)
                continue
            self.assertAlmostEqual(float(value), sensor.value, 2)
            self.assertEqual({'ok': 'ok', 'cr': 'critical'}[status],
                             sensor.status)
        self.assertEqual(
            [('CPU Temp', 'Temperature', '\N{DEGREE SIGN}C'),
             ('FAN 1', 'Fan', 'RPM'), ('12V', 'Voltage', 'V'),
             ('PS1 Status', 'Power Supply', '')],
            [(sensor.name, sensor.kind, sensor.unit)
             for sensor in found.values()])

    def test_events(self):
        found = self.driver.health(self.device)
        self.assertEqual((1, True), (found.events_total, found.complete))
        event, = found.events
        self.assertEqual(('CPU Temp', 'Upper critical', 'critical'),
                         (event.source, event.text, event.severity))
        self.assertIn('Upper Critical going high',
                      self.ipmitool('sel', 'elist'))

    def test_long_log(self):
        """Only the newest are read; all are counted."""
        _, device = self.start_bmc('long', events=200)
        found = self.driver.health(device)
        self.assertEqual((200, health.EVENTS),
                         (found.events_total, len(found.events)))
        self.assertTrue(found.complete)

    def test_cleared_log(self):
        self.ipmitool('sel', 'clear')
        found = self.driver.health(self.device)
        # Some note that they were cleared.
        self.assertLess(found.events_total, 2)
        self.assertEqual(found.events_total, len(found.events))

    def test_pw10_silent_while_it_is_read(self):
        relay = self.useFixture(Relay(self.bmc.host, self.bmc.port))
        device = dataclasses.replace(self.device, port=relay.port)
        relay.silence_after(LOGIN_ANSWERS + 3)
        self.fails(exceptions.PowerUnreachable, self.driver.health, device,
                   within=DEADLINE + PROMPT)
        relay.silence_after(None)
        self.assertTrue(self.driver.health(device).complete)

    def test_lost_packets(self):
        self.conf.config(group='power', call_deadline=10.0)
        relay = self.useFixture(Relay(self.bmc.host, self.bmc.port))
        device = dataclasses.replace(self.device, port=relay.port)
        relay.lose(LOGIN_ANSWERS + 4)
        self.assertEqual(self.driver.health(self.device),
                         self.driver.health(device))


class OptionsTestCase(IPMITestCase):
    """PW15: settings of one BMC."""

    def test_cipher_suites(self):
        """ipmi_sim has no suite 17, and is offered 3 if that is allowed."""
        self.assertEqual(ON, self.state(self.with_options(
            cipher_suites=[3])))
        error = self.fails(exceptions.PowerUnsupported, self.state,
                           self.with_options(cipher_suites=[17]))
        self.assertIn('cipher suite 17', str(error))

    def test_suite_0_lets_everybody_in_and_is_never_used(self):
        open_to_all = subprocess.run(
            ['ipmitool', '-I', 'lanplus', '-C', '0', '-H', self.bmc.host,
             '-p', str(self.bmc.port), '-U', self.bmc.user, '-E', 'power',
             'status'], env={**os.environ, 'IPMI_PASSWORD': 'wrong'},
            text=True, capture_output=True, timeout=20)
        self.assertIn('Chassis Power is on', open_to_all.stdout)
        wrong = dataclasses.replace(self.device, password='wrong')
        self.fails(exceptions.PowerCredentials, self.state, wrong)
        self.assertRaises(jsonschema.ValidationError, self.with_options,
                          cipher_suites=[0])
        self.fails(exceptions.PowerUnsupported, self.state,
                   dataclasses.replace(wrong,
                                       options={'cipher_suites': [0]}))

    def test_privilege(self):
        """A session for reading cannot switch."""
        user = self.with_options(privilege='user')
        self.assertEqual(ON, self.state(user))
        self.fails(exceptions.PowerCredentials, self.driver.power_off, user,
                   '1')
        self.assertEqual('on', self.bmc.state)
        self.driver.power_off(self.with_options(privilege='operator'), '1')
        self.assertEqual('off', self.bmc.state)

    def test_interval(self):
        device = self.with_options(min_command_interval=0.5)
        start = time.monotonic()
        for _ in range(3):
            self.assertEqual(ON, self.state(device))
        self.assertGreaterEqual(time.monotonic() - start, 1.0)


class ConfirmTestCase(IPMITestCase):

    def test_pw8_slow_off(self):
        self.bmc.set_off_delay(2500)
        confirm.fence(self.feeds(), pause=self.pause)
        self.assertEqual('off', self.bmc.state)
        self.assertEqual(['set power 0'], self.requests())

    def test_off_that_never_comes(self):
        self.conf.config(group='power', confirm_timeout=3.0)
        self.bmc.set_off_delay(None)
        error = self.fails(exceptions.PowerTimeout, confirm.fence,
                           self.feeds(), within=5)
        self.assertIn('last read: power_on', str(error))

    def test_refused_off_on_a_chassis_that_is_off(self):
        self.bmc.switch(False)
        self.bmc.set_refusing_off(True)
        self.fails(exceptions.PowerRefused, self.driver.power_off,
                   self.device, '1')
        confirm.fence(self.feeds(), pause=self.pause)

    def test_pw18_soft_then_hard(self):
        self.bmc.set_soft_delay(None)
        confirm.switch_off(self.feeds(), pause=self.pause)
        self.assertEqual(['set shutdown 1', 'set power 0'], self.requests())
        self.assertEqual('off', self.bmc.state)

    def test_pw17_two_feeds(self):
        other, device = self.start_bmc('second')
        confirm.fence(self.feeds(self.device, device), pause=self.pause)
        self.assertEqual(['off', 'off'], [self.bmc.state, other.state])

    def test_reset(self):
        confirm.reset(self.feeds(), pause=self.pause)
        self.assertEqual(['set reset 1'], self.requests())

    def test_pw10_fence_of_a_bmc_that_comes_back(self):
        self.bmc.pause()
        timer = threading.Timer(2, self.bmc.resume)
        timer.start()
        self.addCleanup(timer.join)
        self.conf.config(group='power', confirm_timeout=20.0)
        confirm.fence(self.feeds(), pause=self.pause)
        self.assertEqual('off', self.bmc.state)


class FailuresTestCase(IPMITestCase):

    def test_wrong_password(self):
        wrong = dataclasses.replace(self.device, password='not-this-one')
        self.fails(exceptions.PowerCredentials, self.state, wrong)
        # PW4: and the right one is not taken for it afterwards.
        self.assertEqual(ON, self.state())
        self.fails(exceptions.PowerCredentials, self.state, wrong)

    def test_se2_hostile_passwords(self):
        """Taken as they are, and seen by nobody."""
        for number, password in enumerate((
                '$(id);`id`|&', "';--", '<a>&amp;</a>', '%s%n%x', '-P#x',
                '\N{SNOWMAN}\N{SNOWMAN}')):
            bmc = ipmisimlib.create(self.directory, f'h{number}',
                                    ipmisimlib.free_port(),
                                    password=password)
            self.addCleanup(bmc.stop)
            bmc.start()
            device = dataclasses.replace(self.device, port=bmc.port,
                                         password=password)
            self.assertEqual(ON, self.state(device))
            wrong = dataclasses.replace(device, password=password[:-1] + 'y')
            error = self.fails(exceptions.PowerCredentials, self.state,
                               wrong)
            self.assertNotIn(wrong.password, unit_base.everything_of(error))
            self.assertNotIn(password, self.logger.output)

    def test_wrong_user(self):
        wrong = dataclasses.replace(self.device, login='nobody')
        self.fails(exceptions.PowerCredentials, self.state, wrong)

    def test_null_user(self):
        """A control without a login is for user 1 (FP5)."""
        for password, privilege in ((PASSWORD, 'admin'),
                                    (PASSWORD, 'operator'), ('', 'admin')):
            bmc, device = self.start_bmc(
                f'null-{privilege}-{len(password)}', null_password=password,
                null_privilege=privilege)
            device = dataclasses.replace(device, login=None,
                                         password=password or None)
            self.assertEqual(ON, self.state(device))
            self.driver.power_off(device, '1')
            self.assertEqual('off', bmc.state)
            self.assertEqual(OFF, self.state(device))
            self.fails(exceptions.PowerCredentials, self.state,
                       dataclasses.replace(device, password='wrong'))

    def test_null_user_who_may_only_read(self):
        """As ipmi_sim has it by itself (FP5)."""
        null = dataclasses.replace(
            self.with_options(privilege='user'), login=None, password=None)
        self.assertEqual(ON, self.state(null))
        self.fails(exceptions.PowerCredentials, self.driver.power_off, null,
                   '1')
        self.assertEqual('on', self.bmc.state)

    def test_pw1_closed_port(self):
        closed = dataclasses.replace(self.device,
                                     port=ipmisimlib.free_port())
        self.fails(exceptions.PowerUnreachable, self.state, closed,
                   within=DEADLINE + PROMPT)

    def test_unknown_host(self):
        """FP2: that has a code of its own."""
        unknown = dataclasses.replace(self.device, host='bmc.invalid')
        self.fails(exceptions.PowerUnresolvable, self.state, unknown,
                   within=DEADLINE + PROMPT)

    def test_pw1_silent_from_the_start(self):
        """FP2: that has a code of its own."""
        self.bmc.pause()
        self.fails(exceptions.PowerSilent, self.state,
                   within=DEADLINE + PROMPT)
        self.bmc.resume()
        self.assertEqual(ON, self.state())

    def test_pw10_silent_in_mid_session(self):
        """It lets us in and falls silent when it gets the command."""
        relay = self.useFixture(Relay(self.bmc.host, self.bmc.port))
        device = dataclasses.replace(self.device, port=relay.port)
        self.assertEqual(ON, self.state(device))
        relay.silence_after(LOGIN_ANSWERS)
        self.fails(exceptions.PowerUnreachable, self.state, device,
                   within=DEADLINE + PROMPT)
        self.assertEqual(LOGIN_ANSWERS, relay.answers)
        relay.silence_after(None)
        start = time.monotonic()
        self.assertEqual(ON, self.state(device))
        self.assertLess(time.monotonic() - start, PROMPT)

    def test_pw5_restarted_bmc(self):
        self.assertEqual(ON, self.state())
        self.bmc.stop()
        self.bmc.start()
        self.assertEqual(ON, self.state())

    def test_pw4_changed_password(self):
        self.assertEqual(ON, self.state())
        self.bmc.stop()
        changed = ipmisimlib.create(self.directory, 'first', self.bmc.port,
                                    password='another')
        changed.start()
        self.fails(exceptions.PowerCredentials, self.state)
        self.assertEqual(ON, self.state(dataclasses.replace(
            self.device, password='another')))

    def test_lost_packets(self):
        """Each packet that is lost is sent again."""
        self.conf.config(group='power', call_deadline=10.0)
        relay = self.useFixture(Relay(self.bmc.host, self.bmc.port))
        device = dataclasses.replace(self.device, port=relay.port)
        for number in (0, 3, 6):
            relay.lose(number)
            self.driver.power_off(device, '1')
        self.assertEqual('off', self.bmc.state)

    def test_a_reset_is_never_sent_twice(self):
        relay = self.useFixture(Relay(self.bmc.host, self.bmc.port))
        device = dataclasses.replace(self.device, port=relay.port)
        relay.silence_after(LOGIN_ANSWERS)
        self.fails(exceptions.PowerUnreachable, self.driver.reset, device,
                   '1', within=DEADLINE + PROMPT)
        self.assertEqual(['set reset 1'], self.requests())


class ManyTestCase(IPMITestCase):

    def test_pw1_a_black_hole_delays_nobody(self):
        hole, hole_device = self.start_bmc('hole')
        hole.pause()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            lost = pool.submit(self.fails, exceptions.PowerUnreachable,
                               self.state, hole_device,
                               within=DEADLINE + PROMPT)
            self.delays_nobody(lost, lambda: self.assertEqual(
                ON, self.state()))

    def test_pw4_twenty_calls_leave_nothing(self):
        def call():
            self.assertEqual(ON, self.state())
            self.driver.power_on(self.device, '1')

        self.leaves_nothing(call)
        # One of them is that of ipmitool itself.
        self.assertIn('active sessions               : 1',
                      self.ipmitool('session', 'info', 'active'))

    def test_many_threads_and_one_bmc(self):
        """It is asked one after the other, and everybody gets an answer."""
        self.conf.config(group='power', call_deadline=20.0)
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            found = list(pool.map(lambda _: self.state(), range(THREADS)))
        self.assertEqual([ON] * THREADS, found)

    def test_many_threads_and_many_bmcs(self):
        devices = [self.device] + [self.start_bmc(f'bmc{number}')[1]
                                   for number in range(5)]
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for function in (self.driver.power_off, self.driver.power_on):
                list(pool.map(lambda device, function=function:
                              function(device, '1'), devices))
            found = list(pool.map(self.state, devices * 10))
        self.assertEqual([ON] * len(found), found)


class Relay(fixtures.Fixture):
    """Stands before a BMC and loses packets as it is told."""

    def __init__(self, host, port):
        super().__init__()
        self._bmc = (host, port)
        self._limit = None
        self._lost = None
        self._requests = 0
        self.answers = 0

    def _setUp(self):
        self._front = self._socket()
        self._front.bind(('127.0.0.1', 0))
        self.port = self._front.getsockname()[1]
        self._back = self._socket()
        self._back.connect(self._bmc)
        self._client = None
        self._stopping = threading.Event()
        for function in (self._forward, self._return):
            thread = threading.Thread(target=function)
            thread.start()
            self.addCleanup(thread.join, 10)
        self.addCleanup(self._stopping.set)

    def _socket(self):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.settimeout(0.1)
        self.addCleanup(made.close)
        return made

    def silence_after(self, answers):
        """Let so many answers pass from now on; None is all."""
        self.answers, self._limit = 0, answers

    def lose(self, number):
        """Lose one of the requests from now on, counting from 0."""
        self._requests, self._lost = 0, number

    def _forward(self):
        while not self._stopping.is_set():
            try:
                packet, self._client = self._front.recvfrom(3000)
            except TimeoutError:
                continue
            if self._requests != self._lost:
                self._back.send(packet)
            self._requests += 1

    def _return(self):
        while not self._stopping.is_set():
            try:
                packet = self._back.recv(3000)
            except TimeoutError:
                continue
            if self._limit is None or self.answers < self._limit:
                self._front.sendto(packet, self._client)
                self.answers += 1
