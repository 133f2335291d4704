# SPDX-License-Identifier: Apache-2.0
"""The AMT driver, and a machine that other clients find to be one.

There is no simulator of AMT by somebody else. So the one of the unit tests
is used through two other clients as well: the package ``amt``, which has
been used with real machines, and messages in the shape that the toolkit of
Intel sends (default namespaces, no selectors), with the HTTP digest of the
standard library.
"""

import concurrent.futures
import dataclasses
import time
import urllib.request
from xml.etree import ElementTree

from amt import client as amt_client
import fixtures

from cloudmanager.power import base
from cloudmanager.power import confirm
from cloudmanager.power import exceptions
from cloudmanager.power import states
from cloudmanager.power.amt import driver as amt
from cloudmanager.tests.integration import power_case
from cloudmanager.tests.unit.power import amt_peer
from cloudmanager.tests.unit.power import base as unit_base
from cloudmanager.tests.unit.power import peers

ON, OFF = states.POWER_ON, states.POWER_OFF
PASSWORD = unit_base.PASSWORD
DEADLINE = 1.5
# Seconds within which a call that needs no waiting is over.
PROMPT = 2.0

_OTHER_SHAPE = '''<?xml version="1.0" encoding="utf-8"?>\
<Envelope xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" \
xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" \
xmlns="http://www.w3.org/2003/05/soap-envelope"><Header>\
<a:Action>%(action)s</a:Action><a:To>/wsman</a:To>\
<w:ResourceURI>%(resource)s</w:ResourceURI><a:MessageID>0</a:MessageID>\
<w:OperationTimeout>PT60S</w:OperationTimeout></Header>\
<Body>%(body)s</Body></Envelope>'''
_SELECTOR = '''<x:%(name)s xmlns:x="%(resource)s">\
<ReferenceParameters xmlns="http://schemas.xmlsoap.org/ws/2004/08/\
addressing"><SelectorSet xmlns="http://schemas.dmtf.org/wbem/wsman/1/\
wsman.xsd"><Selector Name="%(key)s">%(value)s</Selector></SelectorSet>\
</ReferenceParameters></x:%(name)s>'''


class AMTTestCase(power_case.PowerDriverTestCase):

    deadline = DEADLINE
    prompt = PROMPT

    def setUp(self):
        super().setUp()
        self.driver = amt.AMTDriver()
        self.machine, self.device = self.start_machine()

    def start_machine(self, **values):
        machine = self.useFixture(amt_peer.AMT(PASSWORD, **values))
        return machine, base.Device('IntelAMT', 'intel_amt', '127.0.0.1',
                                    machine.port, 'admin', PASSWORD)

    def state(self, device=None):
        return self.driver.state(device or self.device, '1')

    def feeds(self):
        return [confirm.Feed(self.driver, self.device, '1')]

    def fence(self):
        confirm.fence(self.feeds(), pause=self.pause)


class OtherClientsTestCase(AMTTestCase):
    """What the driver believes is seen and done by others too."""

    def setUp(self):
        super().setUp()
        self.other = amt_client.Client('127.0.0.1', PASSWORD)
        # It knows the usual port only.
        self.url = f'http://127.0.0.1:{self.device.port}/wsman'
        self.other.uri = self.url

    def ask(self, action, resource, body, password=PASSWORD):
        """Send a message in the other shape and return the answer."""
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, self.url, 'admin', password)
        opener = urllib.request.build_opener(
            urllib.request.HTTPDigestAuthHandler(passwords))
        message = _OTHER_SHAPE % {'action': action, 'resource': resource,
                                  'body': body}
        with opener.open(urllib.request.Request(
                self.url, message.encode(), {
                    'Content-Type': 'application/soap+xml'}),
                timeout=10) as answer:
            return ElementTree.fromstring(answer.read())

    def call(self, name, method, arguments):
        resource = f'{amt_peer.CIM}{name}'
        answer = self.ask(
            f'{resource}/{method}', resource,
            f'<x:{method}_INPUT xmlns:x="{resource}">{arguments}'
            f'</x:{method}_INPUT>')
        return answer.findtext(f'.//{{{resource}}}ReturnValue')

    def change(self, state):
        return self.call(
            'CIM_PowerManagementService', 'RequestPowerStateChange',
            f'<x:PowerState>{state}</x:PowerState>' + _SELECTOR % {
                'name': 'ManagedElement', 'key': 'Name',
                'value': 'ManagedSystem', 'resource':
                f'{amt_peer.CIM}CIM_PowerManagementService'})

    def enumerated(self):
        resource = f'{amt_peer.CIM}CIM_ServiceAvailableToElement'
        verb = f'{amt_peer.ENUMERATION}/%s'
        context = self.ask(
            verb % 'Enumerate', resource, f'<Enumerate xmlns="'
            f'{amt_peer.ENUMERATION}" />').findtext(
                f'.//{{{amt_peer.ENUMERATION}}}EnumerationContext')
        answer = self.ask(
            verb % 'Pull', resource, f'<Pull xmlns="{amt_peer.ENUMERATION}">'
            f'<EnumerationContext>{context}</EnumerationContext>'
            f'<MaxElements>999</MaxElements></Pull>')
        return answer.findtext(f'.//{{{amt_peer.CIM}CIM_Associated'
                               f'PowerManagementService}}PowerState')

    def test_they_see_what_the_driver_does(self):
        for function, state, number in (
                (self.driver.power_off, OFF, '8'),
                (self.driver.power_on, ON, '2'),
                (self.driver.reset, ON, '2')):
            function(self.device, '1')
            self.assertEqual(state, self.state())
            self.assertEqual(number, self.other.power_status())
            self.assertEqual(number, self.enumerated())

    def test_the_driver_sees_what_they_do(self):
        self.assertEqual(0, self.other.power_off())
        self.assertEqual(OFF, self.state())
        self.assertEqual(0, self.other.power_on())
        self.assertEqual(ON, self.state())
        self.assertEqual(0, self.other.power_cycle())
        self.assertEqual('0', self.change(8))
        self.assertEqual(OFF, self.state())
        self.assertEqual('2', self.change(10))
        self.assertEqual('0', self.change(2))
        self.assertEqual(ON, self.state())

    def test_boot_devices(self):
        self.other.pxe_next_boot()
        found = self.machine.boot_source, self.machine.boot_once
        self.assertEqual(('Intel(r) AMT: Force PXE Boot', True), found)
        self.machine.boot_source = self.machine.boot_once = None
        self.assertEqual('0', self.call(
            'CIM_BootConfigSetting', 'ChangeBootOrder', _SELECTOR % {
                'name': 'Source', 'key': 'InstanceID',
                'value': 'Intel(r) AMT: Force PXE Boot',
                'resource': f'{amt_peer.CIM}CIM_BootConfigSetting'}))
        self.assertEqual('0', self.call(
            'CIM_BootService', 'SetBootConfigRole', '<x:Role>1</x:Role>'))
        self.assertEqual(found, (self.machine.boot_source,
                                 self.machine.boot_once))
        self.machine.boot_source = self.machine.boot_once = None
        self.driver.set_boot_device(self.device, '1', 'pxe')
        self.assertEqual(found, (self.machine.boot_source,
                                 self.machine.boot_once))

    def test_nobody_gets_in_with_a_wrong_password(self):
        self.other.password = 'wrong'
        self.assertRaises(Exception, self.other.power_status)
        self.assertRaises(urllib.error.HTTPError, self.ask,
                          f'{amt_peer.TRANSFER}Get',
                          f'{amt_peer.CIM}CIM_AssociatedPowerManagement'
                          f'Service', '', 'wrong')
        self.fails(exceptions.PowerCredentials, self.state,
                   dataclasses.replace(self.device, password='wrong'))


class ConfirmTestCase(AMTTestCase):

    def test_pw8_slow_off(self):
        self.machine.delay = 1.5
        self.fence()
        self.assertEqual(amt_peer.OFF, self.machine.state)
        self.assertEqual([8], self.machine.asked)

    def test_off_that_never_comes(self):
        self.conf.config(group='power', confirm_timeout=1.5)
        self.machine.delay = None
        error = self.fails(exceptions.PowerTimeout, self.fence, within=5)
        self.assertIn('last read: power_on', str(error))

    def test_refused_off(self):
        """Somebody has its console open: no word of it being off."""
        self.conf.config(group='power', confirm_timeout=1.5)
        self.machine.redirection = True
        error = self.fails(exceptions.PowerRefused, self.fence, within=5)
        self.assertIn('session of SOL', str(error))

    def test_already_off(self):
        self.machine.power = amt_peer.OFF
        self.fence()
        self.assertEqual([], self.machine.asked)

    def test_pw18_soft_then_hard(self):
        self.conf.config(group='power', soft_timeout=1.0)
        self.machine.hangs = True
        confirm.switch_off(self.feeds(), pause=self.pause)
        self.assertEqual([amt_peer.GRACEFUL_OFF, 8], self.machine.asked)

    def test_pw18_soft_that_is_not_there(self):
        self.machine.agent = False
        confirm.switch_off(self.feeds(), pause=self.pause)
        self.assertEqual([8], self.machine.asked)

    def test_asleep(self):
        self.machine.power = amt_peer.SLEEP
        self.fence()
        self.assertEqual([8], self.machine.asked)

    def test_reset(self):
        confirm.reset(self.feeds(), pause=self.pause)
        self.assertEqual([10], self.machine.asked)


class FailuresTestCase(AMTTestCase):

    def test_pw4_changed_password(self):
        self.assertEqual(ON, self.state())
        self.machine.password = 'another'
        self.fails(exceptions.PowerCredentials, self.state)
        self.fails(exceptions.PowerCredentials, self.fence)
        self.assertEqual(ON, self.state(dataclasses.replace(
            self.device, password='another')))

    def test_certificates(self):
        """A machine that is another one does not get to see anything."""
        authority = peers.Authority(
            self.useFixture(fixtures.TempDir()).path)
        machine, device = self.start_machine(context=authority.context())
        for options in ({}, {'fingerprint': 'ab' * 32}):
            self.fails(exceptions.PowerUntrusted, self.state,
                       dataclasses.replace(device, options={
                           'tls': True, **options}))
        self.assertEqual([], machine.seen)
        self.assertEqual(ON, self.state(dataclasses.replace(
            device, options={'tls': True, 'ca': authority.pem})))

    def test_whatever_its_output_is_called(self):
        for output in ('1', '', '2', 'nothing'):
            self.assertEqual(ON, self.driver.state(self.device, output))

    def test_pw1_unreachable(self):
        for host, port, kind in (
                ('127.0.0.1', peers.free_port(), exceptions.PowerUnreachable),
                ('amt.invalid', 16992, exceptions.PowerUnresolvable)):
            self.fails(kind, self.state,
                       dataclasses.replace(self.device, host=host,
                                           port=port),
                       within=DEADLINE + PROMPT)

    def test_pw10_silent_in_mid_session_and_back(self):
        relay = self.useFixture(peers.TCPRelay('127.0.0.1',
                                               self.device.port))
        device = dataclasses.replace(self.device, port=relay.port)
        self.assertEqual(ON, self.state(device))
        # In the challenge, behind it, and in the middle of the answer.
        for count in (0, 100, 350, 600):
            relay.silence_after(count)
            self.fails(exceptions.PowerUnreachable, self.state, device,
                       within=DEADLINE + PROMPT)
            relay.silence_after(None)
            start = time.monotonic()
            self.assertEqual(ON, self.state(device))
            self.assertLess(time.monotonic() - start, PROMPT)

    def test_a_reset_is_never_sent_twice(self):
        relay = self.useFixture(peers.TCPRelay('127.0.0.1',
                                               self.device.port))
        device = dataclasses.replace(self.device, port=relay.port)
        relay.silence_after(350)
        self.fails(exceptions.PowerUnreachable, self.driver.reset, device,
                   '1', within=DEADLINE + PROMPT)
        self.assertEqual([10], self.machine.asked)

    def test_pw1_a_black_hole_delays_nobody(self):
        hole = peers.RawPeer(lambda connection: hole.silence(connection))
        self.useFixture(hole)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            lost = pool.submit(
                self.fails, exceptions.PowerUnreachable, self.state,
                dataclasses.replace(self.device, port=hole.port),
                within=DEADLINE + PROMPT)
            self.delays_nobody(lost, lambda: self.assertEqual(
                ON, self.state()))

    def test_twenty_calls_leave_nothing(self):
        self.leaves_nothing(lambda: self.assertEqual(ON, self.state()))

    def test_many_threads_and_one_machine(self):
        self.conf.config(group='power', call_deadline=20.0)
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            found = list(pool.map(lambda _: self.state(), range(32)))
        self.assertEqual([ON] * 32, found)
